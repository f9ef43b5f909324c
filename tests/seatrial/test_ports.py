"""Who holds a port."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import ports

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED: list[dict[str, Any]] = [
    {"Names": ["/x402-redis-1"], "Ports": [{"PrivatePort": 6379, "PublicPort": 6380, "IP": "127.0.0.1"}]},
    {"Names": ["/other"], "Ports": [{"PrivatePort": 80}], "Id": "0123456789abcdef"},
    {"Id": "fedcba9876543210", "Names": None, "Ports": None},
]


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_process_is_named(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as server:
        try:
            server.bind((address, 0))
        except OSError:
            pytest.skip(f"this machine has no {address}")
        server.listen()
        holder = ports.port_holder(server.getsockname()[1])
        assert holder is not None
        assert holder.endswith(f"(pid {os.getpid()})")


def test_a_port_that_is_only_bound_or_connected_is_free() -> None:
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        assert ports.port_holder(server.getsockname()[1]) is None
        server.listen()
        client.connect(server.getsockname())
        assert ports.port_holder(client.getsockname()[1]) is None


def test_a_container_is_named_rather_than_dockers_helper() -> None:
    assert ports.port_holder(6380, PUBLISHED) == "container x402-redis-1"
    assert ports.container_at(80, PUBLISHED) is None


def test_a_holder_that_cannot_be_looked_up_is_still_a_holder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(
        "  sl  local_address rem_address   st\n   0: 0100007F:0BB8 00000000:0000 0A 0:0 00:0 0 0 0 4242 1\n",
        encoding="ascii",
    )
    monkeypatch.setattr(ports, "PROC", tmp_path)
    assert ports.port_holder(3000) == ports.SOMEBODY
    assert ports.port_holder(3001) is None


def test_where_the_kernel_does_not_tell_the_port_itself_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ports, "PROC", tmp_path)
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert ports.port_holder(server.getsockname()[1]) == ports.SOMEBODY
        port = server.getsockname()[1]
    assert ports.port_holder(port) is None


def test_a_container_without_a_name_is_told_by_its_id() -> None:
    assert ports.name_of(PUBLISHED[2]) == "fedcba987654"
