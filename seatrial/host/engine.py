"""A Docker Engine with Compose v2 and buildx: found, started or installed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial import console, engine_socket, plugins, process
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt, daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ENGINE_MINIMUM = (25,)
"""The first engine that knows a healthcheck's start_interval."""
COMPOSE_MINIMUM = (2, 21)
"""The first Compose whose `ps --format json` is one object a line."""
BUILDX_MINIMUM = (0, 13)
"""The first buildx that reports progress as JSON."""

CALL_SECONDS = 30
DEFAULT_ENDPOINT = f"unix://{engine_socket.DEFAULT}"
LOCAL_ENDPOINTS = {DEFAULT_ENDPOINT, "unix:///run/docker.sock"}
NEXT = "./invoke setup --engine"


@dataclass(frozen=True)
class Provider:
    """Packages that make up an engine, each with the version that it must have at least."""

    engine: Mapping[str, apt.Version]
    compose: Mapping[str, apt.Version]
    buildx: Mapping[str, apt.Version]

    def packages(self, parts: tuple[str, ...]) -> dict[str, apt.Version]:
        """Return the packages of some parts: engine, compose, buildx."""
        return {name: least for part in parts for name, least in getattr(self, part).items()}


DEBIAN = Provider(
    engine={"docker.io": ENGINE_MINIMUM, "docker-cli": ENGINE_MINIMUM, "containerd": (1, 7)},
    compose={"docker-compose": COMPOSE_MINIMUM},
    buildx={"docker-buildx": BUILDX_MINIMUM},
)
UBUNTU = Provider(
    engine={"docker.io": ENGINE_MINIMUM},
    compose={"docker-compose-v2": COMPOSE_MINIMUM},
    buildx={"docker-buildx": BUILDX_MINIMUM},
)
DOCKER = Provider(
    engine={"docker-ce": ENGINE_MINIMUM, "docker-ce-cli": ENGINE_MINIMUM, "containerd.io": (1, 7)},
    compose={"docker-compose-plugin": COMPOSE_MINIMUM},
    buildx={"docker-buildx-plugin": BUILDX_MINIMUM},
)
PROVIDERS = (DOCKER, UBUNTU, DEBIAN)
"""In order of preference: whoever added Docker's own repository to apt wants Docker's own packages."""
PARTS = ("engine", "compose", "buildx")
PLUGINS = {"compose": ("Docker Compose v2", COMPOSE_MINIMUM), "buildx": ("buildx", BUILDX_MINIMUM)}


@dataclass(frozen=True)
class Reached:
    """What `docker version` told: the client, and the server or why there is none."""

    client: str = ""
    server: str = ""
    complaint: str = ""

    @property
    def forbidden(self) -> bool:
        """Whether an engine is there but closed to this user."""
        return not self.server and "permission denied" in self.complaint.lower()


def ensure_engine(*, allow_install: bool) -> str:
    """Make sure that a Docker Engine with Compose v2 and buildx answers; return what was done, in one line.

    Raises SeatrialError: ENGINE_MISSING, ENGINE_UNREACHABLE, ENGINE_FORBIDDEN, ENGINE_PLUGIN, each with what to do.
    """
    did: list[str] = []
    reached = reach()
    # Twice, because an engine that is just stopping still answers the first time.
    for _ in range(2):
        if not reached.server:
            did.append(_bring_up(reached, allow_install=allow_install))
            reached = reach()
    if not reached.server:
        raise _unreachable(reached, endpoint())
    _require_version(reached)
    missing = tuple(name for name in PLUGINS if not has_plugin(name))
    if missing:
        did.append(_install_plugins(missing, allow_install=allow_install))
    said = "; ".join(did)
    return f"Docker Engine {reached.server}" + (f": {said}" if said else " answers")


def reach() -> Reached:
    """Ask the engine for its version, through whatever context or DOCKER_HOST the client is set to."""
    if process.find("docker") is None:
        return Reached()
    try:
        asked = process.run(["docker", "version", "--format", "{{json .}}"], timeout_seconds=CALL_SECONDS, check=False)
    except SeatrialError as error:
        if error.code is not Code.TIMED_OUT:
            raise
        return Reached(client="unknown", complaint=error.what)
    return parse_version(asked.stdout, asked.stderr)


def parse_version(stdout: str, stderr: str) -> Reached:
    """Read `docker version --format '{{json .}}'`, which also answers, and fails, when there is no server."""
    try:
        document: dict[str, Any] = json.loads(stdout)
    except ValueError:
        return Reached(client="unknown", complaint=stderr.strip() or stdout.strip())
    client, server = document.get("Client") or {}, document.get("Server") or {}
    return Reached(str(client.get("Version", "unknown")), str(server.get("Version", "")), stderr.strip())


