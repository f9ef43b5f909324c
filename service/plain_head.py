"""The heads that nearly all requests have, read at once; every other head is h11's to judge.

A plain head has come as a whole, is of HTTP/1.1, a usual method and a path, and has nothing but fields of letters,
digits and printable ASCII, each once, a Host among them, and none of the fields that change how a message is
framed or a connection is used. Whatever is the least bit unusual is not plain, so nothing is refused here, and nothing
is accepted that h11 would not accept in the same way: a test compares the two on whatever Hypothesis makes up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from service.messages import Fields, Limits

_HEAD = re.compile(rb"(GET|POST|HEAD) (/[!-~]*) HTTP/1\.1\r\n((?:[A-Za-z0-9-]+: ?[!-~](?:[ -~]*[!-~])?\r\n){1,64})\r\n")
_LENGTH = re.compile(r"0|[1-9][0-9]{0,8}").fullmatch
_UNUSUAL = frozenset({"transfer-encoding", "connection", "expect", "upgrade", "te", "trailer", "http2-settings"})


class PlainHead(NamedTuple):
    """A head, how many bytes it took, and how many of a body follow."""

    method: str
    target: str
    fields: Fields
    head_bytes: int
    body_bytes: int


def read_plain_head(raw: bytes | bytearray, limits: Limits) -> PlainHead | None:
    """Give the head that these bytes begin with, if it is plain, whole and within the limits."""
    match = _HEAD.match(raw, 0, limits.head_bytes)
    if match is None:
        return None
    fields = tuple(map(_field, match[3].decode("ascii").split("\r\n")[:-1]))
    named = dict(fields)
    if len(named) != len(fields) or len(fields) > limits.head_fields:
        return None
    length = named.get("content-length", "0")
    if "host" not in named or not _UNUSUAL.isdisjoint(named) or not _LENGTH(length):
        return None
    body_bytes = int(length)
    if body_bytes > limits.body_bytes:
        return None
    return PlainHead(match[1].decode("ascii"), match[2].decode("ascii"), fields, match.end(), body_bytes)


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip(" ")
