"""The socket is asked first; a connection is made when it does not tell, and nothing goes on after the end."""

from __future__ import annotations

import json
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest

from seatrial import engine, engine_socket, process
from seatrial.asked import AskedEngine
from seatrial.errors import Code, SeatrialError
from tests.seatrial.listener import OK, listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.seatrial.listener import Listener


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


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    monkeypatch.setattr(engine_socket, "path", lambda: str(tmp_path / "s"))
    with listening(tmp_path / "s", {}) as found:
        yield found


def by_client(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []

    def pieces(argv: list[str], **_options: int) -> Iterator[bytes]:
        calls.append(argv)
        yield b"first"
        yield b"second"

    monkeypatch.setattr(process, "pieces", pieces)
    return calls


def refuse() -> engine.Engine:
    raise AssertionError("a connection was made")


def test_what_the_socket_says_needs_no_connection(listener: Listener) -> None:
    listener.answers["/images/x/json"] = OK + json.dumps({"Id": "sha256:1"}).encode()
    listener.answers["/images/x/history"] = OK + json.dumps([{"CreatedBy": "COPY"}, {"CreatedBy": ""}]).encode()
    listener.answers["/images/x/get"] = OK + b"an archive"
    asked = AskedEngine(refuse)
    assert asked.image("x") == {"Id": "sha256:1"}
    listener.answers["/images/x/json"] = OK + b"{}"
    assert asked.image("x") == {"Id": "sha256:1"}
    assert asked.history("x") == [{"CreatedBy": "COPY"}, {"CreatedBy": ""}]
    assert b"".join(asked.save("x")) == b"an archive"
    asked.close()


@pytest.mark.parametrize("said", [b"HTTP/1.0 404 Not Found\r\n\r\n{}", OK, OK + b"{", OK + b"1", OK + b"[" * 100_000])
def test_what_the_socket_does_not_say_the_engine_is_asked(listener: Listener, said: bytes) -> None:
    listener.answers |= {"/images/x/json": said, "/images/x/history": said}
    client = Client()
    asked = AskedEngine(lambda: engine.Engine(client))  # type: ignore[arg-type]
    assert asked.image("x") == {"Id": "connected x"}
    assert asked.history("x") == [{"CreatedBy": "connected x"}]
    asked.close()
    assert client.closed


def test_what_is_at_hand_needs_no_connection_either(listener: Listener) -> None:
    assert AskedEngine(refuse).at_hand("x") is None
    listener.answers["/images/x/json"] = OK + json.dumps({"Id": "sha256:1"}).encode()
    assert AskedEngine(refuse).at_hand("x") == {"Id": "sha256:1"}


@pytest.mark.parametrize("is_there", [True, False])
def test_an_image_that_the_socket_does_not_give_the_client_saves(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    if not is_there:
        monkeypatch.setattr(engine_socket, "path", lambda: "")
    calls = by_client(monkeypatch)
    assert list(AskedEngine(refuse).save("x")) == [b"first", b"second"]
    assert calls == [["docker", "save", "x"]]
    assert listener.asked == (["/images/x/get"] if is_there else [])


def test_why_nobody_answers_is_told_by_who_connects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> engine.Engine:
        raise SeatrialError(Code.ENGINE_UNREACHABLE, "no Docker Engine answers")

    monkeypatch.setattr(engine_socket, "path", lambda: str(tmp_path / "nobody"))
    with pytest.raises(SeatrialError) as refused:
        AskedEngine(unreachable).image("x")
    assert refused.value.code is Code.ENGINE_UNREACHABLE


def test_a_connection_that_breaks_is_an_error(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    listener.answers["/images/x/get"] = OK + b"first"

    def content(_question: engine_socket.Question) -> Iterator[bytes]:
        yield b"first"
        raise ConnectionResetError("reset by peer")

    monkeypatch.setattr(engine_socket.Question, "content", content)
    reading = AskedEngine(refuse).save("x")
    assert next(reading) == b"first"
    with pytest.raises(SeatrialError, match="reset by peer") as broken:
        next(reading)
    assert broken.value.code is Code.ENGINE_FAILED


def test_after_the_end_nothing_is_begun_and_nothing_read_on(listener: Listener) -> None:
    listener.answers["/images/x/get"] = OK + b"first"
    listener.go_on.clear()
    asked = AskedEngine(refuse)
    reading = asked.save("x")
    assert next(reading) == b"first"
    ending = threading.Timer(0.05, asked.end)
    ending.start()
    with pytest.raises(CancelledError):
        next(reading)
    ending.join()
    with pytest.raises(CancelledError):
        next(asked.save("x"))
    with pytest.raises(CancelledError):
        asked.image("x")


def test_the_client_is_not_read_on_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_socket, "path", lambda: "")
    by_client(monkeypatch)
    asked = AskedEngine(refuse)
    reading = asked.save("x")
    assert next(reading) == b"first"
    asked.end()
    with pytest.raises(CancelledError):
        next(reading)
