"""What a report draws: layers, the stack, the course of the trial. Plain data, taken from the evidence once.

A document that was not gathered leaves its picture empty; pictures decide nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.evidence.places import layer_instruction

if TYPE_CHECKING:
    from seatrial.evidence import Evidence


@dataclass(frozen=True)
class LayerPicture:
    """One layer of the image. `made_by` is the base image's name or the instruction that wrote it."""

    number: int
    made_by: str
    size_bytes: int
    files: int
    is_base: bool


@dataclass(frozen=True)
class ServicePicture:
    """One production service: what it runs, where it is published, what it joins, keeps and waits for."""

    name: str
    image: str
    ports: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]
    waits_for: tuple[str, ...]


@dataclass(frozen=True)
class NetworkPicture:
    """One network that production services join. An internal one has no way out."""

    name: str
    is_internal: bool


@dataclass(frozen=True)
class Moment:
    """Something that happened in the trial, so many seconds after its beginning. `kind` is one of `trial.MOMENTS`."""

    seconds: float
    kind: str
    text: str


@dataclass(frozen=True)
class Pictures:
    """All of them."""

    layers: tuple[LayerPicture, ...] = ()
    services: tuple[ServicePicture, ...] = ()
    networks: tuple[NetworkPicture, ...] = ()
    moments: tuple[Moment, ...] = ()


def draw(evidence: Evidence) -> Pictures:
    """Return the pictures that the evidence gives."""
    services, networks = _stack(evidence)
    told = evidence.documents.get("trial.timeline") or []
    return Pictures(_layers(evidence), services, networks, tuple(Moment(**moment) for moment in told))


def _layers(evidence: Evidence) -> tuple[LayerPicture, ...]:
    if not {"image.layers", "image.base_layers"} <= set(evidence.documents):
        return ()
    plain = evidence.unobserved()
    base = plain.base_layer_count()
    reference = str((evidence.documents.get("image.base") or {}).get("reference", ""))
    found = []
    for number, layer in enumerate(plain.layers(), start=1):
        written = layer_instruction(evidence, number - base)
        made_by = reference if number <= base else written[1] if written else ""
        size = sum(entry.size_bytes for entry in layer.entries)
        files = sum(entry.kind == "file" for entry in layer.entries)
        found.append(LayerPicture(number, made_by, size, files, number <= base))
    return tuple(found)


def _stack(evidence: Evidence) -> tuple[tuple[ServicePicture, ...], tuple[NetworkPicture, ...]]:
    if "compose.production" not in evidence.documents:
        return (), ()
    model = json.loads(evidence.documents["compose.production"])
    services = tuple(_service(name, service) for name, service in evidence.unobserved().services().items())
    joined = {name for service in services for name in service.networks}
    declared = model.get("networks") or {}
    networks = tuple(
        NetworkPicture(name, bool((declared.get(name) or {}).get("internal"))) for name in declared if name in joined
    )
    return services, networks


def _service(name: str, service: dict[str, Any]) -> ServicePicture:
    mounts = service.get("volumes") or []
    return ServicePicture(
        name,
        str(service.get("image") or ""),
        tuple(_port(port) for port in service.get("ports") or []),
        tuple(service.get("networks") or {}),
        tuple(
            f"{mount.get('source') or 'unnamed'} at {mount['target']}" for mount in mounts if mount["type"] == "volume"
        ),
        tuple(service.get("depends_on") or {}),
    )


def _port(port: dict[str, Any]) -> str:
    published = f"{port.get('host_ip') or '*'}:{port.get('published') or 'any'}"
    return f"{published} \N{RIGHTWARDS ARROW} {port.get('target')}"
