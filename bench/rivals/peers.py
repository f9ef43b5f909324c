"""The peers: what each one reads, how it is called on our project, and how its answer is read.

Each is configured as well as it allows; what a user would have to write for that lies in the folder of its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.rivals import findings, install

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Reads = Literal["dockerfile", "tree", "compose", "image", "stack"]
HERE = Path(__file__).parent
COMPOSE_FILES = ("docker-compose.yml", "docker-compose.override.yml")
ENGINE = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 300.0
NOT_SHIPPED = ("tests", "docs", "bench", "seatrial")
"""Made-up secrets stand in tests and documents: who scans the tree for secrets leaves these folders out."""


@dataclass(frozen=True)
class Place:
    """What is looked at: a copy of the project, and its image."""

    folder: Path
    image: str


@dataclass(frozen=True)
class Look:
    """One call of a peer over one thing. A look at a running stack has no call of its own: see stack.py."""

    reads: Reads
    answer: Callable[[str], Iterable[str]]
    argv: Callable[[Place], list[str]] = lambda _: []
    stdin: Callable[[Place], str | None] = lambda _: None
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """A program that people would use instead of a part of `verify`."""

    name: str
    about: str
    looks: tuple[Look, ...]
    written: tuple[str, ...] = ()
    """The files that a user must write for it, in the folder of its name."""
    version: tuple[str, ...] = ("--version",)

    @property
    def lines(self) -> int:
        """How many lines a user must write."""
        return written_lines(self.name, self.written)


def written_lines(peer: str, names: Iterable[str]) -> int:
    """Return how many lines some files of a peer's settings hold: neither blank ones nor comments."""
    texts = [(HERE / peer / name).read_text(encoding="utf-8") for name in names]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return sum(bool(line) and not line.startswith("#") for line in lines)


def _program(name: str) -> str:
    return str(install.program(name))


def _settings(peer: str, name: str) -> str:
    return str(HERE / peer / name)


def _dockerfile(place: Place) -> str:
    """Return the Dockerfile as hadolint can read it: with the option of HEALTHCHECK that it stops at left out."""
    text = (place.folder / "Dockerfile").read_text(encoding="utf-8")
    return re.sub(r" --start-interval=\S+", "", text)


HADOLINT = Peer(
    "hadolint",
    "rules about a Dockerfile's text",
    (
        Look(
            "dockerfile",
            findings.hadolint,
            lambda _: [
                *(_program("hadolint"), "--no-fail", "--format", "json"),
                *("--config", _settings("hadolint", "hadolint.yaml"), "-"),
            ],
            _dockerfile,
        ),
    ),
    ("hadolint.yaml",),
)

COMPOSE_LINT = Peer(
    "compose-lint",
    "rules about a compose file's text",
    (
        Look(
            "compose",
            findings.compose_lint,
            lambda place: [
                *(_program("compose-lint"), "check", "--format", "json"),
                *(name for name in COMPOSE_FILES if (place.folder / name).is_file()),
            ],
        ),
    ),
)

CHECKOV = Peer(
    "checkov",
    "rules about a Dockerfile's text; secrets in the tree",
    (
        Look(
            "dockerfile",
            findings.checkov,
            lambda _: [
                *(_program("checkov"), "--file", "Dockerfile", "--framework", "dockerfile"),
                *("--output", "json", "--quiet", "--compact", "--skip-download"),
            ],
        ),
        Look(
            "tree",
            findings.checkov,
            lambda _: [
                *(_program("checkov"), "--directory", ".", "--framework", "secrets", "--enable-secret-scan-all-files"),
                *("--output", "json", "--quiet", "--compact", "--skip-download"),
                *(word for name in NOT_SHIPPED for word in ("--skip-path", f"{name}/")),
            ],
        ),
    ),
)

_TRIVY = ("--quiet", "--format", "json", "--offline-scan", "--skip-check-update")

TRIVY = Peer(
    "trivy",
    "rules about a Dockerfile's text; secrets in the tree and in an image (its CVEs were not asked for)",
    (
        Look(
            "tree",
            findings.trivy,
            lambda _: [
                *(_program("trivy"), "fs", *_TRIVY, "--scanners", "misconfig,secret"),
                *("--skip-dirs", ",".join(NOT_SHIPPED), "."),
            ],
        ),
        Look(
            "image",
            findings.trivy,
            lambda place: [
                *(_program("trivy"), "image", *_TRIVY, "--image-src", "docker", "--scanners", "misconfig,secret"),
                *("--image-config-scanners", "misconfig,secret", place.image),
            ],
        ),
    ),
)

DOCKLE = Peer(
    "dockle",
    "CIS points about an image",
    (
        Look(
            "image",
            findings.dockle,
            lambda place: [
                *(_program("dockle"), "--quiet", "--format", "json", "--host", ENGINE),
                *(word for key in ("password", "token", "secret") for word in ("--sensitive-word", key)),
                place.image,
            ],
        ),
    ),
)

DIVE = Peer(
    "dive",
    "files that an image stores more than once",
    (
        Look(
            "image",
            findings.dive,
            lambda place: [_program("dive"), "--ci", "--ci-config", _settings("dive", "ci.yaml"), place.image],
        ),
    ),
    ("ci.yaml",),
)

STRUCTURE_TEST = Peer(
    "container-structure-test",
    "assertions about an image, written by hand",
    (
        Look(
            "image",
            findings.structure_test,
            lambda place: [
                *(_program("container-structure-test"), "test", "--output", "json", "--image", place.image),
                *("--config", _settings("container-structure-test", "100.yaml")),
            ],
        ),
    ),
    ("100.yaml",),
    ("version",),
)

GOSS = Peer(
    "goss",
    "assertions inside running containers, written by hand",
    (Look("stack", findings.goss),),
    ("facilitator.yaml", "redis-prod.yaml"),
)

PEERS = (HADOLINT, COMPOSE_LINT, CHECKOV, TRIVY, DOCKLE, DIVE, STRUCTURE_TEST, GOSS)
