"""A stack's life: up, ps, logs, smoke, down."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seatrial import build, compose, console, engine, host, ipfs, process, secret_files, workspace
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import redis, tree
from seatrial.host import bases
from seatrial.settings import chosen_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatrial.engine import Document, Engine
    from seatrial.settings import Settings

HEALTHY_SECONDS = 60.0
DEVELOPMENT_IPFS = "ipfs"


def up(settings: Settings, *, production: bool, build: bool) -> int:
    """Start a profile and wait until it is healthy. Nothing that ran before is touched when the start fails."""
    connected = engine.connect()
    for line in [
        *host.ensure_bases(settings, allow_install=False, variables=bases.needed(settings)),
        *workspace.prepare(settings),
    ]:
        console.tell(f"  {line}")
    if production:
        if settings.managed:
            workspace.redis_password(settings)
        if build or _is_stale(connected, settings):
            _build(settings)
        services: Sequence[str] = compose.services(settings, production=True)
    else:
        services = _development_services(settings)
    stack = compose.stack(settings, production=production)
    before = {compose.service_of(c): c for c in connected.containers(settings.compose_project)}
    with console.step(f"starting {', '.join(services)}") as step:
        try:
            if production and settings.managed:
                _prepare_ledger(connected, settings, stack, step.note)
            stack.up(
                services,
                recreate=_is_out_of_date(settings, before),
                published=connected.publishers(),
                on_line=step.note,
            )
            compose.wait_until_healthy(
                connected, settings.compose_project, services, seconds=HEALTHY_SECONDS, on_change=step.note
            )
        except BaseException:
            _remove_new(connected, settings, stack, services, before)
            raise
        step.done(f"{', '.join(services)} healthy", next="./invoke verify" if production else "./invoke up --prod")
    _show(connected.containers(settings.compose_project), services)
    return 0


def _prepare_ledger(connected: Engine, settings: Settings, stack: compose.Stack, note: Callable[[str], None]) -> None:
    """Give Redis the functions of the ledger: without them the service never turns healthy."""
    from seatrial import ledger  # noqa: PLC0415 - it needs the service's own code

    if not ledger.accounts.is_configured(settings):
        return
    name = settings.redis_service
    stack.up([name], published=connected.publishers(), on_line=note)
    compose.wait_until_healthy(connected, settings.compose_project, [name], seconds=HEALTHY_SECONDS, on_change=note)
    ledger.open_store(connected, settings).load(ledger.function_source(settings.image))


def down(settings: Settings, *, volumes: bool, confirmed: bool) -> int:
    """Stop and remove both profiles. With `volumes` their data is lost, which must be confirmed."""
    if (
        volumes
        and not confirmed
        and not _answered_yes("This removes the data of Redis and IPFS for good. Remove it? [y/N] ")
    ):
        raise SeatrialError(Code.USAGE, "the data was not removed", hint="./invoke down --volumes --yes")
    engine.connect()
    with console.step("stopping") as step:
        compose.stack(settings, production=True).down(volumes=volumes)
        step.done("stopped and removed" + (", data too" if volumes else ", data kept"), next="./invoke up")
    return 0


def ps(settings: Settings) -> int:
    """Print the project's containers."""
    containers = engine.connect().containers(settings.compose_project)
    if not containers:
        console.tell("nothing runs  next: ./invoke up, or ./invoke up --prod")
    _show(containers, _known(settings))
    return 0


def logs(settings: Settings, *, follow: bool, service: str) -> int:
    """Hand the terminal to `docker compose logs`."""
    known = _known(settings)
    if service and service not in known:
        raise SeatrialError(Code.USAGE, f"unknown service: {service}", hint=f"services: {', '.join(known)}")
    engine.connect()
    stack = compose.stack(settings, production=True)
    plain = [] if sys.stdout.isatty() else ["--no-color"]
    words = ["logs", *plain, *(["--follow"] if follow else []), *([service] if service else [])]
    return process.replace(stack.command(*words), cwd=settings.root)


