"""A copy of the project with a compose project, an image and ports of its own, whose stack can be started."""

from __future__ import annotations

import http.client
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial import compose, engine, settings
from seatrial.engine import PROJECT_LABEL
from tests.docker.mutant import append, swap
from tests.docker.yard import PATIENCE_SECONDS, PREFIX, ROOT, commit, docker, free_port, give_tools, invoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.yard import Ship, Yard

PORTS = ("FACILITATOR_PORT", "REDIS_PORT", "REDIS_DEV_PORT", "IPFS_SWARM_PORT", "IPFS_API_PORT", "IPFS_GATEWAY_PORT")


@dataclass(frozen=True)
class Harbour:
    """Where one stack is started and stopped. Nothing of it is anybody else's."""

    ship: Ship
    ports: dict[str, int]

    @property
    def project(self) -> str:
        return self.ship.settings.compose_project

    def invoke(self, *words: str) -> str:
        """Run `./invoke`, which must succeed; return what it said on both streams."""
        done = invoke(self.ship.folder, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return `docker inspect` of each container of the project, running or not, by service."""
        connected = engine.connect()
        try:
            return {compose.service_of(found): found for found in connected.containers(self.project)}
        finally:
            connected.close()

    def state(self, service: str) -> str:
        return compose.state_of(self.containers()[service])

    def volumes(self) -> set[str]:
        return self._labelled("volume")

    def networks(self) -> set[str]:
        return self._labelled("network")

    def _labelled(self, kind: str) -> set[str]:
        return set(docker(kind, "ls", "--quiet", "--filter", f"label={PROJECT_LABEL}={self.project}").split())

    def get(self, path: str) -> tuple[int, str]:
        """Ask the facilitator; 0 when it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["FACILITATOR_PORT"], timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def password(self, name: str) -> str:
        return (self.ship.folder / "secrets" / name).read_text(encoding="utf-8")

    def clear(self) -> None:
        """Remove everything that was started here."""
        argv = ["docker", "compose", "-p", self.project, "--profile", "production", "down", "--volumes"]
        subprocess.run(
            [*argv, "--remove-orphans", "--timeout", "3"],
            cwd=self.ship.folder,
            capture_output=True,
            check=True,
            timeout=PATIENCE_SECONDS,
        )


def open_harbour(shipyard: Yard, healthy: Ship, name: str) -> Harbour:
    """Make a copy that is nobody else's in name, image and ports."""
    own = f"{PREFIX}-{name}"
    project = shipyard.copy(healthy, name)
    swap("pyproject.toml", 'image = "x402-fac"', f'image = "{own}"')(project.root)
    swap("pyproject.toml", 'compose_project = "x402"', f'compose_project = "{own}"')(project.root)
    swap("docker-compose.yml", "name: x402\n", f"name: {own}\n")(project.root)
    swap("docker-compose.yml", "image: x402-fac\n", f"image: {own}\n")(project.root)
    ports = {variable: free_port() for variable in PORTS}
    ipfs = settings.chosen_image(settings.load(ROOT), "IPFS_IMAGE")
    lines = [f"{variable}={port}\n" for variable, port in ports.items()]
    append(".env", "".join([*lines, f"IPFS_IMAGE={ipfs}\n"]))(project.root)
    commit(project.root)
    give_tools(project.root)
    return Harbour(shipyard.build(settings.load(project.root), name, like=healthy), ports)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"it never came to this: {what}"
        time.sleep(0.1)
