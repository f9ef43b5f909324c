"""Requests and responses as the routes see them, free of sockets and of the HTTP library."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Fields = tuple[tuple[str, str], ...]

# json.dumps would make an encoder for each document.
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection, and all of them together, may take."""

    header_seconds: float = 10.0
    body_seconds: float = 10.0
    idle_seconds: float = 15.0
    write_seconds: float = 10.0
    # How long a closed connection is still read, so that the last response is not lost to a reset.
    linger_seconds: float = 1.0
    requests_per_connection: int = 100
    head_bytes: int = 16 * 1024
    head_fields: int = 64
    body_bytes: int = 64 * 1024
    connections: int = 512


class Request(NamedTuple):
    """One request; the path is as it was sent, without the query."""

    method: str
    path: str
    fields: Fields
    request_id: str
    body: bytes = b""


class Response(NamedTuple):
    """One response; its body is JSON unless it says otherwise."""

    status: int
    body: bytes
    fields: Fields = ()
    content_type: str = "application/json"


class Answer(NamedTuple):
    """A response and the template of the route that gave it, if one did."""

    response: Response
    route: str | None


class Refusal(Exception):  # noqa: N818 - an outcome of reading a request, not a fault of ours
    """The request cannot be served, and after the response the connection is of no use."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(status: int, document: Mapping[str, object], fields: Fields = ()) -> Response:
    """Make a response of a document."""
    return Response(status, _encode(document).encode(), fields)


def error_response(status: int, code: str, message: str, fields: Fields = ()) -> Response:
    """Make the response of an error; neither text may repeat what the client sent."""
    return json_response(status, {"error": code, "message": message}, fields)


def refusal(status: int, code: str, message: str) -> Refusal:
    """Make the exception that ends a connection with an error response."""
    return Refusal(error_response(status, code, message))
