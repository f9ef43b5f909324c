"""A plain head is read as h11 reads it; whatever is not plain is left to h11."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import wire
from service.messages import Limits, Refusal, Request
from service.plain_head import read_plain_head
from service.wire import Need, Wire
from tests.service.facilitator_harness import request
from tests.service.test_http_framing import MALFORMED
from tests.service.test_http_fuzz import streams

LIMITS = Limits(head_bytes=2048, body_bytes=64)
PLAIN = request("/verify?x=1", "X-Request-Id: abc", "Accept: */*", method="POST", body=b"hello")

names = st.sampled_from(["Host", "host", "Content-Length", "X-Request-Id", "Authorization", "Accept", "Cookie", "TE"])
names |= st.sampled_from(["Connection", "Transfer-Encoding", "Expect", "Upgrade", "x_y", "X-\u00e9", "", " X", "X "])
values = st.sampled_from(["x", "5", "0", "05", "+5", "64", "65", "", "chunked", "close", "100-continue", "a b", "\x00"])
values |= st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=12)
fields = st.lists(st.tuples(names, st.sampled_from([": ", ":", ":  ", ": \t", " : "]), values), max_size=5)
targets = st.sampled_from(["/", "/verify", "/a?b", "/a://b", "//x", "*", "http://x/y", "", "/\u00e9", "/a b", "/%00"])
versions = st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "http/1.1"])
methods = st.sampled_from(["GET", "POST", "HEAD", "PUT", "get", "BREW"])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    lines = [f"{draw(methods)} {draw(targets)} {draw(versions)}"]
    lines += draw(st.sampled_from([["Host: x"], ["Host: x"], []]))
    lines += ["".join(field) for field in draw(fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def first(raw: bytes) -> Request | int | str:
    """The first request that a wire finds; or the status it refuses with, or what it still waits for."""
    reader = Wire(LIMITS)
    reader.receive(raw)
    try:
        found = reader.poll()
    except Refusal as refusal:
        return refusal.response.status
    if isinstance(found, Need):
        return found.value
    # An id is made up where none was sent that can be used.
    sent = dict(found.fields).get("x-request-id")
    return found if found.request_id == sent else found._replace(request_id="")


@settings(max_examples=1500)
@given(heads() | streams, st.sampled_from([b"", b"hello", b"x" * 70]))
def test_a_plain_head_is_what_h11_makes_of_it(head: bytes, rest: bytes) -> None:
    raw = head + rest
    as_it_is = first(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wire, "read_plain_head", lambda *_: None)
        assert as_it_is == first(raw)


def test_what_clients_send_is_plain() -> None:
    head = read_plain_head(PLAIN, LIMITS)
    assert head is not None
    assert head[:2] == ("POST", "/verify?x=1")
    assert head.fields[1:] == (("x-request-id", "abc"), ("accept", "*/*"), ("content-length", "5"))
    assert (head.head_bytes, head.body_bytes) == (len(PLAIN) - 5, 5)


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_not_plain(raw: bytes) -> None:
    # But for a fault that comes after the head: there, the head itself is not plain because of its encoding.
    assert read_plain_head(raw, LIMITS) is None


@pytest.mark.parametrize(
    "raw",
    [
        PLAIN[:20],
        request("/", "Content-Length: 65", method="POST"),
        request("/", "X: " + "a" * 2048),
        request("/", *(f"X-{number}: 1" for number in range(64))),
        request("/", "Connection: close"),
        request("/", "Connection: keep-alive"),
        request("/", "Transfer-Encoding: chunked"),
        request("/", "Expect: 100-continue"),
        request("/", "Host: y"),
        b"GET / HTTP/1.1\r\nX: 1\r\n\r\n",
    ],
)
def test_what_is_unusual_is_not_plain(raw: bytes) -> None:
    assert read_plain_head(raw, LIMITS) is None
