"""Redis's protocol: whole replies, cut replies, and what is no reply at all."""

from __future__ import annotations

import contextlib
import io
import socket
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.redis import Question, ask, converse, encode, questions, read_reply
from tests import good


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"+OK\r\n", "+OK"),
        (b"-NOAUTH Authentication required.\r\n", "-NOAUTH Authentication required."),
        (b":42\r\n", ":42"),
        (b"$5\r\nhello\r\n", "hello"),
        (b"$0\r\n\r\n", ""),
        (b"$-1\r\n", ""),
        (b"*-1\r\n", ""),
        (b"*0\r\n", ""),
        (b"*2\r\n$3\r\ndir\r\n$5\r\n/data\r\n", "dir\n/data"),
        (b"*2\r\n*1\r\n:1\r\n-ERR x\r\n", ":1\n-ERR x"),
        (b"$4\r\n\xff\xfe\r\n\r\n", "\ufffd\ufffd\r\n"),
        (b"+\r\n", "+"),
    ],
)
def test_replies(raw: bytes, expected: str) -> None:
    assert read_reply(io.BytesIO(raw)) == expected


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"+OK",
        b"+OK\n",
        b"\r\n",
        b"$5\r\nhel",
        b"$5\r\nhello",
        b"$x\r\n",
        b"$-2\r\n",
        b"$99999999999999999999\r\n",
        b"*2\r\n+OK\r\n",
        b"*1\r\n" * 100_000,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n",
        b"+" + b"x" * 100_000,
        b"%1\r\n+a\r\n+b\r\n",
    ],
)
def test_what_is_no_reply(raw: bytes) -> None:
    with pytest.raises(ConnectionError):
        read_reply(io.BytesIO(raw))


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=60)
    | st.builds(lambda kind, rest: kind + rest, st.sampled_from([b"$", b"*", b"+"]), st.binary(max_size=20))
)
def test_any_bytes_are_a_reply_or_a_connection_error(raw: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        assert isinstance(read_reply(io.BytesIO(raw)), str)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
def test_what_is_encoded_is_read_back(words: list[str]) -> None:
    assert read_reply(io.BytesIO(encode(*words))) == "\n".join(words)


def answering(*replies: bytes) -> tuple[tuple[str, int], list[bytes], threading.Thread]:
    """Serve one connection: one reply for each piece that is received."""
    server = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def serve() -> None:
        with server, server.accept()[0] as connection:
            for reply in replies:
                received.append(connection.recv(4096))
                connection.sendall(reply)

    thread = threading.Thread(target=serve)
    thread.start()
    return server.getsockname(), received, thread


def test_a_question_without_a_user_is_asked_at_once() -> None:
    address, received, thread = answering(b"-NOAUTH Authentication required.\r\n")
    assert converse(address, "", "", ("PING",)) == "-NOAUTH Authentication required."
    thread.join()
    assert received == [encode("PING")]


def test_a_refused_login_is_the_reply() -> None:
    address, received, thread = answering(b"-WRONGPASS invalid\r\n")
    assert converse(address, "probe", "x", ("PING",)) == "-WRONGPASS invalid"
    thread.join()
    assert received == [encode("AUTH", "probe", "x")]


def test_the_right_and_the_wrong_password_are_sent() -> None:
    for password, sent in (("right", "open sesame"), ("wrong", "not-the-password")):
        address, received, thread = answering(b"+OK\r\n", b"+PONG\r\n")
        question = Question("x: PING", "probe", ("PING",), "+PONG", password)
        assert ask(address, question, {"probe": "open sesame", "facilitator": "f"}) == "+PONG"
        thread.join()
        assert received == [encode("AUTH", "probe", sent), encode("PING")]


@pytest.mark.parametrize("reply", [b"HTTP/1.0 400 Bad\r\n\r\n", b"", b"$9\r\nhalf"])
def test_what_answers_is_no_redis(reply: bytes) -> None:
    address, _, thread = answering(reply)
    with pytest.raises(SeatrialError) as caught:
        converse(address, "", "", ("PING",))
    thread.join()
    assert caught.value.code is Code.ENGINE_FAILED


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    with pytest.raises(SeatrialError) as caught:
        converse(address, "", "", ("PING",))
    assert caught.value.code is Code.ENGINE_FAILED


def test_harmless_questions_change_nothing() -> None:
    dangerous = {"SET", "FLUSHALL", "SHUTDOWN", "EVAL", "REPLICAOF", "MODULE", "KEYS"}
    asked = questions(good.settings())
    for question in asked:
        if question.command[0] in dangerous - {"KEYS"}:
            assert not question.harmless
    assert len({question.name for question in asked}) == len(asked)
    assert Question("a", "", ("PING",), "").asks == "PING (no password)"
