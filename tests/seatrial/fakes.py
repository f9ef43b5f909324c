"""Stand-ins for the Docker Engine and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from seatrial import process
from seatrial.engine import PROJECT_LABEL, SERVICE_LABEL, Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest


def container(service: str, status: str = "running", health: str = "", **more: Any) -> dict[str, Any]:
    """Return what `docker inspect` says of a container, as far as the toolkit reads it."""
    state: dict[str, Any] = {"Status": status, "StartedAt": "2026-01-01T00:00:00.5Z"}
    if health:
        state["Health"] = {"Status": health, "Log": [{"Output": "an old one"}, {"Output": f"{service} says no\n"}]}
    return {
        "Id": f"id-of-{service}",
        "State": state,
        "Config": {"Labels": {SERVICE_LABEL: service, PROJECT_LABEL: "x402"}, "Image": f"{service}:1"},
        "NetworkSettings": {"Ports": {}},
        **more,
    }


class FakeEngine:
    """Answers what it was told, and remembers what it was asked to do."""

    def __init__(self, *rounds: list[dict[str, Any]], images: dict[str, Any] | None = None) -> None:
        self.rounds = list(rounds) or [[]]
        self.images = images or {}
        self.did: list[str] = []

    def containers(self, _project: str, *, running_only: bool = False) -> list[dict[str, Any]]:
        found = self.rounds.pop(0) if len(self.rounds) > 1 else self.rounds[0]
        return [c for c in found if not running_only or c["State"]["Status"] == "running"]

    def logs(self, name: str, *, tail: Any = "all") -> str:
        return f"log of {name}\nlast of {tail}"

    def image(self, reference: str) -> dict[str, Any] | None:
        return self.images.get(reference)

    def publishers(self) -> list[dict[str, Any]]:
        return []

    def remove(self, name: str) -> None:
        self.did.append(f"removed {name}")

    def close(self) -> None:
        self.did.append("closed")

    @property
    def real(self) -> Engine:
        """The same, for who asks for an Engine."""
        return cast("Engine", self)


class Programs:
    """Takes the place of `process.run`: gives prepared answers, and remembers the commands."""

    def __init__(self, *answers: process.Completed) -> None:
        self.answers = list(answers) or [answer()]
        self.commands: list[list[str]] = []

    def run(self, argv: Sequence[str], **options: Any) -> process.Completed:
        self.commands.append(list(argv))
        on_line: Callable[[str], None] | None = options.get("on_line")
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if on_line is not None:
            for line in given.stderr.splitlines():
                on_line(line)
        return given

    def replace(self, argv: Sequence[str], **_options: Any) -> int:
        self.commands.append(list(argv))
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]).exit_code

    def instead_of(self, monkeypatch: pytest.MonkeyPatch) -> Programs:
        """Take the place of both for one test."""
        monkeypatch.setattr(process, "run", self.run)
        monkeypatch.setattr(process, "replace", self.replace)
        return self


def answer(exit_code: int = 0, stdout: str = "", stderr: str = "") -> process.Completed:
    """Return what a program answered."""
    return process.Completed(("program",), exit_code, stdout, stderr, 0.1)
