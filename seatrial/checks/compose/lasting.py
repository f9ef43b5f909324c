"""What keeps a production service up, and the host beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check
from seatrial.checks.compose.model import Service, main, seconds
from seatrial.evidence.commands import cannot_fail, hides_redis_errors, ignores_http_errors, script_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_BOUNDED = re.compile(r"[1-9]\d*(?:\.\d+)?\s*[a-z]*", re.IGNORECASE)
_ABOVE_ZERO = re.compile(r"(?=.*[1-9])\d*\.?\d+")
_MOST_PROCESSES = 1 << 22
"""As many as a kernel has numbers for: a limit of that size limits nothing."""
_MOST_MEMORY_BYTES = 1 << 44
_GROW = {"": "", "json-file": "", "local": "20m"}
"""Drivers that write to the host's disk, with the size that they keep to by themselves."""
_NEVER_SECONDS = 3600.0
"""A health check that takes an hour to turn red is none."""


@check(
    "compose.limits",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(deploy={}, mem_limit=0, pids_limit=-1, cpus=0)),
    mend="deploy.resources.limits with memory, pids and cpus",
)
def limits(evidence: Evidence) -> Iterator[Problem]:
    """Every production service has a memory, a process and a CPU limit.

    One service that leaks, forks or spins must not take the host down with it.
    """
    for name, service in evidence.services().items():
        declared = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        where = f"services.{name}.deploy.resources.limits"
        if not _limits(service.get("mem_limit") or declared.get("memory"), _MOST_MEMORY_BYTES):
            yield Problem("there is no memory limit", where)
        if not _limits(service.get("pids_limit") or declared.get("pids"), _MOST_PROCESSES):
            yield Problem("there is no process limit", where)
        if not _limits_cpu(service, declared):
            yield Problem("there is no CPU limit", where)
        if service.get("oom_kill_disable"):
            yield Problem("the memory limit is not enforced", f"services.{name}.oom_kill_disable")
        if str(service.get("memswap_limit") or "").startswith("-"):
            yield Problem("it may swap without limit", f"services.{name}.memswap_limit")


def _limits(value: Any, most: int) -> bool:
    written = str(value or "")
    return bool(_BOUNDED.fullmatch(written)) and not (written.isdecimal() and int(written) >= most)


def _limits_cpu(service: Service, declared: dict[str, Any]) -> bool:
    """Whether a service may use a part of the CPUs only: so much time, or some of them by number."""
    times = (service.get("cpus"), declared.get("cpus"), service.get("cpu_quota"))
    return any(_ABOVE_ZERO.fullmatch(str(time or "")) for time in times) or bool(service.get("cpuset"))


@check(
    "compose.restart",
    sabotage=lambda e: e.with_service(
        main(e), lambda s: s.update(restart="no", deploy={**s.get("deploy", {}), "restart_policy": None})
    ),
    mend="restart: unless-stopped",
)
def restart(evidence: Evidence) -> Iterator[Problem]:
    """Every production service is started again when it ends by itself or the host restarts.

    Without a policy one crash at night is an outage until the morning.
    """
    for name, service in evidence.services().items():
        # Where both are given, the one under `deploy` counts; Compose takes one without a condition for none at all.
        deployed = (service.get("deploy") or {}).get("restart_policy")
        policy = (deployed.get("condition") or "not said") if deployed else service.get("restart") or "no"
        if policy not in {"always", "unless-stopped", "any"}:
            yield Problem(f"the restart policy is {policy}", f"services.{name}.restart")


@check(
    "compose.logging",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.pop("logging", None)),
    mend="logging: json-file with max-size and max-file, or the local driver",
)
def logging(evidence: Evidence) -> Iterator[Problem]:
    """Every production service keeps its logs, bounded.

    Docker's default keeps everything until the disk is full.
    """
    for name, service in evidence.services().items():
        logging = service.get("logging") or {}
        driver, options = logging.get("driver") or "", logging.get("options") or {}
        size = options.get("max-size")
        where = f"services.{name}.logging"
        if driver == "none":
            yield Problem("logs are thrown away", where)
        elif driver in _GROW and not _BOUNDED.fullmatch(str(size or _GROW[driver])):
            yield Problem("logs grow without bound", where)


@check(
    "compose.healthcheck",
    sabotage=lambda e: e.with_service(
        e.a_service(), lambda s: s.update(healthcheck={"test": ["CMD-SHELL", "redis-cli ping || true"]})
    ),
    mend="make the check fail on any other answer than the right one: redis-cli -e ... | grep -qx PONG",
)
def healthcheck(evidence: Evidence) -> Iterator[Problem]:
    """Every production service has a health check, its own or its image's, that can fail.

    `redis-cli ping` exits 0 on an authentication error, `curl` without --fail on an error answer, and `|| true` on
    everything.
    """
    for name, service in evidence.services().items():
        declared = service.get("healthcheck") or {}
        where = f"services.{name}.healthcheck"
        test = [str(word) for word in declared.get("test") or []]
        if declared.get("disable") or test[:1] == ["NONE"]:
            yield Problem("the health check is disabled", where)
        elif not test and name != main(evidence):
            yield Problem("there is no health check", where)
        elif test and not test[1:]:
            yield Problem("the health check asks nothing", where)
        elif test:
            yield from _of_test(test, where)
        yield from _of_times(declared, where)


def _of_test(test: list[str], where: str) -> Iterator[Problem]:
    script = " ".join(test[1:]) if test[0] == "CMD-SHELL" else script_of(test[1:])
    if cannot_fail(script):
        yield Problem("the health check cannot fail", where)
    if hides_redis_errors(script):
        yield Problem("redis-cli exits 0 on an authentication error, so the check cannot fail", where)
    if ignores_http_errors(script):
        yield Problem("curl exits 0 on an error answer, so the check sees only a closed port", where)


def _of_times(declared: Service, where: str) -> Iterator[Problem]:
    """Judge how long it takes until a failure shows."""
    retries = int(declared.get("retries") or 3)
    until_red = retries * (seconds(declared.get("interval")) + seconds(declared.get("timeout")))
    if until_red >= _NEVER_SECONDS:
        yield Problem(f"it takes {until_red / 3600:.0f} h to turn red", where)
    if seconds(declared.get("start_period")) >= _NEVER_SECONDS:
        yield Problem(f"failures do not count for {declared['start_period']}", f"{where}.start_period")
