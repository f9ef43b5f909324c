"""Bars as an SVG that can be read on light and on dark ground, on paper too, and by whoever only hears it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, NAMES, VALUES = 760, 210, 90
"""In all, for the names on the left, for the values on the right."""
ROW, BAR, TITLE, GAP, MARGIN = 24, 15, 34, 18, 12
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.part { fill: #d0d7de }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .bar { fill: #7d8590 }
  .ours { fill: #4493f8 }
  .part { fill: #30363d }
}
"""


@dataclass(frozen=True)
class Bar:
    """One value. `behind` is a longer bar behind it: of how many it is."""

    name: str
    value: float
    said: str
    ours: bool = False
    behind: float = 0.0


@dataclass(frozen=True)
class Group:
    """Bars on one scale, under one title."""

    title: str
    bars: tuple[Bar, ...]


def draw(groups: Sequence[Group]) -> str:
    """Return the chart. Each group has its own scale, which begins at nothing."""
    height = MARGIN + sum(TITLE + ROW * len(group.bars) + GAP for group in groups)
    image = ET.Element(
        "svg",
        {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {height}", "role": "img"},
    )
    ET.SubElement(image, "title").text = "seatrial beside other tools"
    ET.SubElement(image, "desc").text = "; ".join(f"{group.title}: {_spoken(group)}" for group in groups)
    ET.SubElement(image, "style").text = STYLE
    top = MARGIN
    for group in groups:
        _group(image, group, top)
        top += TITLE + ROW * len(group.bars) + GAP
    ET.indent(image)
    return ET.tostring(image, encoding="unicode") + "\n"


def _spoken(group: Group) -> str:
    return ", ".join(f"{bar.name} {bar.said}" for bar in group.bars)


def _group(image: ET.Element, group: Group, top: int) -> None:
    _text(image, group.title, 0, top + BAR, "title")
    longest = max(max(bar.value, bar.behind) for bar in group.bars) or 1.0
    scale = (WIDTH - NAMES - VALUES) / longest
    for number, bar in enumerate(group.bars):
        y = top + TITLE + number * ROW
        _text(image, bar.name, NAMES - 8, y + BAR - 3, "", anchor="end")
        if bar.behind:
            _rectangle(image, "part", y, bar.behind * scale)
        _rectangle(image, "ours" if bar.ours else "bar", y, max(bar.value * scale, 1.0))
        _text(image, bar.said, NAMES + max(bar.value, bar.behind) * scale + 8, y + BAR - 3, "")


def _rectangle(image: ET.Element, kind: str, y: int, width: float) -> None:
    place = {"x": str(NAMES), "y": str(y), "width": f"{width:.1f}", "height": str(BAR), "class": kind}
    ET.SubElement(image, "rect", place)


def _text(image: ET.Element, text: str, x: float, y: float, kind: str, *, anchor: str = "start") -> None:  # noqa: PLR0913 - a place, a kind, an edge
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    ET.SubElement(image, "text", {**place, "class": kind} if kind else place).text = text
