"""A trial stack: the production model started under a name of its own, watched, broken on purpose, removed.

It differs from the model in what the table of `trial_model` says and in nothing else: own project name, networks,
volumes and secrets, free loopback ports, the image under test; and two more services, a twin of the service with a
writable root file system and a Redis without a password, which are the controls.
"""

from __future__ import annotations

import contextlib
import copy
import http.client
import json
import os
import secrets
import shutil
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import compose, process, secret_files
from seatrial.engine import PROJECT_LABEL
from seatrial.errors import SeatrialError
from seatrial.evidence import redis

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.engine import Document, Engine
    from seatrial.settings import Settings

TRIAL_LABEL = "seatrial.trial"
FOLDER_PREFIX = "seatrial-trial-"
TWIN, OPEN_REDIS = "writable-twin", "open-redis"
HTTP_TIMEOUT_SECONDS = 5.0
STOP_MARGIN_SECONDS = 20
WRITE_PROBES = ("/", "/app", "/etc", "/usr/bin", "/var/lib", "/root", "/home", "/opt", "/srv", "/run")
FLIP_PATIENCE_SECONDS = 90.0
CLAIM_KEY = "x402:seatrial:claim"

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


@dataclass
class Trial:
    """A running trial stack and what it has told so far."""

    settings: Settings
    engine: Engine
    stack: compose.Stack
    folder: Path
    model: dict[str, Any]
    documents: dict[str, Any] = field(default_factory=dict)

    @property
    def main_services(self) -> list[str]:
        """The services of the production model, without the controls."""
        return [name for name in self.model["services"] if name not in {TWIN, OPEN_REDIS}]

    def container(self, service: str) -> Document:
        """Return `docker inspect` of one service's container."""
        for container in self.engine.containers(self.stack.project):
            if compose.service_of(container) == service:
                return container
        raise KeyError(service)

    def address(self, service: str, inside: int) -> tuple[str, int]:
        """Return where a port of a service is published on this machine."""
        bindings = self.container(service)["NetworkSettings"]["Ports"][f"{inside}/tcp"]
        return str(bindings[0]["HostIp"]), int(bindings[0]["HostPort"])


def trial_model(model: dict[str, Any], settings: Settings, image: str, folder: Path, label: str) -> dict[str, Any]:
    """Return the compose model of the trial stack. Nothing but what is named here differs from production."""
    services = {name: copy.deepcopy(service) for name, service in model["services"].items() if service.get("profiles")}
    for name, service in services.items():
        service.pop("profiles", None)
        service.pop("build", None)
        service.pop("container_name", None)
        if name == settings.service:
            service["image"] = image
        for port in service.get("ports", []):
            port.pop("published", None)
            port["host_ip"] = "127.0.0.1"
        for mount in service.get("volumes", []):
            copied = folder / Path(mount["source"]).name
            if mount["type"] == "bind" and copied.is_file():
                mount["source"] = str(copied)
        service.setdefault("labels", {})[TRIAL_LABEL] = label
    service = services.get(settings.service)
    if service is not None:
        twin = copy.deepcopy(service)
        twin.pop("read_only", None)
        twin.pop("ports", None)
        services[TWIN] = twin
    redis_service = services.get(settings.redis_service)
    if redis_service is not None:
        services[OPEN_REDIS] = {
            "image": redis_service["image"],
            "command": ["redis-server", "--protected-mode", "no", "--save", ""],
            "user": redis_service.get("user", "999:999"),
            "ports": [{"target": 6379, "host_ip": "127.0.0.1", "protocol": "tcp", "mode": "ingress"}],
            "labels": {TRIAL_LABEL: label},
        }
    used_networks = {name for service in services.values() for name in service.get("networks") or {}} | {"default"}
    used_volumes = {
        mount.get("source")
        for service in services.values()
        for mount in service.get("volumes", [])
        if mount["type"] == "volume"
    }
    return {
        "services": services,
        "networks": _renamed({"default": {}, **(model.get("networks") or {})}, used_networks, label),
        "volumes": _renamed(model.get("volumes"), used_volumes, label),
        "secrets": {
            name: {"file": str(folder / "secrets" / Path(secret["file"]).name)}
            for name, secret in (model.get("secrets") or {}).items()
            if "file" in secret
        },
    }