def smoke(settings: Settings) -> int:
    """Ask the running production Redis the harmless questions and print question, expected, got."""
    if not settings.redis_service:
        raise SeatrialError(Code.SETTINGS, "the settings name no Redis to ask", hint="redis_service in [tool.seatrial]")
    container = compose.running(engine.connect(), settings.compose_project, settings.redis_service)
    address = compose.published_address(container, settings.redis_port)
    passwords = secret_files.of_project(settings)
    wrong = 0
    console.say(f"{'':5} {'question':<52} {'expected':<12} got")
    for question in (question for question in redis.questions(settings) if question.harmless):
        reply = redis.ask(address, question, passwords).partition("\n")[0]
        holds = reply.startswith(question.expected)
        wrong += not holds
        mark = console.paint("ok   ", "green") if holds else console.paint("WRONG", "red")
        console.say(f"{mark} {question.asks:<52} {question.expected:<12} {reply[:60]}")
    if wrong:
        raise SeatrialError(
            Code.TASK_FAILED, f"{wrong} answers are wrong", hint="./invoke setup up --prod, then ./invoke verify"
        )
    return int(ExitCode.HOLDS)


def _known(settings: Settings) -> list[str]:
    """Return the services of both profiles."""
    return list(dict.fromkeys(name for which in (False, True) for name in compose.services(settings, production=which)))


def _is_stale(connected: Engine, settings: Settings) -> bool:
    """Whether the image has to be built: there is none, it is of other source than the tree's, or none was built here.

    An image of the same source may come from another checkout, and its SBOM lies there.
    """
    image = connected.image(settings.image)
    if image is None:
        return True
    made_from = ((image.get("Config") or {}).get("Labels") or {}).get("org.opencontainers.image.revision", "")
    revision = tree.revision(settings).name
    # Two trees with changes may differ though both are called dirty; an unchanged one costs a look at the cache.
    return made_from != revision or revision.endswith("-dirty") or not settings.path(build.SBOM_FILE).is_file()


def _build(settings: Settings) -> None:
    build.task(settings, no_cache=False, progress="auto")


def _development_services(settings: Settings) -> list[str]:
    services = compose.services(settings, production=False)
    if DEVELOPMENT_IPFS in services:
        said = ipfs.ensure_ipfs(settings, build=False)
        if not bases.in_store([chosen_image(settings, "IPFS_IMAGE")]):
            console.warn(said)
            services.remove(DEVELOPMENT_IPFS)
    return services


def _is_out_of_date(settings: Settings, containers: dict[str, Document]) -> bool:
    """Whether a running container was started before a file that it mounts was last written: it must be replaced."""
    folder = settings.path("secrets")
    mounted = [file for file in folder.glob("*") if file.name != secret_files.CLIENT_FILE]
    mounted += [settings.path(workspace.CONFIG), settings.path(settings.redis_config)]
    written = max((file.stat().st_mtime for file in mounted if file.is_file()), default=0.0)
    for name in containers:
        started = str(((containers.get(name) or {}).get("State") or {}).get("StartedAt") or "")
        if started and datetime.fromisoformat(started[:19]).replace(tzinfo=UTC).timestamp() + 1 < written:
            return True
    return False


def _remove_new(
    connected: Engine, settings: Settings, stack: compose.Stack, services: Sequence[str], before: dict[str, Document]
) -> None:
    """Remove what a failed start made; a container that was there before stays."""
    if not before:
        stack.down()
        return
    for container in connected.containers(settings.compose_project):
        name = compose.service_of(container)
        if name in services and name not in before:
            connected.remove(container["Id"])


def _show(containers: Sequence[Document], services: Sequence[str]) -> None:
    by_service = {compose.service_of(container): container for container in containers}
    for name in services:
        if name in by_service:
            container = by_service[name]
            ports = ", ".join(compose.published_ports(container))
            console.say(f"{name:<12} {compose.state_of(container):<10} {ports:<42} {container['Config']['Image']}")


def _answered_yes(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
