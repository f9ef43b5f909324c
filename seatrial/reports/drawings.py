"""The geometry of the page's pictures: where each box, line and mark stands. The template only draws them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from seatrial.reports.visible import on_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.evidence.pictures import Moment, NetworkPicture, Pictures, ServicePicture

BOX_WIDTH, GAP, MARGIN = 160, 16, 8
NETWORK_WIDTH = 104
PORT_Y, SERVICE_Y, NETWORK_Y = 22, 88, 184
PORT_HEIGHT, SERVICE_HEIGHT, NETWORK_HEIGHT = 20, 52, 36
CHARACTER_WIDTH = 6.7
"""Of the monospaced letters in a picture, in its own units."""
MARK_SHARE = 7.5
"""How much of a timeline's width, in percent, a mark needs for itself on a phone."""
STATES = {
    "start": "starting",
    "healthy": "well",
    "asked": "well",
    "fault": "broken",
    "noticed": "ill",
    "mended": "starting",
    "recovered": "well",
    "stop": "starting",
    "failed": "broken",
}
"""What the stack is in after a moment of a kind."""


@dataclass(frozen=True)
class Box:
    """A rectangle with a title and a line below it, both short enough for it."""

    x: float
    y: float
    width: float
    height: float
    title: str
    below: str = ""
    kind: str = ""

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """The y of its lower edge."""
        return self.y + self.height


@dataclass(frozen=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str = ""


@dataclass(frozen=True)
class Stack:
    """The services between the ports of this machine and their networks."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Span:
    """A part of the timeline, in thousandths of its width, and the state that the stack is in."""

    x: float
    width: float
    state: str


@dataclass(frozen=True)
class Mark:
    """A numbered moment: its place in percent of the width, and how far it is moved down to stay clear of others."""

    number: int
    percent: float
    level: int
    moment: Moment


@dataclass(frozen=True)
class Timeline:
    """The course of the trial."""

    seconds: float
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    levels: int


def stack(pictures: Pictures) -> Stack | None:
    """Return the picture of the stack, or None when there is nothing to draw."""
    services = pictures.services
    if not services:
        return None
    networks = _below_their_services(pictures)
    width = max(_row(len(services), BOX_WIDTH), _row(len(networks), NETWORK_WIDTH))
    places = _spread(len(services), BOX_WIDTH, width)
    boxes = {service.name: _service(service, x) for service, x in zip(services, places, strict=True)}
    ports = [box for service in services for box in _ports(service, boxes[service.name])]
    spread = _spread(len(networks), NETWORK_WIDTH, width)
    joined = {network.name: _network(network, x) for network, x in zip(networks, spread, strict=True)}
    lines = [Line(port.middle, port.bottom, port.middle, SERVICE_Y, "port") for port in ports]
    lines += [
        Line(boxes[service.name].middle, boxes[service.name].bottom, joined[name].middle, NETWORK_Y, joined[name].kind)
        for service in services
        for name in service.networks
        if name in joined
    ]
    height = (NETWORK_Y + NETWORK_HEIGHT if networks else SERVICE_Y + SERVICE_HEIGHT) + MARGIN
    return Stack(width, height, (*ports, *boxes.values(), *joined.values()), tuple(lines))


def timeline(moments: Sequence[Moment]) -> Timeline | None:
    """Return the picture of the trial's course, or None when there was no trial."""
    if not moments:
        return None
    seconds = max(moments[-1].seconds, 0.001)
    spans = tuple(
        Span(1000 * one.seconds / seconds, 1000 * (other.seconds - one.seconds) / seconds, STATES.get(one.kind, "well"))
        for one, other in pairwise(moments)
    )
    marks: list[Mark] = []
    for number, moment in enumerate(moments, start=1):
        percent = 100 * moment.seconds / seconds
        taken = {mark.level for mark in marks if abs(mark.percent - percent) < MARK_SHARE}
        level = next(level for level in range(len(taken) + 1) if level not in taken)
        marks.append(Mark(number, percent, level, moment))
    return Timeline(seconds, spans, tuple(marks), 1 + max(mark.level for mark in marks))


def shares(sizes: Sequence[int]) -> list[float]:
    """Return how long each bar is, in percent of the longest; what is there at all is seen."""
    largest = max(sizes, default=0)
    return [max(100 * size / largest, 0.5) if size else 0.0 for size in sizes]


def in_words(size_bytes: int) -> str:
    """Return a size as people say it: decimal, as Docker does."""
    if size_bytes >= 1_000_000:  # noqa: PLR2004 - a megabyte
        return f"{size_bytes / 1_000_000:.1f} MB"
    return f"{size_bytes / 1000:.1f} kB" if size_bytes >= 1000 else f"{size_bytes} B"  # noqa: PLR2004 - a kilobyte


def _row(count: int, box: float) -> float:
    return count * (box + GAP) - GAP + 2 * MARGIN


def _spread(count: int, box: float, width: float) -> list[float]:
    """Return where boxes of a row begin, evenly over the width."""
    free = (width - 2 * MARGIN - count * box) / max(count, 1)
    return [MARGIN + free / 2 + number * (box + free) for number in range(count)]


def _below_their_services(pictures: Pictures) -> list[NetworkPicture]:
    """Return the networks from left to right as the services that join them, so that few lines cross."""

    def middle(network: NetworkPicture) -> float:
        joining = [n for n, service in enumerate(pictures.services) if network.name in service.networks]
        return sum(joining) / len(joining) if joining else len(pictures.services)

    return sorted(pictures.networks, key=middle)


def _service(service: ServicePicture, x: float) -> Box:
    title, below = _short(BOX_WIDTH, service.name, service.image)
    return Box(x, SERVICE_Y, BOX_WIDTH, SERVICE_HEIGHT, title, below, "service")


def _ports(service: ServicePicture, box: Box) -> list[Box]:
    """Return one box for the first port; a second line says how many more there are."""
    if not service.ports:
        return []
    more = f" +{len(service.ports) - 1}" if len(service.ports) > 1 else ""
    (text,) = _short(BOX_WIDTH, f"{service.ports[0]}{more}")
    kind = "port" if service.ports[0].startswith(("127.", "[::1]", "::1")) else "open port"
    return [Box(box.x, PORT_Y, BOX_WIDTH, PORT_HEIGHT, text, kind=kind)]


def _network(network: NetworkPicture, x: float) -> Box:
    kind = "internal" if network.is_internal else "network"
    title, below = _short(NETWORK_WIDTH, network.name, "no way out" if network.is_internal else "network")
    return Box(x, NETWORK_Y, NETWORK_WIDTH, NETWORK_HEIGHT, title, below, kind)


def _short(width: float, *texts: str) -> list[str]:
    """Return texts cut to what a box has room for. What is shown as an escape must be one before it is measured."""
    room = int((width - 12) / CHARACTER_WIDTH)
    shown = [on_one_line(text) for text in texts]
    return [text if len(text) <= room else f"{text[: room - 1]}\N{HORIZONTAL ELLIPSIS}" for text in shown]