def endpoint() -> str:
    """Return where the docker client looks for its engine."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    if process.find("docker") is None:
        return DEFAULT_ENDPOINT
    asked = process.run(
        ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"],
        timeout_seconds=CALL_SECONDS,
        check=False,
    )
    return asked.stdout.strip() or DEFAULT_ENDPOINT


def has_plugin(name: str) -> bool:
    """Whether the docker client finds a plugin: by its file, or by asking where the file is elsewhere."""
    return plugins.command(name) != ["docker", name] or bool(plugin_version(name))


def plugin_version(name: str) -> apt.Version:
    """Return the version of a plugin by asking it; nothing when there is none."""
    short = ["--short"] if name == "compose" else []
    asked = process.run(["docker", name, "version", *short], timeout_seconds=CALL_SECONDS, check=False)
    words = asked.stdout.split() if asked.ok else []
    return next((version for version in map(apt.numbers, words) if version), ())


def _bring_up(reached: Reached, *, allow_install: bool) -> str:
    where = endpoint()
    if reached.forbidden:
        raise _unreachable(reached, where)
    if where not in LOCAL_ENDPOINTS:
        # Another machine's engine, a virtual machine's or a rootless one: it is not ours to start.
        raise _unreachable(reached, where)
    installed = process.find("dockerd") is not None
    if not allow_install:
        raise _not_running() if installed else _not_installed(f"{NEXT} (as root), or install Docker Engine 25 or newer")
    if not apt.is_root():
        raise _not_installed(f"sudo {NEXT}") if not installed else _not_running(f"sudo {NEXT}")
    did = []
    if not installed:
        did.append(f"installed {_install(PARTS)}")
    with console.step("starting the Docker Engine") as step:
        did.append(daemon.start())
        step.done(f"Docker Engine: {did[-1]}")
    return ", ".join(did)


def _install_plugins(missing: tuple[str, ...], *, allow_install: bool) -> str:
    names = " and ".join(PLUGINS[name][0] for name in missing)
    if allow_install and apt.is_root() and apt.is_debian_family(apt.os_release()):
        return f"installed {_install(missing)}"
    sudo = "" if apt.is_root() else "sudo "
    raise SeatrialError(
        Code.ENGINE_PLUGIN,
        f"the docker client has no {names}",
        hint=f"{sudo}{NEXT}, or install {names} as a docker plugin",
    )


def _install(parts: tuple[str, ...]) -> str:
    release = apt.os_release()
    if not apt.is_debian_family(release):
        name = release.get("PRETTY_NAME", "this system")
        raise _not_installed(
            f"install Docker Engine 25 or newer, Compose v2 and buildx: on {name} it is not done for you"
        )
    with console.step("installing the Docker Engine's packages") as step:
        step.note("apt-get update")
        complaint = apt.update()
        packages = choose(parts, release, note=step.note)
        if not packages:
            raise _not_installed("install Docker Engine 25 or newer, Compose v2 and buildx", complaint)
        apt.install(packages, on_line=step.note)
        step.done(f"installed {', '.join(packages)}")
    return ", ".join(packages)


def choose(parts: tuple[str, ...], release: Mapping[str, str], *, note: Callable[[str], None]) -> list[str]:
    """Return the packages to install: of this release, or else of the next one, which is then made available."""
    found = first_sufficient(parts)
    codename = release.get("VERSION_CODENAME", "")
    if found or codename not in apt.SUCCESSORS:
        return found
    successor = apt.SUCCESSORS[codename]
    sources = apt.translated(apt.archive_sources(), codename, successor)
    if not sources:
        return []
    note(f"this release's packages are too old: taking those of {successor}")
    apt.add_release(successor, sources, list(DEBIAN.packages(PARTS)))
    return first_sufficient(parts)


def first_sufficient(parts: tuple[str, ...]) -> list[str]:
    """Return the packages of the first provider whose candidates are all new enough."""
    asked = [provider.packages(parts) for provider in PROVIDERS]
    versions = apt.candidates(sorted({name for wanted in asked for name in wanted}))
    return next(iter(sufficient(asked, versions)), [])


def sufficient(asked: list[dict[str, apt.Version]], versions: Mapping[str, apt.Version]) -> Iterator[list[str]]:
    """Yield each set of packages of which every one can be had, new enough."""
    for wanted in asked:
        if all(versions.get(name, ()) >= least for name, least in wanted.items()):
            yield list(wanted)


def _require_version(reached: Reached) -> None:
    version = apt.numbers(reached.server)
    if version and version < ENGINE_MINIMUM:
        raise SeatrialError(
            Code.ENGINE_PLUGIN,
            f"the Docker Engine is {reached.server}: 25 or newer is needed (healthchecks with start_interval)",
            hint="install a newer Docker Engine",
        )


def _not_running(hint: str = NEXT) -> SeatrialError:
    return SeatrialError(Code.ENGINE_UNREACHABLE, "Docker is installed, but its engine is not running", hint=hint)


def _not_installed(hint: str, complaint: str = "") -> SeatrialError:
    return SeatrialError(Code.ENGINE_MISSING, f"no Docker Engine is installed\n{complaint}".strip(), hint=hint)


def _unreachable(reached: Reached, where: str) -> SeatrialError:
    if reached.forbidden:
        return SeatrialError(
            Code.ENGINE_FORBIDDEN,
            f"the Docker Engine's socket ({where}) is closed to this user",
            hint="join the docker group (`sudo usermod -aG docker $USER`, then log in again), or use sudo",
        )
    return SeatrialError(
        Code.ENGINE_UNREACHABLE,
        f"no Docker Engine answers at {where}",
        hint="start it, or let DOCKER_HOST (or `docker context use`) name one that runs",
    )
