"""The client is asked first; a connection is made when it cannot tell, and nothing goes on after the end."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import engine, process
from seatrial.asked import AskedEngine
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Api:
    """What the SDK would answer."""

    def inspect_image(self, reference: str) -> dict[str, str]:
        return {"Id": f"connected {reference}"}

    def history(self, reference: str) -> list[dict[str, str]]:
        return [{"CreatedBy": f"connected {reference}"}]


class Client:
    """A connection of the SDK's."""

    api = Api()
    closed = False

    def close(self) -> None:
        self.closed = True


def told(monkeypatch: pytest.MonkeyPatch, stdout: str, exit_code: int = 0) -> list[list[str]]:
    calls: list[list[str]] = []

    def run(argv: list[str], **_options: Any) -> process.Completed:
        calls.append(argv)
        return process.Completed(tuple(argv), exit_code, stdout, "", 0.0)

    monkeypatch.setattr(process, "run", run)
    return calls


def refuse() -> engine.Engine:
    raise AssertionError("a connection was made")


def test_what_the_client_says_needs_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = told(monkeypatch, '[\n {"Id": "sha256:1"}\n]\n')
    asked = AskedEngine(refuse)
    assert asked.image("x") == {"Id": "sha256:1"}
    assert asked.image("x") == {"Id": "sha256:1"}
    assert calls == [["docker", "image", "inspect", "x"]]
    told(monkeypatch, '{"CreatedBy": "COPY"}\n{"CreatedBy": ""}\n')
    assert asked.history("x") == [{"CreatedBy": "COPY"}, {"CreatedBy": ""}]
    asked.close()


@pytest.mark.parametrize(("stdout", "exit_code"), [("[]", 1), ("", 0), ("{", 0), ("[1]", 0), ("[" * 100_000, 0)])
def test_what_the_client_cannot_say_the_engine_is_asked(
    monkeypatch: pytest.MonkeyPatch, stdout: str, exit_code: int
) -> None:
    told(monkeypatch, stdout, exit_code)
    client = Client()
    asked = AskedEngine(lambda: engine.Engine(client))  # type: ignore[arg-type]
    assert asked.image("x") == {"Id": "connected x"}
    assert asked.history("x") == [{"CreatedBy": "connected x"}]
    asked.close()
    assert client.closed


def test_why_nobody_answers_is_told_by_who_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> engine.Engine:
        raise SeatrialError(Code.ENGINE_UNREACHABLE, "no Docker Engine answers")

    told(monkeypatch, "", 1)
    with pytest.raises(SeatrialError) as refused:
        AskedEngine(unreachable).image("x")
    assert refused.value.code is Code.ENGINE_UNREACHABLE


def test_after_the_end_nothing_is_begun_and_nothing_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def pieces(_argv: list[str], **_options: Any) -> Iterator[bytes]:
        yield b"first"
        yield b"second"

    monkeypatch.setattr(process, "pieces", pieces)
    asked = AskedEngine(refuse)
    reading = asked.save("x")
    assert next(reading) == b"first"
    asked.end()
    with pytest.raises(CancelledError):
        next(reading)
    with pytest.raises(CancelledError):
        next(asked.save("x"))
    told(monkeypatch, "", 1)
    with pytest.raises(CancelledError):
        asked.image("x")
