"""Who holds a TCP port of this machine."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROC = Path("/proc")
LISTEN = "0A"
SOMEBODY = "a process that cannot be named from here"
CONNECT_SECONDS = 1.0


def port_holder(port: int, published: Iterable[Mapping[str, Any]] = ()) -> str | None:
    """Return who holds a port, or None when it is free.

    `published` is the engine's listing of running containers (`Engine.publishers()`): a container that publishes the
    port is named rather than Docker's own helper process.
    """
    container = container_at(port, published)
    if container:
        return f"container {name_of(container)}"
    inodes = _listening_inodes(port)
    if inodes:
        return _process_of(inodes) or SOMEBODY
    return SOMEBODY if inodes is None and _answers(port) else None


def is_loopback(address: str) -> bool:
    """Whether an address is reached from this machine only; nothing means every address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def container_at(port: int, published: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the running container that publishes a port of the host."""
    for container in published:
        if any(binding.get("PublicPort") == port for binding in container.get("Ports") or []):
            return container
    return None


def name_of(container: Mapping[str, Any]) -> str:
    """Return the name of a container from the engine's listing."""
    names = container.get("Names") or [str(container.get("Id", ""))[:12]]
    return str(names[0]).removeprefix("/")


def _listening_inodes(port: int) -> set[str] | None:
    """Return the sockets that listen on a port; None where the kernel does not tell."""
    inodes: set[str] = set()
    readable = False
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            rows = (PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]
            readable = True
            for fields in map(str.split, rows):
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes if readable else None


def _process_of(inodes: set[str]) -> str | None:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):
            if any(_target(handle) in wanted for handle in (folder / "fd").iterdir()):
                return f"{(folder / 'comm').read_text(encoding='utf-8').strip()} (pid {folder.name})"
    return None


def _target(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except OSError:
        return ""


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS):
        return True
    return False
