"""What a trial stack does when it is broken on purpose: Redis killed, the service told to stop."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from seatrial import compose
from seatrial.evidence import redis, web
from seatrial.evidence.trial.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.evidence.trial.model import Trial

STOP_MARGIN_SECONDS = 20
FLIP_PATIENCE_SECONDS = 90.0
SERVICE_UNAVAILABLE = 503
CLAIM_KEY = "seatrial:claim"
"""Under the service's own keys."""


def break_and_mend(trial: Trial, note: Callable[[str], None]) -> None:
    """Kill Redis, watch the service turn unhealthy; start it, watch the recovery; then end the service with SIGTERM."""
    settings = trial.settings
    if settings.redis_service in trial.main_services:
        _break_redis(trial, note)
    if settings.service in trial.main_services and settings.service_port:
        note("asking the service to stop")
        trial.moment("stop", f"SIGTERM to {settings.service}")
        stopped = trial.documents["trial.sigterm"] = _terminate(trial)
        code = stopped["exit_code"]
        trial.moment("failed" if code else "stopped", f"{settings.service}: exit code {code}")


def _break_redis(trial: Trial, note: Callable[[str], None]) -> None:
    """Write, kill Redis, start it, read; and see what the service says of it, where one answers."""
    engine, settings = trial.engine, trial.settings
    is_watched = settings.service in trial.main_services and bool(settings.service_port)
    redis_id = trial.container(settings.redis_service)["Id"]
    started = trial.container(settings.service)["State"]["StartedAt"] if is_watched else ""
    writer = settings.redis_users.get("admin") or settings.redis_users.get("service", "")
    login = (writer, trial.passwords.get(writer, ""))
    key, claim = f"{settings.redis_keys}{CLAIM_KEY}", secrets.token_hex(8)
    acknowledged = redis.converse(
        trial.address(settings.redis_service, settings.redis_port), *login, ("SET", key, claim)
    )
    note("killing Redis")
    trial.moment("fault", f"{settings.redis_service} is killed")
    engine.kill(redis_id, "SIGKILL")
    gone = time.monotonic()
    flip: dict[str, Any] = {}
    if is_watched:
        status = flip["http_status_without_redis"] = _wait_for_status(trial, SERVICE_UNAVAILABLE, FLIP_PATIENCE_SECONDS)
        trial.moment("noticed" if status == SERVICE_UNAVAILABLE else "failed", f"{settings.health_path}: {status}")
        note("waiting for the health check to notice")
        flip["turned_unhealthy"] = _wait_for_state(trial, settings.service, "unhealthy")
        flip["turned_unhealthy_seconds"] = time.monotonic() - gone
        noticed = bool(flip["turned_unhealthy"])
        trial.moment("noticed" if noticed else "failed", f"{settings.service}: {'un' * noticed}healthy")
    engine.start(redis_id)
    back = time.monotonic()
    trial.moment("mended", f"{settings.redis_service} is started again")
    if is_watched:
        note("waiting for the service to recover")
        flip["turned_healthy"] = _wait_for_state(trial, settings.service, "healthy")
        flip["turned_healthy_seconds"] = time.monotonic() - back
        well = bool(flip["turned_healthy"])
        trial.moment("recovered" if well else "failed", f"{settings.service}: {'' if well else 'not '}healthy")
        flip["restarted"] = started != trial.container(settings.service)["State"]["StartedAt"]
        trial.documents["trial.health_flip"] = flip
    _wait_for_state(trial, settings.redis_service, "healthy")
    address = trial.address(settings.redis_service, settings.redis_port)
    survived = redis.converse(address, *login, ("GET", key))
    trial.documents["redis.durability"] = {"acknowledged": acknowledged, "written": claim, "read": survived}
    if trial.payment is not None:
        from seatrial.evidence.trial.payments import record  # noqa: PLC0415 - it needs the service's own code

        before = trial.documents["trial.payment"]["record"]
        trial.documents["trial.settlement"] = {"before": before, "after": record(trial)}


def _wait_for_status(trial: Trial, status: int, seconds: float) -> int:
    address = trial.service_address
    seen = 0

    def answered() -> bool:
        nonlocal seen
        seen = web.get(address, trial.settings.health_path).status
        return seen == status

    until(answered, min(seconds, trial.settings.health_flip_budget_seconds))
    return seen


def _wait_for_state(trial: Trial, service: str, state: str) -> bool:
    return until(
        lambda: compose.state_of(trial.container(service)) == state, trial.settings.health_flip_budget_seconds * 1.5
    )


def _terminate(trial: Trial) -> dict[str, Any]:
    """Send SIGTERM while a request is in flight; return the answer to it, the exit code and the seconds."""
    settings, engine = trial.settings, trial.engine
    container = trial.container(settings.service)
    grace = int(container["Config"].get("StopTimeout") or 10)
    answer = {"status_line": ""}
    with socket.create_connection(trial.service_address, web.TIMEOUT_SECONDS) as request:
        path = next(iter(settings.answers), settings.health_path)
        request.sendall(f"GET {path} HTTP/1.1\r\nHost: trial\r\nContent-Length: 2\r\n\r\n{{".encode())
        time.sleep(0.2)
        began = time.monotonic()
        stopper = threading.Thread(target=lambda: engine.stop(container["Id"], seconds=grace))
        stopper.start()
        time.sleep(0.5)
        with contextlib.suppress(OSError):
            request.sendall(b"}")
        # Who has answered already may have closed its end.
        with contextlib.suppress(OSError):
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
