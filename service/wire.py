"""One HTTP/1.1 connection as the server sees it, without any I/O: bytes in, requests out, responses to bytes.

Plain heads are read at once (service/plain_head.py), h11 parses everything else. Before it sees a head, `screen_head`
refuses what h11 lets pass: a length given twice or in two ways, folded fields, lines that end in a bare LF, and a head
over the limit that arrives in one piece.
"""

from __future__ import annotations

import enum
import functools
import os
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11

from service.messages import Limits, Request, Response, refusal
from service.plain_head import read_plain_head

if TYPE_CHECKING:
    from service.messages import Fields, Refusal

_BARE_LF = re.compile(rb"(?<!\r)\n")
_FOLD = re.compile(rb"\r\n[ \t]")
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_VERSIONS = (b"1.0", b"1.1")
# RFC 9110 and 5789: of any other method we do not know what it asks for.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})


class Need(enum.Enum):
    """What must come before the next request is complete."""

    FIRST_BYTE = "first byte"
    HEAD = "head"
    BODY = "body"
    NOTHING = "nothing: the client has closed"


class Wire:
    """Turns received bytes into requests, one after the other, and responses into bytes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        # What has been received and read by nobody; all of it is h11's while that reads a request.
        self._raw = bytearray()
        self._ended = False
        self._h11: h11.Connection | None = None
        self._body = bytearray()
        self._body_bytes = 0
        self._encoded_body_bytes = 0
        self._last = False
        self.head: Request | None = None

    def receive(self, data: bytes) -> None:
        """Take what the socket gave; nothing means that the client sends no more."""
        if self._h11 is None:
            self._raw += data
            self._ended = self._ended or not data
            return
        if self.head is not None:
            self._encoded_body_bytes += len(data)
        self._h11.receive_data(data)

    def poll(self) -> Request | Need:
        """Give the next request, or what it still lacks. Raises Refusal."""
        if self._h11 is None and self.head is None:
            if not self._raw:
                return Need.NOTHING if self._ended else Need.FIRST_BYTE
            self._begin()
        if self._h11 is None:
            return self._take_plain_body()
        try:
            return self._poll_h11(self._h11)
        except h11.RemoteProtocolError as error:
            raise _refusal_of(error) from error

    def _begin(self) -> None:
        plain = read_plain_head(self._raw, self._limits)
        if plain is not None:
            del self._raw[: plain.head_bytes]
            self.head, self._body_bytes = _request(plain.method, plain.target, plain.fields), plain.body_bytes
            return
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head_bytes)
        self._h11.receive_data(bytes(self._raw))
        if self._ended:
            self._h11.receive_data(b"")

    def _take_plain_body(self) -> Request | Need:
        assert self.head is not None  # noqa: S101 - for the type checker: a plain head was just read, or is waiting
        if len(self._raw) < self._body_bytes:
            if self._ended:
                raise _malformed()
            return Need.BODY
        body = bytes(self._raw[: self._body_bytes])
        del self._raw[: self._body_bytes]
        return self.head._replace(body=body)

    def _poll_h11(self, connection: h11.Connection) -> Request | Need:
        if self.head is None:
            raw, _ = connection.trailing_data
            screen_head(raw, self._limits)
            event = connection.next_event()
            if not isinstance(event, h11.Request):
                return Need.HEAD
            check_head(event, self._limits)
            fields = tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in event.headers)
            self.head = _request(event.method.decode(), event.target.decode(), fields)
        return self._take_body(connection, self.head)

    def _take_body(self, connection: h11.Connection, head: Request) -> Request | Need:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return head._replace(body=bytes(self._body))
            if len(self._body) > self._limits.body_bytes or self._encoded_body_bytes > self._encoded_limit:
                raise _body_too_large()
            if event is h11.NEED_DATA:
                return Need.BODY

    @property
    def _encoded_limit(self) -> int:
        # Chunk sizes, extensions and trailers count too, or a small body could take any amount of reading.
        return 2 * self._limits.body_bytes + self._limits.head_bytes

    def go_ahead(self) -> bytes:
        """Give the interim response a client may be waiting for before it sends its body."""
        if self._h11 is None or not self._h11.they_are_waiting_for_100_continue:
            return b""
        return self._h11.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    def respond(self, response: Response, request_id: str, *, close: bool) -> bytes:
        """Turn the response to the request at hand into bytes; without a body if that was a HEAD."""
        self._last = close
        fields = _response_fields(response, request_id, close=close)
        body = b"" if self.head is not None and self.head.method == "HEAD" else response.body
        if self._h11 is None:
            lines = "".join([f"{name}: {value}\r\n" for name, value in fields])
            return f"{_status_line(response.status)}{lines}\r\n".encode("ascii") + body
        reason = HTTPStatus(response.status).phrase.encode()
        event = h11.Response(status_code=response.status, reason=reason, headers=fields)
        data = h11.Data(data=body)
        return self._h11.send(event) + self._h11.send(data) + self._h11.send(h11.EndOfMessage())

    def start_next(self) -> bool:
        """Make ready for the next request; false if the connection has to be closed instead."""
        if self._h11 is not None:
            if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
                return False
            raw, self._ended = self._h11.trailing_data
            self._raw = bytearray(raw)
            self._h11 = None
            self._body.clear()
            self._encoded_body_bytes = 0
        self.head = None
        return not self._last


def make_request_id() -> str:
    """Make an id for a request that came without a usable one."""
    return os.urandom(8).hex()


def screen_head(raw: bytes, limits: Limits) -> None:
    """Refuse, by its bytes, a head that h11 would accept; the head may be incomplete."""
    end = raw.find(b"\r\n\r\n")
    head = raw if end < 0 else raw[: end + 4]
    if len(head) > limits.head_bytes:
        raise refusal(431, "headers_too_large", f"the head of a request may have {limits.head_bytes} bytes")
    lines = head.split(b"\r\n")[1:]
    if sum(1 for line in lines if line) > limits.head_fields:
        raise refusal(431, "too_many_headers", f"a request may have {limits.head_fields} header fields")
    if _BARE_LF.search(head) or _FOLD.search(head):
        raise _malformed()
    _screen_framing(lines)


def _screen_framing(lines: list[bytes]) -> None:
    lengths = [value for name, _, value in (line.partition(b":") for line in lines) if _is(name, b"content-length")]
    encoded = any(_is(line.partition(b":")[0], b"transfer-encoding") for line in lines)
    if len(lengths) > 1 or (lengths and encoded) or b"," in b"".join(lengths):
        raise _malformed()


def _is(name: bytes, expected: bytes) -> bool:
    return name.strip().lower() == expected


def check_head(event: h11.Request, limits: Limits) -> None:
    """Refuse what only a parsed head shows."""
    if event.http_version not in _VERSIONS:
        raise refusal(505, "http_version_not_supported", "only HTTP/1.1 and HTTP/1.0 are spoken here")
    fields = dict(event.headers)
    if event.http_version == b"1.0" and b"transfer-encoding" in fields:
        # A 1.0 intermediary does not know the field and would see another body than we do.
        raise _malformed()
    if event.method.decode() not in _METHODS:
        raise refusal(501, "method_not_implemented", "the method is not known here")
    if int(fields.get(b"content-length", b"0")) > limits.body_bytes:
        raise _body_too_large()


def _request(method: str, target: str, fields: Fields) -> Request:
    sent_id = dict(fields).get("x-request-id", "")
    request_id = sent_id if _SANE_REQUEST_ID.fullmatch(sent_id) else make_request_id()
    return Request(method, _path(target), fields, request_id)


def _path(target: str) -> str:
    if not target.startswith("/"):
        scheme, separator, rest = target.partition("://")
        if separator and scheme.lower() in ("http", "https"):
            # A server must take the absolute form, which is meant for proxies.
            target = "/" + rest.partition("/")[2]
    return target.partition("?")[0]


@functools.cache
def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"


@functools.lru_cache(maxsize=1)
def _date(now: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now))


def _response_fields(response: Response, request_id: str, *, close: bool) -> list[tuple[str, str]]:
    return [
        ("Date", _date(int(time.time()))),
        ("Content-Type", response.content_type),
        ("Content-Length", str(len(response.body))),
        ("Cache-Control", "no-store"),
        ("X-Request-Id", request_id),
        *response.fields,
        *([("Connection", "close")] if close else []),
    ]


def _refusal_of(error: h11.RemoteProtocolError) -> Refusal:
    # h11's own message repeats what was sent: it goes neither to the client nor to the log.
    if error.error_status_hint == HTTPStatus.NOT_IMPLEMENTED:
        return refusal(501, "transfer_encoding_not_implemented", "only the chunked transfer encoding is known here")
    if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
        return refusal(431, "headers_too_large", "a part of the request that must fit into memory is too large")
    return _malformed()


def _malformed() -> Refusal:
    return refusal(400, "malformed_request", "this is not a well-formed HTTP/1.1 request")


def _body_too_large() -> Refusal:
    return refusal(413, "body_too_large", "the body is larger than is allowed here")
