"""Docker Compose: the resolved model, and a project's life from `up` to `down`."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import compose_files, layout, plugins, ports, process
from seatrial.engine import SERVICE_LABEL
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatrial.engine import Document, Engine
    from seatrial.settings import Settings

UP_TIMEOUT_SECONDS = 180.0
CONFIG_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.05
_PORT_TAKEN = re.compile(
    r"(?:Bind for |bind: |listen tcp4? )\S*?:(\d+)\S*.*(?:already allocated|already in use)|:(\d+): bind"
)


@dataclass(frozen=True)
class Stack:
    """One compose project: its files, its name, its profiles."""

    project: str
    folder: Path
    files: tuple[Path, ...] = ()
    profiles: tuple[str, ...] = ()

    def command(self, *words: str) -> list[str]:
        """Return the argument list of a `docker compose` call for this project."""
        argv = ["docker", "compose", "--progress", "plain", "--project-directory", str(self.folder), "-p", self.project]
        for file in self.files:
            argv += ["-f", str(file)]
        for profile in self.profiles:
            argv += ["--profile", profile]
        return [*argv, *words]

    def model(self) -> str:
        """Return the resolved model, as JSON text, just as Compose gives it.

        Raises SeatrialError COMPOSE_FILE with Compose's own words, or before it is asked: aliases that multiply beyond
        all bounds keep it busy for ever.
        """
        if not self.files:
            compose_files.texts(self.folder)
        done = process.run(
            [*plugins.command("compose"), *self.command("config", "--format", "json")[2:]],
            timeout_seconds=CONFIG_TIMEOUT_SECONDS,
            check=False,
            gives_way=True,
            cwd=self.folder,
        )
        if not done.ok:
            _explain_plugin(done.stderr)
            raise SeatrialError(
                Code.COMPOSE_FILE, done.complaint, hint="mend the compose file, then: docker compose config"
            )
        return done.stdout

    def up(
        self,
        services: Sequence[str],
        *,
        recreate: bool = False,
        published: Sequence[Document] = (),
        on_line: Callable[[str], None] | None = None,
    ) -> None:
        """Start services with what they depend on. Raises PORT_TAKEN, ENGINE_FAILED or COMPOSE_FILE.

        `published` is the listing of the containers that publish ports, to name who holds one that is taken.
        """
        words = ["up", "--detach", "--no-build", "--pull", "never", "--remove-orphans"]
        if recreate:
            words.append("--force-recreate")
        argv = self.command(*words, *services)
        done = process.run(argv, timeout_seconds=UP_TIMEOUT_SECONDS, check=False, cwd=self.folder, on_line=on_line)
        if not done.ok:
            raise _up_error(done.complaint, published)

    def down(self, *, volumes: bool = False) -> None:
        """Stop and remove the containers and networks of the project, and with `volumes` its data."""
        words = ["down", "--remove-orphans", *(["--volumes"] if volumes else [])]
        process.run(self.command(*words), timeout_seconds=UP_TIMEOUT_SECONDS, cwd=self.folder)


def stack(settings: Settings, *, production: bool) -> Stack:
    """Return the project's own stack, development or production."""
    if not settings.compose_file:
        raise SeatrialError(
            Code.COMPOSE_FILE,
            f"there is no compose file in {settings.root}",
            hint="write one, or name it: compose_file",
        )
    profiles = (settings.production_profile,) if production else ()
    folder = settings.compose_folder
    # What Compose finds by itself it also finds the override of.
    is_found = folder == settings.root and Path(settings.compose_file).name in layout.COMPOSE_FILES
    files = () if is_found else (settings.path(settings.compose_file),)
    return Stack(settings.compose_project, folder, files, profiles)


def services(settings: Settings, *, production: bool) -> list[str]:
    """Return the names of the services of a profile: those that the settings name, else those of the model."""
    named = settings.production_services if production else settings.development_services
    if named:
        return list(named)
    found = parse_model(stack(settings, production=production).model()).get("services") or {}
    return list(settings.in_production(found) if production else found)


def wait_until_healthy(
    engine: Engine,
    project: str,
    services: Sequence[str],
    *,
    seconds: float,
    on_change: Callable[[str], None] | None = None,
) -> None:
    """Wait until each service runs and, where it has a health check, is healthy.

    Gives up at once when a container has stopped or turned unhealthy. Raises SeatrialError STACK_UNHEALTHY with the
    last health-log entry and log lines of what failed.
    """
    deadline = time.monotonic() + seconds
    told = ""
    while True:
        containers = {service_of(c): c for c in engine.containers(project)}
        states = {name: state_of(containers[name]) if name in containers else "missing" for name in services}
        failed = [name for name, state in states.items() if state in {"exited", "dead", "unhealthy", "restarting"}]
        if failed:
            raise _unhealthy(engine, containers, states, failed, "stopped or turned unhealthy")
        waiting = [name for name, state in states.items() if state not in {"healthy", "running"}]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise _unhealthy(engine, containers, states, waiting, f"did not become healthy within {seconds:.0f} s")
        said = "waiting for " + ", ".join(f"{name} ({states[name]})" for name in waiting)
        if on_change is not None and said != told:
            on_change(said)
            told = said
        time.sleep(POLL_SECONDS)


