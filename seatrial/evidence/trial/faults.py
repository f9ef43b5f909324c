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
CLAIM_KEY = "x402:seatrial:claim"


def break_and_mend(trial: Trial, note: Callable[[str], None]) -> None:
    """Kill Redis, watch the service turn unhealthy; start it, watch the recovery; then end the service with SIGTERM."""
    engine, settings = trial.engine, trial.settings
    redis_id = trial.container(settings.redis_service)["Id"]
    service_before = trial.container(settings.service)
    passwords = trial.passwords
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


def _wait_for_status(trial: Trial, status: int, seconds: float) -> int:
    address = trial.address(trial.settings.service, trial.settings.service_port)
    seen = 0

    def answered() -> bool:
        nonlocal seen
        seen = web.get(address, "/health").status
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
    with socket.create_connection(
        trial.address(settings.service, settings.service_port), web.TIMEOUT_SECONDS
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
