"""The listening socket; imports no event loop, so that it is open as early as can be."""

from __future__ import annotations

import socket

BACKLOG = 1024
_RECEIVE_BUFFER_BYTES = 64 * 1024


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket; from here on clients wait instead of being refused. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual_stack = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=dual_stack)
    # Inherited by every connection: asyncio takes all that a socket holds in one read, so this bounds the memory
    # that clients can fill by sending faster than they are served.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    return listener
