"""What a healthy trial stack says when it is asked."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from seatrial import compose
from seatrial.errors import SeatrialError
from seatrial.evidence import redis, web
from seatrial.evidence.trial.model import OPEN_REDIS, TWIN, Trial
from seatrial.evidence.trial.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.engine import Engine

WRITE_PROBES = ("/", "/app", "/etc", "/usr/bin", "/var/lib", "/root", "/home", "/opt", "/srv", "/run")

_PROCESSES = r"""
import json, os
found = {}
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/status") as f: status = f.read()
        with open(f"/proc/{pid}/cmdline") as f: argv = f.read().split("\0")[:-1]
        try: sockets = [os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")]
        except OSError: sockets = []
        found[pid] = {"status": status, "argv": argv, "sockets": sockets}
    except FileNotFoundError: pass
tcp = {}
for name in ("tcp", "tcp6"):
    try:
        with open(f"/proc/net/{name}") as f: tcp[name] = f.read()
    except OSError: pass
print(json.dumps({"processes": found, "tcp": tcp, "own": os.getpid()}))
"""


def observe(trial: Trial, note: Callable[[str], None]) -> None:
    """Gather what a healthy stack says. Fills `trial.documents`; see `seatrial.evidence.collect` for the names."""
    service, engine = trial.settings.service, trial.engine
    with ThreadPoolExecutor(max_workers=4) as pool:
        note("starting the controls")
        controls = pool.submit(_start_controls, trial)
        note("reading processes")
        containers = {name: trial.container(name) for name in trial.main_services}
        trial.documents["trial.containers"] = containers
        trial.documents["trial.processes"] = _processes(engine, containers[service]["Id"])
        trial.documents["trial.status"] = {
            name: engine.execute(container["Id"], ["cat", "/proc/1/status"]).output
            for name, container in containers.items()
        }
        note("asking Redis")
        _ask_redis(trial)
        note("writing where nothing may be written")
        trial.documents["trial.writes"] = _write_probes(engine, containers[service]["Id"])
        trial.documents["trial.health_bodies"] = _bodies(trial, ("/live", "/health", "/supported"))
        trial.documents["redis.health_check"] = _health_check_with_wrong_password(trial)
        controls.result()
        trial.documents["trial.twin_diff"] = engine.diff(trial.container(TWIN)["Id"])
        open_address = trial.address(OPEN_REDIS, 6379)
        trial.documents["redis.open_replies"] = {
            question.name: redis.ask(open_address, question, trial.passwords)
            for question in redis.QUESTIONS
            if question.harmless
        }
        trial.documents["trial.logs"] = {name: engine.logs(container["Id"]) for name, container in containers.items()}
        trial.documents["trial.memory"] = {
            name: engine.memory_bytes(container["Id"]) for name, container in containers.items()
        }
        trial.documents["trial.top"] = {name: engine.top(container["Id"]) for name, container in containers.items()}


def _start_controls(trial: Trial) -> None:
    trial.stack.up([TWIN, OPEN_REDIS])
    compose.wait_until_healthy(trial.engine, trial.stack.project, [TWIN, OPEN_REDIS], seconds=60)
    address = trial.address(OPEN_REDIS, 6379)
    until(lambda: _accepts(address), 20)


def _accepts(address: tuple[str, int]) -> bool:
    try:
        redis.converse(address, "", "", ("PING",))
    except SeatrialError:
        return False
    return True


def _processes(engine: Engine, container_id: str) -> dict[str, Any]:
    result = engine.execute(container_id, ["python3", "-c", _PROCESSES])
    try:
        return dict(json.loads(result.output))
    except ValueError:
        return {"processes": {}, "tcp": {}, "own": 0, "error": result.output[:500]}


def _ask_redis(trial: Trial) -> None:
    passwords = trial.passwords
    address = trial.address(trial.settings.redis_service, 6379)
    admin = (redis.ADMIN, passwords[redis.ADMIN])
    trial.documents["redis.replies"] = {
        question.name: redis.ask(address, question, passwords) for question in redis.QUESTIONS
    }
    trial.documents["redis.settings"] = redis.converse(address, *admin, ("CONFIG", "GET", *redis.SETTINGS_ASKED))
    trial.documents["redis.clients"] = redis.converse(address, *admin, ("CLIENT", "LIST"))
    trial.documents["redis.users"] = redis.converse(address, *admin, ("ACL", "LIST"))


def _write_probes(engine: Engine, container_id: str) -> dict[str, str]:
    """Try to write in well-known folders as root inside the container: a read-only file system refuses even that."""
    script = (
        "import json,os,sys\n"
        "said={}\n"
        "for folder in sys.argv[1:]:\n"
        "    path=os.path.join(folder,'.seatrial')\n"
        "    try: os.close(os.open(path,os.O_CREAT|os.O_WRONLY)); os.unlink(path); said[folder]='written'\n"
        "    except OSError as e: said[folder]=os.strerror(e.errno)\n"
        "print(json.dumps(said))\n"
    )
    result = engine.execute(container_id, ["python3", "-c", script, *WRITE_PROBES], user="0")
    try:
        return dict(json.loads(result.output))
    except ValueError:
        return {"/": f"the probe did not run: {result.output[:200]}"}


def _health_check_with_wrong_password(trial: Trial) -> dict[str, int]:
    """Run Redis's own health check with the right and with a wrong password in its secret; return the exit codes."""
    container = trial.container(trial.settings.redis_service)
    test = (container["Config"].get("Healthcheck") or {}).get("Test") or []
    if not test or test[0] == "NONE":
        return {}
    argv = ["/bin/sh", "-c", test[1]] if test[0] == "CMD-SHELL" else list(test[1:])
    outcome = {"right": trial.engine.execute(container["Id"], argv).exit_code}
    saved = {}
    try:
        for file in (trial.folder / "secrets").iterdir():
            if file.name.endswith("password"):
                saved[file] = file.read_text(encoding="utf-8")
                # The same inode: the file is mounted by itself.
                file.write_text(redis.WRONG_PASSWORD, encoding="utf-8")
        outcome["wrong"] = trial.engine.execute(container["Id"], argv).exit_code
    finally:
        for file, content in saved.items():
            file.write_text(content, encoding="utf-8")
    return outcome


def _bodies(trial: Trial, paths: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for path in paths:
        answer = web.get(trial.address(trial.settings.service, trial.settings.service_port), path)
        found[path] = f"{answer.status} {answer.body}"
    return found
