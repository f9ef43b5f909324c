"""The engine's socket on this machine, asked without the SDK and without the client: a question takes a millisecond.

It is asked in HTTP/1.0, so that an answer is a head and then its content as it is, to the end. Only at the socket that
the client would take by itself: every other way to an engine (a context, SSH, TLS) is left to the client and the SDK.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import quote

from seatrial import plugins

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT = "/var/run/docker.sock"
PIECE_BYTES = 1 << 18
_LONGEST_HEAD = 1 << 16


def path() -> str:
    """Return the path of the socket that the client would ask, or nothing when it would go another way."""
    host = os.environ.get("DOCKER_HOST")
    if host:
        return host.removeprefix("unix://") if host.startswith("unix:///") else ""
    is_elsewhere = os.environ.get("DOCKER_CONTEXT") or plugins.configures("currentContext")
    return "" if is_elsewhere else DEFAULT


class Question:
    """A question to the engine, which works on the answer from now on. Raises OSError when nobody listens."""

    def __init__(self, where: str, *words: str, timeout_seconds: float | None = None) -> None:
        target = "/".join(quote(word, safe="/:@") for word in words)
        self._piece = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.settimeout(timeout_seconds)
            self._socket.connect(where)
            self._socket.sendall(f"GET /{target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        except BaseException:
            self._socket.close()
            raise

    def is_answered(self) -> bool:
        """Wait for the answer's head, and tell whether what was asked for follows."""
        head = b""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD and (more := self._socket.recv(PIECE_BYTES)):
                head += more
        head, _, self._piece = head.partition(b"\r\n\r\n")
        return head.startswith((b"HTTP/1.0 200 ", b"HTTP/1.1 200 "))

    def content(self) -> Iterator[bytes]:
        """Yield what follows the head, in pieces. Raises OSError when the connection breaks."""
        piece, self._piece = self._piece, b""
        while piece or (piece := self._socket.recv(PIECE_BYTES)):
            yield piece
            piece = b""

    def end(self) -> None:
        """Let who waits for the answer wait no longer."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back."""
        self._socket.close()