def running(engine: Engine, project: str, service: str) -> Document:
    """Return `docker inspect` of a service that runs. Raises SeatrialError NOT_RUNNING."""
    found = {service_of(container): container for container in engine.containers(project, running_only=True)}
    if service not in found:
        raise SeatrialError(Code.NOT_RUNNING, f"{service} does not run", hint="./invoke up --prod")
    return found[service]


def published_address(container: Document, inside: int) -> tuple[str, int]:
    """Return where a port of a running container is reached from here. Raises SeatrialError NOT_RUNNING."""
    bindings = (container["NetworkSettings"].get("Ports") or {}).get(f"{inside}/tcp") or []
    if not bindings:
        raise SeatrialError(
            Code.NOT_RUNNING, f"{service_of(container)} publishes no port {inside}", hint="./invoke up --prod"
        )
    # Published on every address, it is on loopback too.
    host = str(bindings[0]["HostIp"])
    return "127.0.0.1" if host in {"", "0.0.0.0", "::"} else host, int(bindings[0]["HostPort"])  # noqa: S104


def service_of(container: Document) -> str:
    """Return the compose service that a container belongs to."""
    return str((container.get("Config", {}).get("Labels") or {}).get(SERVICE_LABEL, ""))


def state_of(container: Document) -> str:
    """Return one word: healthy, unhealthy, starting, or without a health check Docker's own state."""
    state: dict[str, Any] = container.get("State", {})
    if state.get("Status") == "running" and state.get("Health"):
        return str(state["Health"]["Status"])
    return str(state.get("Status", "unknown"))


def published_ports(container: Document) -> list[str]:
    """Return each published port as `address:port->inside`."""
    ports = container.get("NetworkSettings", {}).get("Ports") or {}
    return [
        f"{binding['HostIp']}:{binding['HostPort']}->{inside.removesuffix('/tcp')}"
        for inside, bindings in sorted(ports.items())
        for binding in bindings or []
    ]


def parse_model(text: str) -> dict[str, Any]:
    """Return the model that `Stack.model` gave, parsed."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise SeatrialError(Code.COMPOSE_FILE, "Compose's model is not an object", hint="docker compose config")
    return document


def _unhealthy(
    engine: Engine, containers: dict[str, Document], states: dict[str, str], names: Sequence[str], what: str
) -> SeatrialError:
    lines = []
    for name in names:
        lines.append(f"{name} {what} (state: {states[name]})")
        if name not in containers:
            continue
        container = containers[name]
        log = (container.get("State", {}).get("Health") or {}).get("Log") or []
        lines += [f"  health check: {entry['Output'].strip()}" for entry in log[-1:] if entry.get("Output", "").strip()]
        lines += [f"  log: {line}" for line in engine.logs(container["Id"], tail=5).splitlines()]
    return SeatrialError(Code.STACK_UNHEALTHY, "\n".join(lines), hint=f"./invoke logs {names[0]}")


def _up_error(complaint: str, published: Sequence[Document]) -> SeatrialError:
    taken = _PORT_TAKEN.search(complaint)
    if taken:
        port = int(taken.group(1) or taken.group(2))
        holder = ports.port_holder(port, published) or "something else"
        return SeatrialError(
            Code.PORT_TAKEN,
            f"port {port} is in use by {holder}",
            hint="stop it, or choose another port in .env (see the compose file for the names)",
        )
    _explain_plugin(complaint)
    if "no space left on device" in complaint:
        return SeatrialError(Code.DISK_FULL, complaint, hint="docker system df; docker builder prune")
    return SeatrialError(Code.ENGINE_FAILED, f"docker compose up: {complaint}", hint="./invoke doctor")


def _explain_plugin(complaint: str) -> None:
    if process.lacks_plugin(complaint):
        raise SeatrialError(
            Code.ENGINE_PLUGIN,
            "the docker client has no Compose v2",
            hint="./invoke setup --engine, or install docker-compose-v2",
        )
    if "Cannot connect to the Docker daemon" in complaint:
        raise SeatrialError(
            Code.ENGINE_UNREACHABLE, "no Docker Engine answers", hint="start Docker, or ./invoke setup --engine"
        )
