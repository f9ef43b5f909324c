"""The socket is asked where the client would ask it, and what it says is taken as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import engine_socket
from seatrial.engine_socket import Question
from tests.seatrial.listener import OK, listening

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the client no settings of a user, and return the folder where it would have some."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def test_without_a_word_it_is_the_usual_one() -> None:
    assert engine_socket.path() == "/var/run/docker.sock"


@pytest.mark.parametrize(
    ("host", "path"),
    [
        ("unix:///run/user/1000/docker.sock", "/run/user/1000/docker.sock"),
        ("tcp://127.0.0.1:2375", ""),
        ("ssh://somebody@host", ""),
        ("unix://docker.sock", ""),
    ],
)
def test_a_host_that_is_named(monkeypatch: pytest.MonkeyPatch, host: str, path: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert engine_socket.path() == path


def test_a_context_is_the_client_s(no_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (no_settings / "config.json").write_text('{"auths": {}}')
    assert engine_socket.path()
    (no_settings / "config.json").write_text('{"currentContext": "rootless"}')
    assert not engine_socket.path()
    (no_settings / "config.json").unlink()
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert not engine_socket.path()


@pytest.mark.parametrize("content", [b"", b"[1]", b"x" * 1_000_000, b"\r\n\r\n\0"])
def test_an_answer_is_given_as_it_is(tmp_path: Path, content: bytes) -> None:
    with listening(tmp_path / "s", {"/images/x/json": OK + content}) as engine:
        engine.go_on.set()
        question = Question(str(tmp_path / "s"), "images", "x", "json", timeout_seconds=60)
        assert question.is_answered()
        assert b"".join(question.content()) == content
        question.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 404 Not Found\r\n\r\n{}",
        b"HTTP/1.0 500 Internal Server Error\r\n\r\n",
        b"HTTP/1.0 20",
        b"",
        b"hello\r\n\r\n",
        b"x" * 100_000,
    ],
)
def test_whatever_else_is_said_is_no_answer(tmp_path: Path, answer: bytes) -> None:
    with listening(tmp_path / "s", {"/x": answer}):
        question = Question(str(tmp_path / "s"), "x", timeout_seconds=60)
        assert not question.is_answered()
        question.close()


def test_names_are_written_so_that_they_are_one_target(tmp_path: Path) -> None:
    with listening(tmp_path / "s", {}) as engine:
        question = Question(str(tmp_path / "s"), "images", "a.b:5/c d\r\nX: y?z#1%2e:tag@sha256:0", "json")
        assert not question.is_answered()
        question.close()
    assert engine.asked == ["/images/a.b:5/c%20d%0D%0AX:%20y%3Fz%231%252e:tag@sha256:0/json"]


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Question(str(tmp_path / "s"), "x")


def test_silence_is_no_answer(tmp_path: Path) -> None:
    with listening(tmp_path / "s", {"/x": b""}) as engine:
        engine.go_on.clear()
        question = Question(str(tmp_path / "s"), "x", timeout_seconds=0.01)
        assert not question.is_answered()
        question.close()


def test_who_waits_can_be_told_not_to(tmp_path: Path) -> None:
    with listening(tmp_path / "s", {"/x": OK + b"first"}) as engine:
        engine.go_on.clear()
        question = Question(str(tmp_path / "s"), "x")
        assert question.is_answered()
        pieces = question.content()
        assert next(pieces) == b"first"
        question.end()
        assert list(pieces) == []
        question.close()
        question.end()
