"""What is wrong with this machine: one line and one fix each. Nothing is changed."""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import clients, console, engine, envfile, ports, workspace
from seatrial.engine import PROJECT_LABEL
from seatrial.errors import ExitCode, SeatrialError
from seatrial.host import apt, bases, rootfs
from seatrial.host import engine as host_engine
from seatrial.settings import chosen_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from seatrial.engine import Document
    from seatrial.settings import Settings

PYTHON_MINIMUM = (3, 11)
FREE_GIGABYTES = 4
SKEW_SECONDS = 5
PUBLISHED_PORT = re.compile(r"(?:^|:)(?:\$\{(?P<variable>\w+):-)?(?P<port>\d+)\}?:\d+(?:/tcp)?$")
"""A published port in the compose file: `127.0.0.1:${REDIS_PORT:-6380}:6379`."""


@dataclass(frozen=True)
class Line:
    """One thing that was looked at: how it is, and what to type when it is not right."""

    name: str
    ok: bool
    said: str
    fix: str = ""


@dataclass(frozen=True)
class Seen:
    """What the engine said, asked once; `missing` is why there is no answer."""

    reached: host_engine.Reached
    endpoint: str
    info: Document
    published: tuple[Document, ...]
    missing: Line | None
    """The line about the engine, when none answers."""
    asked_at: float = 0.0
    """Middle of the time that the engine took to tell its own."""


def run(settings: Settings) -> int:
    """Print what is wrong with this machine; return the exit code."""
    lines = examine(settings)
    report(lines)
    return int(ExitCode.HOLDS if healthy(lines) else ExitCode.MACHINE)


def examine(settings: Settings) -> list[Line]:
    """Look at everything that the tasks need, and tell each as it is."""
    seen = _ask_engine()
    return [
        _python(),
        _client(seen),
        _engine(seen),
        *(_plugin(name, seen) for name in host_engine.PLUGINS),
        _disk(settings, seen),
        _clock(seen),
        *_bases(settings, seen),
        *(look(settings) for look in (_env_file, _config_file, _secrets, _client_token) if settings.managed),
        *_ports(settings, seen),
    ]


def healthy(lines: Sequence[Line]) -> bool:
    """Whether every line is ok; nothing looked at is not healthy."""
    return bool(lines) and all(line.ok for line in lines)


def report(lines: Sequence[Line]) -> None:
    """Print each line, and under a bad one what to type."""
    width = max((len(line.name) for line in lines), default=0)
    for line in lines:
        mark = console.paint("ok ", "green") if line.ok else console.paint("BAD", "red")
        first, *rest = line.said.splitlines() or [""]
        console.say(f"{mark} {line.name:<{width}}  {first}")
        for more in rest:
            console.say(f"    {'':<{width}}  {more}")
        if not line.ok and line.fix:
            console.say(f"    {'':<{width}}  next: {line.fix}")
    bad = sum(not line.ok for line in lines)
    console.say("nothing is wrong" if healthy(lines) else f"{bad} of {len(lines)} not right")


def _ask_engine() -> Seen:
    reached = host_engine.reach()
    where = host_engine.endpoint()
    try:
        connected = engine.connect()
    except SeatrialError as error:
        return Seen(reached, where, {}, (), Line("engine", ok=False, said=f"{error.what} ({where})", fix=error.hint))
    try:
        before = _now()
        info = connected.info()
        asked_at = (before + _now()) / 2
        return Seen(reached, where, info, tuple(connected.publishers()), None, asked_at)
    except SeatrialError as error:
        return Seen(reached, where, {}, (), Line("engine", ok=False, said=error.what, fix=error.hint))
    finally:
        connected.close()


def _python() -> Line:
    version = ".".join(map(str, sys.version_info[:3]))
    return Line(
        "python",
        sys.version_info[:2] >= PYTHON_MINIMUM,
        f"{version} ({sys.executable})",
        "install Python 3.11 or newer",
    )


def _client(seen: Seen) -> Line:
    program = shutil.which("docker")
    if program is None:
        return Line("client", ok=False, said="no docker client is installed", fix=host_engine.NEXT)
    return Line("client", ok=True, said=f"docker {seen.reached.client} ({program})")


def _engine(seen: Seen) -> Line:
    if seen.missing:
        return seen.missing
    version = str(seen.info.get("ServerVersion", ""))
    via = "DOCKER_HOST" if os.environ.get("DOCKER_HOST") else "docker context"
    wanted = ".".join(map(str, host_engine.ENGINE_MINIMUM))
    if apt.numbers(version) < host_engine.ENGINE_MINIMUM:
        return Line(
            "engine",
            ok=False,
            said=f"{version or 'unknown'}: {wanted} or newer is needed",
            fix="install a newer Docker Engine",
        )
    return Line("engine", ok=True, said=f"{version} at {seen.endpoint} (by {via})")


def _plugin(name: str, seen: Seen) -> Line:
    called, least = host_engine.PLUGINS[name]
    if not seen.reached.client:
        return Line(name, ok=False, said="not known without a docker client", fix=host_engine.NEXT)
    version = host_engine.plugin_version(name)
    shown, wanted = ".".join(map(str, version)), ".".join(map(str, least))
    if not version:
        return Line(name, ok=False, said=f"the docker client has no {called}", fix=host_engine.NEXT)
    if version < least:
        return Line(name, ok=False, said=f"{shown}: {wanted} or newer is needed", fix=f"install a newer {called}")
    return Line(name, ok=True, said=shown)


