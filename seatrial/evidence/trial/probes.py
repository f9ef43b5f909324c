"""What a healthy trial stack says when it is asked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from seatrial import compose
from seatrial.errors import SeatrialError
from seatrial.evidence import redis, web
from seatrial.evidence.trial.model import OPEN_REDIS, TWIN, Trial
from seatrial.evidence.trial.processes import NO_SHELL, processes, run_script, status
from seatrial.evidence.trial.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.engine import Engine

WRITE_PROBES = ("/", "/app", "/etc", "/usr/bin", "/var/lib", "/root", "/home", "/opt", "/srv", "/run")

_WRITES = r"""
for folder in "$@"; do
    [ -d "$folder" ] || continue
    if said=$( (: >"$folder/.seatrial") 2>&1); then rm -f "$folder/.seatrial"; said=written; fi
    echo "$folder $said"
done
"""


def observe(trial: Trial, note: Callable[[str], None]) -> None:
    """Gather what a healthy stack says. Fills `trial.documents`; see `seatrial.evidence.collect` for the names."""
    engine = trial.engine
    controls = [name for name in (TWIN, OPEN_REDIS) if name in trial.model["services"]]
    with ThreadPoolExecutor(max_workers=4) as pool:
        note("starting the controls")
        started = pool.submit(_start_controls, trial, controls) if controls else None
        containers = {name: trial.container(name) for name in trial.main_services}
        trial.documents["trial.containers"] = containers
        note("reading processes")
        statuses = {name: status(engine, found["Id"]) for name, found in containers.items()}
        trial.documents["trial.status"] = {name: text for name, text in statuses.items() if text}
        if trial.settings.service in containers:
            _watch_service(trial, containers[trial.settings.service]["Id"], note)
        if trial.settings.redis_service in containers and trial.passwords:
            note("asking Redis")
            _ask_redis(trial)
            _health_check_with_wrong_password(trial)
        if trial.settings.managed and trial.settings.service in containers:
            from seatrial.evidence.trial.payments import pay  # noqa: PLC0415 - it needs the service's own code

            note("paying")
            pay(trial)
        if started is not None:
            started.result()
            _read_controls(trial, controls)
        trial.documents["trial.logs"] = {name: engine.logs(container["Id"]) for name, container in containers.items()}
        trial.documents["trial.memory"] = {
            name: engine.memory_bytes(container["Id"]) for name, container in containers.items()
        }
        trial.documents["trial.top"] = {name: engine.top(container["Id"]) for name, container in containers.items()}
    trial.moment("asked", "observed and asked, with right and wrong passwords")


def _watch_service(trial: Trial, container_id: str, note: Callable[[str], None]) -> None:
    settings, engine = trial.settings, trial.engine
    trial.documents.update(_found("trial.processes", processes(engine, container_id), trial))
    note("writing where nothing may be written")
    trial.documents.update(_found("trial.writes", _write_probes(engine, container_id), trial))
    if settings.service_port:
        paths = settings.answers or (settings.health_path,)
        trial.documents["trial.health_bodies"] = _bodies(trial, paths)


def _found(name: str, document: dict[str, Any], trial: Trial) -> dict[str, Any]:
    """Return a document by its name; one that is empty is missing, because nothing in the container could look."""
    if not document:
        trial.missing[name] = NO_SHELL
        return {}
    return {name: document}


def _read_controls(trial: Trial, controls: list[str]) -> None:
    if TWIN in controls:
        trial.documents["trial.twin_diff"] = trial.engine.diff(trial.container(TWIN)["Id"])
    if OPEN_REDIS in controls:
        open_address = trial.address(OPEN_REDIS, 6379)
        trial.documents["redis.open_replies"] = {
            question.name: redis.ask(open_address, question, trial.passwords)
            for question in redis.questions(trial.settings)
            if question.harmless
        }


def _start_controls(trial: Trial, controls: list[str]) -> None:
    trial.stack.up(controls)
    compose.wait_until_healthy(trial.engine, trial.stack.project, controls, seconds=60)
    if OPEN_REDIS in controls:
        address = trial.address(OPEN_REDIS, 6379)
        until(lambda: _accepts(address), 20)


def _accepts(address: tuple[str, int]) -> bool:
    try:
        redis.converse(address, "", "", ("PING",))
    except SeatrialError:
        return False
    return True


def _ask_redis(trial: Trial) -> None:
    passwords, settings = trial.passwords, trial.settings
    address = trial.address(settings.redis_service, settings.redis_port)
    trial.documents["redis.replies"] = {
        question.name: redis.ask(address, question, passwords) for question in redis.questions(settings)
    }
    admin = settings.redis_users.get("admin", "")
    if admin not in passwords:
        reason = "redis_users and redis_passwords name no admin, and nobody else may ask"
        trial.missing |= dict.fromkeys(("redis.settings", "redis.clients", "redis.users"), reason)
        return
    login = (admin, passwords[admin])
    trial.documents["redis.settings"] = redis.converse(address, *login, ("CONFIG", "GET", *redis.SETTINGS_ASKED))
    trial.documents["redis.clients"] = redis.converse(address, *login, ("CLIENT", "LIST"))
    trial.documents["redis.users"] = redis.converse(address, *login, ("ACL", "LIST"))


def _write_probes(engine: Engine, container_id: str) -> dict[str, str]:
    """Try to write in well-known folders as root inside the container: a read-only file system refuses even that."""
    said = {}
    for line in run_script(engine, container_id, _WRITES, *WRITE_PROBES, user="0").splitlines():
        folder, _, outcome = line.partition(" ")
        said[folder] = outcome.rpartition(": ")[2] or outcome
    return said


def _health_check_with_wrong_password(trial: Trial) -> None:
    """Run Redis's own health check with the right and with a wrong password in its secret; keep the exit codes."""
    container = trial.container(trial.settings.redis_service)
    test = (container["Config"].get("Healthcheck") or {}).get("Test") or []
    given = [file for file in trial.password_files.values() if file.is_relative_to(trial.folder)]
    if not given:
        trial.missing["redis.health_check"] = "the stack is given no password as a file"
        return
    trial.documents["redis.health_check"] = outcome = {}
    if not test or test[0] == "NONE":
        return
    argv = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else list(test[1:])
    outcome["right"] = trial.engine.execute(container["Id"], argv).exit_code
    saved = {}
    try:
        for file in given:
            saved[file] = file.read_text(encoding="utf-8")
            # The same inode: the file is mounted by itself.
            file.write_text(redis.WRONG_PASSWORD, encoding="utf-8")
        outcome["wrong"] = trial.engine.execute(container["Id"], argv).exit_code
    finally:
        for file, content in saved.items():
            file.write_text(content, encoding="utf-8")


def _bodies(trial: Trial, paths: tuple[str, ...]) -> dict[str, str]:
    answers = {path: web.get(trial.service_address, path, trial.token) for path in paths}
    return {path: f"{answer.status} {answer.body}" for path, answer in answers.items()}