@contextlib.contextmanager
def started(settings: Settings, engine: Engine, image: str, note: Callable[[str], None]) -> Iterator[Trial]:
    """Start a trial stack and remove it again, whatever happens.

    A stack that does not become healthy is evidence, not an error: `trial.start` says what happened.
    """
    remove_leftovers(engine)
    label = f"{socket.gethostname()}/{os.getpid()}"
    project = f"{settings.compose_project}-trial-{os.getpid()}-{secrets.token_hex(3)}"
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
    try:
        source = compose.parse_model(compose.stack(settings, production=True).model())
        (folder / "secrets").mkdir(mode=0o700)
        secret_files.write_secrets(folder / "secrets", secrets.token_urlsafe(32))
        config = settings.path("config/config.json")
        shutil.copyfile(
            config if config.is_file() else settings.path("config/config.example.json"), folder / "config.json"
        )
        (folder / "config.json").chmod(0o644)
        model = trial_model(source, settings, image, folder, label)
        file = folder / "compose.json"
        file.write_text(json.dumps(model), encoding="utf-8")
        trial = Trial(settings, engine, compose.Stack(project, folder, (file,)), folder, model)
        try:
            _start(trial, note)
            yield trial
        finally:
            # A second Ctrl-C must not leave half a stack: what remains is named and can be removed by the next run.
            trial.stack.down(volumes=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(engine: Engine) -> list[str]:
    """Remove trial stacks of this machine whose process is gone; return their project names."""
    projects = {
        (thing.get("Labels") or {}).get(PROJECT_LABEL, "")
        for thing in engine.labelled(TRIAL_LABEL)
        if _is_abandoned((thing.get("Labels") or {}).get(TRIAL_LABEL, ""))
    } - {""}
    for project in sorted(projects):
        process.run(["docker", "compose", "-p", project, "down", "--volumes"], check=False, timeout_seconds=120)
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        pid = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not _is_alive(pid) and folder.is_dir() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
    return sorted(projects)


def _is_abandoned(label: str) -> bool:
    host, _, pid = label.partition("/")
    return host == socket.gethostname() and pid.isdigit() and not _is_alive(pid)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def secret_values(trial: Trial) -> list[tuple[str, str]]:
    """Return the trial's own secrets by name: they must show nowhere either."""
    return [(f"the trial's {name} password", value) for name, value in _passwords(trial).items()]


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
        passwords = _passwords(trial)
        _ask_redis(trial, passwords)
        note("writing where nothing may be written")
        trial.documents["trial.writes"] = _write_probes(engine, containers[service]["Id"])
        trial.documents["trial.health_bodies"] = _bodies(trial, ("/live", "/health", "/supported"))
        trial.documents["redis.health_check"] = _health_check_with_wrong_password(trial)
        controls.result()
        trial.documents["trial.twin_diff"] = engine.diff(trial.container(TWIN)["Id"])
        open_address = trial.address(OPEN_REDIS, 6379)
        trial.documents["redis.open_replies"] = {
            question.name: redis.ask(open_address, question, passwords)
            for question in redis.QUESTIONS
            if question.harmless
        }
        trial.documents["trial.logs"] = {name: engine.logs(container["Id"]) for name, container in containers.items()}
        trial.documents["trial.memory"] = {
            name: engine.memory_bytes(container["Id"]) for name, container in containers.items()
        }
        trial.documents["trial.top"] = {name: engine.top(container["Id"]) for name, container in containers.items()}


def break_and_mend(trial: Trial, note: Callable[[str], None]) -> None:
    """Kill Redis, watch the service turn unhealthy; start it, watch the recovery; then end the service with SIGTERM."""
    engine, settings = trial.engine, trial.settings
    redis_id = trial.container(settings.redis_service)["Id"]
    service_before = trial.container(settings.service)
    passwords = _passwords(trial)
    admin = (redis.ADMIN, passwords[redis.ADMIN])
    address = trial.address(settings.redis_service, 6379)
    claim = secrets.token_hex(8)
    acknowledged = redis.converse(address, *admin, ("SET", CLAIM_KEY, claim))
    note("killing Redis")
    engine.kill(redis_id, "SIGKILL")
    gone = time.monotonic()
    status_without = _wait_for_status(trial, 503, FLIP_PATIENCE_SECONDS)
    note("waiting for the health check to notice")
    noticed = _wait_for_state(trial, settings.service, "unhealthy")
    turned_bad_seconds = time.monotonic() - gone
    engine.start(redis_id)
    back = time.monotonic()
    note("waiting for the service to recover")
    recovered = _wait_for_state(trial, settings.service, "healthy")
    recovered_seconds = time.monotonic() - back
    after = trial.container(settings.service)
    address = trial.address(settings.redis_service, 6379)
    _wait_for_state(trial, settings.redis_service, "healthy")
    survived = redis.converse(address, *admin, ("GET", CLAIM_KEY))
    trial.documents["redis.durability"] = {"acknowledged": acknowledged, "written": claim, "read": survived}
    trial.documents["trial.health_flip"] = {
        "http_status_without_redis": status_without,
        "turned_unhealthy": noticed,
        "turned_unhealthy_seconds": turned_bad_seconds,
        "turned_healthy": recovered,
        "turned_healthy_seconds": recovered_seconds,
        "restarted": service_before["State"]["StartedAt"] != after["State"]["StartedAt"],
    }
    note("asking the service to stop")
    trial.documents["trial.sigterm"] = _terminate(trial)


def _renamed(declared: dict[str, Any] | None, used: set[Any], label: str) -> dict[str, Any]:
    # Without a name of their own they are named after the trial's project.
    return {
        name: {
            **{key: value for key, value in (options or {}).items() if key != "name"},
            "labels": {TRIAL_LABEL: label},
        }
        for name, options in (declared or {}).items()
        if name in used
    }


def _start(trial: Trial, note: Callable[[str], None]) -> None:
    began = time.monotonic()
    outcome: dict[str, Any] = {"healthy": True, "error": ""}
    try:
        note("starting the trial stack")
        trial.stack.up(trial.main_services)
        compose.wait_until_healthy(
            trial.engine,
            trial.stack.project,
            trial.main_services,
            seconds=trial.settings.start_budget_seconds * 2,
            on_change=note,
        )
    except SeatrialError as error:
        outcome = {"healthy": False, "error": error.what}
    outcome["seconds"] = time.monotonic() - began
    outcome["running"] = sorted(
        compose.service_of(c) for c in trial.engine.containers(trial.stack.project, running_only=True)
    )
    trial.documents["trial.start"] = outcome
    trial.documents["trial.model"] = json.dumps(trial.model)


def _start_controls(trial: Trial) -> None:
    trial.stack.up([TWIN, OPEN_REDIS])
    compose.wait_until_healthy(trial.engine, trial.stack.project, [TWIN, OPEN_REDIS], seconds=60)
    address = trial.address(OPEN_REDIS, 6379)
    _until(lambda: _accepts(address), 20)


def _processes(engine: Engine, container_id: str) -> dict[str, Any]:
    result = engine.execute(container_id, ["python3", "-c", _PROCESSES])
    try:
        return dict(json.loads(result.output))
    except ValueError:
        return {"processes": {}, "tcp": {}, "own": 0, "error": result.output[:500]}


def _passwords(trial: Trial) -> dict[str, str]:
    return secret_files.passwords(trial.folder / "secrets")


def _ask_redis(trial: Trial, passwords: dict[str, str]) -> None:
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
        status, body = _get(trial.address(trial.settings.service, trial.settings.service_port), path)
        found[path] = f"{status} {body}"
    return found


def _get(address: tuple[str, int], path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=HTTP_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, type(error).__name__
    finally:
        connection.close()


def _wait_for_status(trial: Trial, status: int, seconds: float) -> int:
    address = trial.address(trial.settings.service, trial.settings.service_port)
    seen = 0

    def answered() -> bool:
        nonlocal seen
        seen = _get(address, "/health")[0]
        return seen == status

    _until(answered, min(seconds, trial.settings.health_flip_budget_seconds))
    return seen


def _wait_for_state(trial: Trial, service: str, state: str) -> bool:
    return _until(
        lambda: compose.state_of(trial.container(service)) == state, trial.settings.health_flip_budget_seconds * 1.5
    )


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(compose.POLL_SECONDS)
    return True


def _accepts(address: tuple[str, int]) -> bool:
    try:
        redis.converse(address, "", "", ("PING",))
    except SeatrialError:
        return False
    return True


def _terminate(trial: Trial) -> dict[str, Any]:
    """Send SIGTERM while a request is in flight; return the answer to it, the exit code and the seconds."""
    settings, engine = trial.settings, trial.engine
    container = trial.container(settings.service)
    grace = int(container["Config"].get("StopTimeout") or 10)
    answer = {"status_line": ""}
    with socket.create_connection(
        trial.address(settings.service, settings.service_port), HTTP_TIMEOUT_SECONDS
    ) as request:
        request.sendall(b"GET /live HTTP/1.1\r\nHost: trial\r\nContent-Length: 2\r\n\r\n{")
        time.sleep(0.2)
        began = time.monotonic()
        stopper = threading.Thread(target=lambda: engine.stop(container["Id"], seconds=grace))
        stopper.start()
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            request.sendall(b"}")
            answer["status_line"] = request.recv(4096).split(b"\r\n")[0].decode("ascii", "replace")
        stopper.join(grace + STOP_MARGIN_SECONDS)
    state = (engine.container(container["Id"]) or container)["State"]
    return {
        **answer,
        "exit_code": state["ExitCode"],
        "seconds": time.monotonic() - began,
        "grace_seconds": grace,
        "out_of_memory": state["OOMKilled"],
    }
