"""The IPFS image, running: it keeps what it is given, and without a word from the operator it dials nobody.

The image is the chosen one where it can be had, else it is compiled here. A machine with neither a registry nor Go
fails these tests, unless SEATRIAL_NO_GO is set, which says that it is meant to have no Go.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import ipfs, process, settings
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.docker

START_SECONDS = 30.0
CALL_SECONDS = 30.0
LABEL = "seatrial.test=ipfs"
# Exactly what docker-compose.yml does: the script decides, in the official image and in ours.
SCRIPT = f"type=bind,source={ipfs.MODULE / 'network.sh'},target=/container-init.d/network.sh,readonly"
# No proxy for what is on this machine.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Node:
    """A running node, and where it answers."""

    container: str
    api: str
    gateway: str

    def ask(self, call: str, *, body: bytes | None = None) -> bytes:
        """Call the API; a body is sent as its file."""
        request = urllib.request.Request(f"{self.api}/api/v0/{call}", method="POST")
        if body is not None:
            edge = uuid.uuid4().hex
            head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
            request.data = head.encode() + body + f"\r\n--{edge}--\r\n".encode()
            request.add_header("Content-Type", f"multipart/form-data; boundary={edge}")
        with OPENER.open(request, timeout=CALL_SECONDS) as answer:
            return bytes(answer.read())

    def json(self, call: str, *, body: bytes | None = None) -> dict[str, Any]:
        return dict(json.loads(self.ask(call, body=body)))


def docker(*argv: str, check: bool = True) -> process.Completed:
    return process.run(["docker", *argv], timeout_seconds=CALL_SECONDS, check=check)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    real = settings.load()
    # The operator's choices hold, and what is written stays here.
    scratch = replace(real, root=tmp_path_factory.mktemp("project"))
    if real.path(".env").exists():
        shutil.copyfile(real.path(".env"), scratch.path(".env"))
    try:
        ipfs.ensure_ipfs(scratch, build=True)
    except SeatrialError as error:
        if error.code is Code.COMMAND_MISSING and os.environ.get("SEATRIAL_NO_GO"):
            pytest.skip(f"SEATRIAL_NO_GO is set and no registry has the image: {error.what}")
        raise
    return settings.chosen_image(scratch, "IPFS_IMAGE")


@pytest.fixture(scope="module")
def node(image: str) -> Iterator[Node]:
    # Before a node is given a network at all, without one: it must be closed when nobody says anything.
    require_closed(config(image))
    name = f"seatrial-test-ipfs-{uuid.uuid4().hex[:8]}"
    published = ["--publish", "127.0.0.1::5001", "--publish", "127.0.0.1::8080"]
    try:
        docker("run", "--detach", "--name", name, "--label", LABEL, "--mount", SCRIPT, *published, image)
        started = Node(name, f"http://{port(name, 5001)}", f"http://{port(name, 8080)}")
        await_answer(started)
        yield started
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


@pytest.fixture
def volume() -> Iterator[str]:
    name = f"seatrial-test-ipfs-{uuid.uuid4().hex[:8]}"
    docker("volume", "create", "--label", LABEL, name)
    yield name
    docker("volume", "rm", "--force", name)


def once(
    image: str, *argv: str, network: str | None = None, volume: str | None = None, check: bool = True
) -> process.Completed:
    """Run one ipfs command in a container of its own that has no network."""
    options = ["--rm", "--label", LABEL, "--network", "none", "--mount", SCRIPT]
    options += ["--env", f"IPFS_NETWORK={network}"] if network is not None else []
    options += ["--volume", f"{volume}:/data/ipfs"] if volume else []
    return docker("run", *options, image, *argv, check=check)


def config(image: str, *, network: str | None = None, volume: str | None = None) -> dict[str, Any]:
    """Return the configuration that a container starts with."""
    said = once(image, "config", "show", network=network, volume=volume).stdout
    return dict(json.loads(said[said.index("{\n") :]))


def require_closed(config: dict[str, Any]) -> None:
    assert not config["Bootstrap"]
    assert config["Routing"]["Type"] == "none"
    assert config["Discovery"]["MDNS"]["Enabled"] is False
    assert config["AutoTLS"]["Enabled"] is False
    assert config["Addresses"]["Swarm"] == []
    assert config["Swarm"]["AddrFilters"] == ["/ip4/0.0.0.0/ipcidr/0", "/ip6/::/ipcidr/0"]
    assert config["Swarm"]["DisableNatPortMap"] is True
    assert config.get("AutoConf", {}).get("Enabled", False) is False


def port(name: str, inside: int) -> str:
    return docker("port", name, str(inside)).stdout.split()[0]


def await_answer(node: Node) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            node.ask("version")
        except (OSError, urllib.error.URLError) as error:
            running = docker("inspect", "--format", "{{.State.Running}}", node.container).stdout.strip()
            if running != "true" or time.monotonic() > deadline:
                logs = docker("logs", node.container, check=False)
                pytest.fail(f"IPFS does not answer ({error}):\n{logs.stdout}{logs.stderr}")
            time.sleep(0.1)
        else:
            return


def test_the_api_answers_on_loopback_only(node: Node, image: str) -> None:
    assert node.api.startswith("http://127.0.0.1:")
    version = node.json("version")["Version"]
    assert version
    if image == ipfs.own_image():
        assert image == f"seatrial/kubo:{version}"


def test_a_block_comes_back(node: Node) -> None:
    content = os.urandom(1000)
    put = node.json("block/put", body=content)
    assert put["Size"] == len(content)
    assert node.ask(f"block/get?arg={put['Key']}") == content


def test_a_file_comes_back_from_the_api_and_from_the_gateway(node: Node) -> None:
    content = os.urandom(600_000)  # more than one block
    added = node.json("add", body=content)["Hash"]
    assert node.ask(f"cat?arg={added}") == content
    with OPENER.open(f"{node.gateway}/ipfs/{added}", timeout=CALL_SECONDS) as answer:
        assert answer.read() == content


def test_what_is_not_here_is_refused_at_once(node: Node) -> None:
    # The gateway of a node on the public network would search for a minute.
    absent = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy"
    started = time.monotonic()
    with pytest.raises(urllib.error.HTTPError) as caught:
        OPENER.open(f"{node.gateway}/ipfs/{absent}", timeout=CALL_SECONDS)
    caught.value.close()
    assert caught.value.code in {404, 412, 500, 504}
    assert time.monotonic() - started < 5


def test_it_knows_nobody(node: Node) -> None:
    require_closed(node.json("config/show"))
    assert not node.json("swarm/peers")["Peers"]
    assert not node.json("bootstrap/list")["Peers"]


def test_it_talks_to_nobody(node: Node) -> None:
    """Its sockets, as the kernel lists them: two listeners, those who call them, and nothing else."""
    rows = [
        (kind, line.split())
        for kind in ("tcp", "tcp6", "udp", "udp6")
        for line in docker("exec", node.container, "cat", f"/proc/net/{kind}").stdout.splitlines()[1:]
    ]
    ours = {f"{number:04X}" for number in (5001, 8080)}
    assert {row[1].rpartition(":")[2] for kind, row in rows if row[3] == "0A"} == ours
    strangers = [row for kind, row in rows if not ({row[1].rpartition(":")[2], row[2].rpartition(":")[2]} & ours)]
    assert strangers == []


def test_it_refuses_to_dial_even_when_told(node: Node) -> None:
    peer = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
    with pytest.raises(urllib.error.HTTPError) as caught:
        node.ask(f"swarm/connect?arg=/ip4/127.0.0.1/tcp/9/p2p/{peer}")
    with caught.value as answer:
        assert b"gater" in answer.read()


def test_it_does_not_run_as_root(node: Node) -> None:
    rows = docker("top", node.container, "-eo", "uid,pid,args").stdout.splitlines()[1:]
    daemons = [row.split()[0] for row in rows if row.split()[2:4] == ["ipfs", "daemon"]]
    assert daemons == ["1000"]


def test_a_volume_outlives_its_container(image: str, volume: str) -> None:
    added = once(image, "add", "--quieter", "/usr/local/bin/start_ipfs", volume=volume).stdout.split()[-1]
    assert once(image, "cat", added, volume=volume).stdout.count("exec ipfs") == 1


def test_the_public_network_is_a_choice_that_can_be_taken_back(image: str, volume: str) -> None:
    first = config(image, volume=volume)
    require_closed(first)
    opened = config(image, volume=volume, network="public")
    assert opened["Bootstrap"]
    assert opened["Addresses"]["Swarm"]
    assert not opened["Swarm"]["AddrFilters"]
    assert opened["Addresses"]["API"] == "/ip4/0.0.0.0/tcp/5001"
    assert config(image, volume=volume, network="none") == first


def test_an_unknown_network_starts_nothing(image: str) -> None:
    done = once(image, "id", network="open", check=False)
    assert done.exit_code != 0
    assert "IPFS_NETWORK is 'open': it must be public or none" in done.stderr
    assert "PublicKey" not in done.stdout
