"""A mutant: the healthy project with one thing broken, and the promises that must be seen to break."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import yaml

if TYPE_CHECKING:
    from pathlib import Path

Patch = Callable[["Path"], None]
"""Breaks something in the copy of the project that lies in a folder."""

TREE = "context,dockerfile,compose,supply.waivers"
IMAGE = f"{TREE},image,layers,packages,supply.sbom,supply.base"
JUDGED = {
    "tree": TREE,
    "image": IMAGE,
    "trial": f"{TREE},runtime,redis,payment",
    "rebuild": f"{IMAGE},supply.reproducible",
}
"""Which families and checks judge a mutant: those named in `kills`, and all that could fall by accident."""


@dataclass(frozen=True)
class Mutant:
    """One broken project. `kills` are exactly the checks that fail on it; every other one that is judged passes."""

    name: str
    breaks: str
    """What is wrong, as one sentence."""
    patch: Patch
    kills: frozenset[str]
    needs: Literal["tree", "image", "trial", "rebuild"]
    says: tuple[str, ...] = ()
    """What `./invoke verify` must say of it. Given: it is run as a program of its own, as people do."""
    built: Literal["after", "before", "by hand"] = "after"
    """Whether the image is made after or before the patch; by hand: after it, with `docker build` alone."""
    starts: bool = True
    """Whether its stack becomes healthy. Otherwise everything that must be asked of a running stack is skipped."""


def kills(*ids: str) -> frozenset[str]:
    """Return the ids of the checks that must fail."""
    return frozenset(ids)


# --- ways to break a tree ------------------------------------------------------------------------------------------


def both(*patches: Patch) -> Patch:
    """Apply several patches in order."""

    def apply(root: Path) -> None:
        for patch in patches:
            patch(root)

    return apply


def swap(name: str, old: str, new: str) -> Patch:
    """Replace a piece of text in a file, which must hold it once."""

    def apply(root: Path) -> None:
        text = (root / name).read_bytes().decode()
        assert text.count(old) == 1, f"{name} holds {old!r} {text.count(old)} times: the mutant must be mended"
        (root / name).write_bytes(text.replace(old, new).encode())

    return apply


def write(name: str, content: str | bytes) -> Patch:
    """Write a file."""

    def apply(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return apply


def append(name: str, text: str) -> Patch:
    """Write more at the end of a file."""

    def apply(root: Path) -> None:
        with (root / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return apply


def remove(name: str) -> Patch:
    """Remove a file."""
    return lambda root: (root / name).unlink()


def payload(command: str) -> Patch:
    """Run one more command on /payload, after owners and modes were set and before the times are."""
    marker = "    find /payload -exec touch"
    return swap("Dockerfile", marker, f"    {command}; \\\n{marker}")


def early(*lines: str) -> Patch:
    """Add instructions to the build stage, which is not shipped."""
    return swap("Dockerfile", "WORKDIR /build\n", "".join(f"{line}\n" for line in ("WORKDIR /build", *lines)))


def last_stage(*lines: str) -> Patch:
    """Add instructions to the last stage, as root."""
    marker = "WORKDIR /app\nUSER"
    return swap("Dockerfile", marker, "".join(f"{line}\n" for line in lines) + marker)


def model(edit: Callable[[dict[str, Any]], Any]) -> Patch:
    """Edit the compose file."""

    def apply(root: Path) -> None:
        file = root / "docker-compose.yml"
        # By way of JSON, so that services that share an anchor no longer share an object.
        document = json.loads(json.dumps(yaml.safe_load(file.read_text(encoding="utf-8"))))
        edit(document)
        file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    return apply


def service(name: str, **keys: Any) -> Patch:
    """Set keys of a service in the compose file; None takes a key away."""

    def edit(document: dict[str, Any]) -> None:
        for key, value in keys.items():
            document["services"][name].pop(key, None)
            if value is not None:
                document["services"][name][key] = value

    return model(edit)