def _disk(settings: Settings, seen: Seen) -> Line:
    place = Path(str(seen.info.get("DockerRootDir") or ""))
    if not place.is_absolute() or not place.is_dir():
        place = settings.root
    free = shutil.disk_usage(place).free / 1e9
    return Line(
        "disk", free >= FREE_GIGABYTES, f"{free:.1f} GB free at {place}", "docker system df; docker builder prune"
    )


def _clock(seen: Seen) -> Line:
    if seen.missing:
        return _unknown("clock", seen.missing)
    try:
        theirs = datetime.fromisoformat(str(seen.info.get("SystemTime", ""))).timestamp()
    except ValueError:
        return Line("clock", ok=False, said="the engine does not tell its time", fix="docker info")
    skew = theirs - seen.asked_at
    said = f"the engine's clock differs by {abs(skew):.1f} s"
    return Line("clock", abs(skew) <= SKEW_SECONDS, said, "set both clocks, or restart the engine's virtual machine")


def _bases(settings: Settings, seen: Seen) -> Iterator[Line]:
    for variable in bases.needed(settings):
        name = variable.removesuffix("_IMAGE").lower() + " base"
        if seen.missing:
            yield _unknown(name, seen.missing)
        else:
            yield _judged(name, functools.partial(_base, settings, variable, name), "./invoke setup")


def _base(settings: Settings, variable: str, name: str) -> Line:
    image = chosen_image(settings, variable)
    if image in bases.in_store([image]):
        return Line(name, ok=True, said=image)
    way = "it is built from Debian's packages" if image.startswith(rootfs.OWN_NAME) else "it is pulled, or built"
    return Line(name, ok=False, said=f"{image} is not in the local store", fix=f"./invoke setup  # {way}")


def _env_file(settings: Settings) -> Line:
    path = settings.path(".env")

    def look() -> Line:
        workspace.redis_password(settings)
        mode = path.stat().st_mode & 0o777 if path.exists() else envfile.MODE
        if mode & ~envfile.MODE:
            return Line(".env", ok=False, said=f"open to others (mode {mode:04o})", fix="chmod 600 .env")
        return Line(".env", ok=True, said=f"{workspace.PASSWORD} is set")

    return _judged(".env", look, "./invoke setup")


def _config_file(settings: Settings) -> Line:
    def look() -> Line:
        workspace.check_config(settings)
        return Line("config", ok=True, said=workspace.CONFIG)

    return _judged("config", look, "./invoke setup")


def _secrets(settings: Settings) -> Line:
    def look() -> Line:
        problems = workspace.check_secrets(settings)
        return Line("secrets", not problems, "\n".join(problems) or "in step with .env", "./invoke setup")

    return _judged("secrets", look, "./invoke setup")


def _client_token(settings: Settings) -> Line:
    def look() -> Line:
        workspace.check_config(settings)
        ok, said, fix = clients.standing(settings)
        return Line("client token", ok, said, fix)

    return _judged("client token", look, "./invoke setup")


def _ports(settings: Settings, seen: Seen) -> Iterator[Line]:
    for service, variable, port in published_ports(settings):
        name = f"port {port}"
        container = ports.container_at(port, seen.published)
        if container and (container.get("Labels") or {}).get(PROJECT_LABEL) == settings.compose_project:
            yield Line(name, ok=True, said=f"held by our own {ports.name_of(container)}")
            continue
        holder = ports.port_holder(port, seen.published)
        fix = f"stop it, or set {variable} in .env" if variable else "stop it"
        yield Line(
            name, holder is None, f"held by {holder}: {service} needs it" if holder else f"free for {service}", fix
        )


def published_ports(settings: Settings) -> list[tuple[str, str, int]]:
    """Return service, variable and port of each port that the compose file publishes, as .env sets them."""
    import yaml  # noqa: PLC0415 - only here

    try:
        model: dict[str, Any] = yaml.safe_load(settings.path(settings.compose_file).read_text(encoding="utf-8"))
        chosen: Mapping[str, str] = {**workspace.load_env(settings), **os.environ}
    except (OSError, yaml.YAMLError, SeatrialError):
        return []
    found = []
    for service, described in (model.get("services") or {}).items():
        for text in described.get("ports") or []:
            match = PUBLISHED_PORT.search(str(text))
            if match:
                variable = match["variable"] or ""
                written = chosen.get(variable) or match["port"]
                found.append((str(service), variable, int(written) if written.isdigit() else int(match["port"])))
    return found


def _judged(name: str, look: Callable[[], Line], fix: str) -> Line:
    try:
        return look()
    except SeatrialError as error:
        return Line(name, ok=False, said=error.what, fix=error.hint or fix)


def _unknown(name: str, engine_line: Line) -> Line:
    return Line(name, ok=False, said="not known: no engine answers", fix=engine_line.fix)


def _now() -> float:
    return datetime.now(UTC).timestamp()
