"""What a running stack does. All of it was seen on a trial stack of its own."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check
from seatrial.evidence import MissingEvidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

# What the engine itself mounts into every container.
_ENGINE_MOUNTS = (
    "/etc/hosts",
    "/etc/hostname",
    "/etc/resolv.conf",
    "/dev",
    "/proc",
    "/sys",
    "/usr/sbin/docker-init",
    "/sbin/docker-init",
)
CONTROLS = {"writable-twin", "open-redis"}
"""What a trial starts beside production to compare with."""
_INITS = {"docker-init", "tini", "init", "catatonit"}
_HEXADECIMAL = 16
_LISTEN = "0A"


def _model(evidence: Evidence) -> list[str]:
    """Return the services that the trial started, without its controls."""
    return [name for name in evidence.json("trial.model", "")["services"] if name not in CONTROLS]


def _trial(evidence: Evidence, name: str, edit: Any) -> Evidence:
    return evidence.edited(f"trial.{name}", edit)


def _status(text: str) -> dict[str, str]:
    """Return the fields of /proc/PID/status."""
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


@check(
    "runtime.healthy",
    sabotage=lambda e: _trial(
        e, "start", lambda s: s.update(healthy=False, error="the service did not become healthy")
    ),
    mend="read the service's words in the problem; ./invoke up --prod and ./invoke logs show the rest",
)
def healthy(evidence: Evidence) -> Iterator[Problem]:
    """The production stack becomes healthy, within its budget.

    Everything else about the running stack rests on this.
    """
    start = evidence.document("trial.start", "")
    evidence.seen["services"] += len(start["running"])
    if not start["healthy"]:
        yield Problem(start["error"], "trial stack")
    elif start["seconds"] > evidence.settings.start_budget_seconds:
        yield Problem(
            f"healthy after {start['seconds']:.1f} s, over {evidence.settings.start_budget_seconds:.1f} s",
            "trial stack",
        )


@check(
    "runtime.services",
    sabotage=lambda e: _trial(e, "start", lambda s: s["running"].append("intruder")),
    mend="give every development service no profile and start production by naming its services",
)
def services(evidence: Evidence) -> Iterator[Problem]:
    """Starting production starts the production services and no other.

    A development Redis that runs beside them is open, and nobody looks at it.
    """
    running = evidence.document("trial.start", "")["running"]
    evidence.seen["services"] += len(running)
    planned = set(evidence.settings.production_services) or set(_model(evidence))
    for name in sorted(set(running) ^ planned):
        yield Problem(
            "the service runs and should not" if name in running else "the service does not run", f"services.{name}"
        )


@check(
    "runtime.identity",
    sabotage=lambda e: _trial(
        e,
        "status",
        lambda s: {name: re.sub(r"(?m)^Uid:.*$", "Uid:\t0\t0\t0\t0", text) for name, text in s.items()},
    ),
    mend="user, cap_drop: [ALL] and no-new-privileges in the compose file; no setuid program as the command",
)
def identity(evidence: Evidence) -> Iterator[Problem]:
    """No process has a root id, a root group, a capability or a way to new ones, and each has a seccomp filter.

    The kernel says here what the process really is, whatever was written.
    """
    statuses = evidence.document("trial.status", "")
    found = {f"{name}: /proc/1/status": text for name, text in statuses.items()}
    document = evidence.documents.get("trial.processes") or {"processes": {}, "own": 0}
    found |= {
        f"{evidence.settings.service}: /proc/{pid}/status": process["status"]
        for pid, process in document["processes"].items()
        if pid not in {"1", str(document["own"])}
    }
    evidence.seen["processes"] += len(found)
    problems = [problem for where, text in found.items() for problem in _powers(where, text)]
    yield from problems
    unread = sorted(set(evidence.document("trial.containers", "")) - set(statuses))
    if unread and not problems:
        raise MissingEvidence(f"nothing can look into the processes of {', '.join(unread)}: no shell, no local engine")


def _powers(where: str, text: str) -> Iterator[Problem]:
    """Say what the kernel's word about a process shows that it should not have."""
    fields = _status(text)
    if not fields.get("Uid"):
        yield Problem(f"the kernel's word could not be read: {text.strip()[:80] or '(nothing)'}", where)
        return
    if "0" in fields["Uid"].split():
        yield Problem("a user id is 0", where)
    if "0" in fields.get("Gid", "0").split() + fields.get("Groups", "").split():
        yield Problem("a group id is 0", where)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        if int(fields.get(kind, "1"), _HEXADECIMAL):
            yield Problem(f"{kind} is {fields.get(kind, 'unknown')}", where)
    if fields.get("NoNewPrivs") != "1":
        yield Problem("new privileges are possible", where)
    if fields.get("Seccomp") != "2":
        yield Problem("no seccomp filter is active", where)


@check(
    "runtime.listener",
    sabotage=lambda e: _trial(
        e, "processes", lambda d: [p.update(sockets=[]) for p in d["processes"].values()] and None
    ),
    mend="let the command be the service itself; nothing else may listen",
)
def listener(evidence: Evidence) -> Iterator[Problem]:
    """The service listens on its port, on no other, and no other process runs beside it.

    A process that nobody planned is either a leftover or an intruder.
    """
    document = evidence.document("trial.processes", "")
    evidence.needs("service_port")
    name, wanted = evidence.settings.service, evidence.settings.service_port
    processes = {pid: p for pid, p in document["processes"].items() if pid != str(document["own"])}
    evidence.seen["processes"] += len(processes)
    listening = _listening(document["tcp"])
    owners = {listening[s]: pid for pid, p in processes.items() for s in p["sockets"] if s in listening}
    own = _own(processes)
    if wanted not in owners:
        yield Problem(f"no process of the service listens on {wanted}", name)
    elif owners[wanted] not in own:
        yield Problem(f"{' '.join(processes[owners[wanted]]['argv'])} listens on {wanted}", name)
    for port in sorted(set(listening.values()) - {wanted}):
        yield Problem(f"something listens on {port} too", name)
    checked = _with_children(processes, _health_checks(processes, evidence.container(name)))
    for pid, process in processes.items():
        if process["argv"] and pid not in own | checked and not _is_init(pid, process):
            yield Problem(f"{' '.join(process['argv'])[:80]} runs too", f"{name}: process {pid}")


def _listening(tables: dict[str, str]) -> dict[str, int]:
    """Return the port of each socket that listens, by the socket's name."""
    found = {}
    for table in tables.values():
        for row in (line.split() for line in table.splitlines()[1:]):
            if len(row) > 9 and row[3] == _LISTEN:  # noqa: PLR2004 - the inode is the tenth column
                address, _, port = row[1].partition(":")
                if address != "0B00007F":  # Docker's own name server on 127.0.0.11
                    found[f"socket:[{row[9]}]"] = int(port, _HEXADECIMAL)
    return found


def _is_init(pid: str, process: dict[str, Any]) -> bool:
    return pid == "1" and process["argv"][0].rpartition("/")[2] in _INITS


def _own(processes: dict[str, dict[str, Any]]) -> set[str]:
    """Return the service itself and its workers: what the container was started with, and copies of the same program.

    A worker has its parent's words, or one word in their place that begins with the program's name (`nginx: worker`).
    """
    main = [pid for pid, process in processes.items() if pid == "1" and process["argv"] and not _is_init(pid, process)]
    main = main or [pid for pid, process in processes.items() if _status(process["status"]).get("PPid") == "1"][:1]
    found = set(main)
    for pid in _with_children(processes, found):
        argv, program = processes[pid]["argv"], processes[main[0]]["argv"]
        title = f"{program[0].rpartition('/')[2].rstrip(':')}:" if program else ""
        if argv == program or (argv and title and argv[0].startswith(title)):
            found.add(pid)
    return found


def _health_checks(processes: dict[str, dict[str, Any]], container: dict[str, Any]) -> set[str]:
    """Return what the engine runs just now to ask for the service's health."""
    test = (container["Config"].get("Healthcheck") or {}).get("Test") or []
    words = test[1:] if test[:1] == ["CMD"] else ["/bin/sh", "-c", *test[1:]]
    entered = [
        pid for pid, process in processes.items() if _status(process["status"]).get("PPid") == "0" and pid != "1"
    ]
    return {pid for pid in entered if processes[pid]["argv"] == words}


def _with_children(processes: dict[str, dict[str, Any]], pids: set[str]) -> set[str]:
    """Return some processes and all that they started."""
    found: set[str] = set()
    pending = set(pids)
    while pending:
        found |= pending
        pending = {
            pid for pid, process in processes.items() if _status(process["status"]).get("PPid") in pending
        } - found
    return found


@check(
    "runtime.read_only_root",
    sabotage=lambda e: _trial(e, "writes", lambda w: w.update({"/app": "written"})),
    mend="read_only: true in the compose file",
)
def read_only_root(evidence: Evidence) -> Iterator[Problem]:
    """Nothing can be written on the service's root file system, not even by root, and the service does not try to.

    The second half is seen on a twin whose root is writable: what it changes is what a read-only root would refuse.
    """
    for folder, outcome in evidence.document("trial.writes", "").items():
        evidence.seen["folders"] += 1
        if outcome not in {"Read-only file system", "No such file or directory", "Permission denied"}:
            yield Problem(f"a write gave: {outcome}", folder)
    if "Read-only file system" not in evidence.document("trial.writes", "").values():
        yield Problem("no write was refused by a read-only file system", "/")
    mounts = {str(mount["Destination"]) for mount in evidence.container(evidence.settings.service).get("Mounts") or []}
    places = mounts | set(_ENGINE_MOUNTS)
    for change in evidence.document("trial.twin_diff", ""):
        path = str(change.get("Path", ""))
        # A mount point and the folders above it are made by the engine.
        if not any(place == path or place.startswith(f"{path}/") for place in places):
            yield Problem("the twin with a writable root changed it", path)


@check(
    "runtime.matches_model",
    sabotage=lambda e: _trial(e, "containers", lambda c: c[e.a_service()]["HostConfig"].update(Memory=1)),
    mend="docker compose up again; if it stays, this engine or Compose version ignores the setting",
)
def matches_model(evidence: Evidence) -> Iterator[Problem]:
    """The engine runs each container as the compose model says.

    Settings are dropped silently, by old engines, by other schedulers, by a key in the wrong place.
    """
    model = evidence.json("trial.model", "")
    for name in evidence.settings.production_services or _model(evidence):
        service, container = model["services"].get(name, {}), evidence.container(name)
        host, config = container["HostConfig"], container["Config"]
        limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        pairs: dict[str, tuple[Any, Any]] = {
            "ReadonlyRootfs": (bool(service.get("read_only")), bool(host.get("ReadonlyRootfs"))),
            "Privileged": (bool(service.get("privileged")), bool(host.get("Privileged"))),
            "CapDrop": (_upper(service.get("cap_drop")), _upper(host.get("CapDrop"))),
            "CapAdd": (_upper(service.get("cap_add")), _upper(host.get("CapAdd"))),
            "SecurityOpt": (sorted(service.get("security_opt") or []), sorted(host.get("SecurityOpt") or [])),
            "Memory": (int(service.get("mem_limit") or limits.get("memory") or 0), host.get("Memory") or 0),
            "PidsLimit": (int(service.get("pids_limit") or limits.get("pids") or 0), host.get("PidsLimit") or 0),
            "NanoCpus": (_nano(service.get("cpus") or limits.get("cpus") or 0), host.get("NanoCpus") or 0),
            "Init": (bool(service.get("init")), bool(host.get("Init"))),
            "RestartPolicy": (_restart(service), (host.get("RestartPolicy") or {}).get("Name") or "no"),
            "User": (service.get("user") or config.get("User"), config.get("User")),
            "PidMode": (service.get("pid") or "", host.get("PidMode") or ""),
            "GroupAdd": (sorted(map(str, service.get("group_add") or [])), sorted(host.get("GroupAdd") or [])),
            "Devices": (len(service.get("devices") or []), len(host.get("Devices") or [])),
        }
        if service.get("logging"):
            driver = str((host.get("LogConfig") or {}).get("Type", ""))
            pairs["LogConfig"] = (str(service["logging"].get("driver") or driver), driver)
        for key, (wanted, found) in pairs.items():
            if wanted != found:
                yield Problem(f"{key} is {found}, the model says {wanted}", f"{name}: HostConfig")


def _nano(cpus: float | str) -> int:
    return round(float(cpus) * 1e9)


def _restart(service: dict[str, Any]) -> str:
    # `on-failure:3`: the number of times is kept elsewhere.
    return str(service.get("restart") or "no").partition(":")[0]


def _upper(names: list[str] | None) -> list[str]:
    return sorted(str(name).upper().removeprefix("CAP_") for name in names or [])


@check(
    "runtime.no_secrets",
    sabotage=lambda e: _trial(e, "logs", lambda logs: logs.update({e.a_service(): "connecting with " + e.a_secret()})),
    mend="read secrets from /run/secrets, and never print them",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No secret of the stack shows in inspect output, logs, process list or answers.

    Logs are copied far, and whoever may look at containers may read the rest.
    """
    places = {f"docker inspect {n}": json.dumps(c) for n, c in evidence.document("trial.containers", "").items()}
    places |= {f"docker logs {n}": text for n, text in evidence.document("trial.logs", "").items()}
    places |= {f"docker top {n}": text for n, text in evidence.document("trial.top", "").items()}
    places |= {f"GET {path}": text for path, text in evidence.documents.get("trial.health_bodies", {}).items()}
    if "trial.payment" in evidence.documents:
        places["GET /settlements"] = json.dumps(evidence.document("trial.payment", ""))
    for where, text in places.items():
        evidence.seen["texts"] += 1
        for leak in evidence.wanted.seen_in_text(text):
            yield Problem(f"it shows {leak}", where)


@check(
    "runtime.sigterm",
    sabotage=lambda e: _trial(e, "sigterm", lambda s: s.update(exit_code=137, seconds=s["grace_seconds"] + 1.0)),
    mend="handle SIGTERM: stop accepting, finish what is in flight, exit 0 within stop_grace_period",
)
def sigterm(evidence: Evidence) -> Iterator[Problem]:
    """On SIGTERM the service finishes the request in flight and exits 0 within its grace period.

    Otherwise every deployment cuts off payments in the middle.
    """
    seen = evidence.document("trial.sigterm", "signals")
    where = evidence.settings.service
    if seen["exit_code"] != 0:
        yield Problem(f"it ended with exit code {seen['exit_code']}", where)
    if seen["seconds"] >= seen["grace_seconds"]:
        yield Problem(f"it did not end within its grace period of {seen['grace_seconds']} s", where)
    if not re.match(r"HTTP/1\.[01] 2\d\d\b", seen["status_line"]):
        yield Problem("the request in flight was not answered", where)


@check(
    "runtime.health_flip",
    sabotage=lambda e: _trial(
        e, "health_flip", lambda s: s.update(turned_unhealthy=False, http_status_without_redis=200)
    ),
    mend="let /health ask Redis each time, with a timeout shorter than the health check's",
)
def health_flip(evidence: Evidence) -> Iterator[Problem]:
    """With Redis gone the service turns unhealthy within its time; with Redis back it recovers without a restart.

    A health check that stays green keeps traffic on a service that can only answer with errors.
    """
    seen = evidence.document("trial.health_flip", "outages")
    limit = evidence.settings.health_flip_budget_seconds
    where = evidence.settings.service
    if seen["http_status_without_redis"] != 503:  # noqa: PLR2004 - Service Unavailable
        yield Problem(
            f"{evidence.settings.health_path} answered {seen['http_status_without_redis'] or 'nothing'} without Redis",
            where,
        )
    if not seen["turned_unhealthy"] or seen["turned_unhealthy_seconds"] > limit:
        yield Problem(f"the container did not turn unhealthy within {limit:.0f} s", where)
    if not seen["turned_healthy"] or seen["turned_healthy_seconds"] > limit:
        yield Problem(f"the container did not turn healthy again within {limit:.0f} s", where)
    if seen["restarted"]:
        yield Problem("the service restarted", where)


@check(
    "runtime.memory",
    sabotage=lambda e: _trial(e, "memory", lambda m: m.update({e.settings.service: 10**12})),
    mend="find what grew, or raise memory_budget_mb in [tool.seatrial]",
)
def memory(evidence: Evidence) -> Iterator[Problem]:
    """Each service uses less memory than its budget after start.

    A limit that is reached in normal work kills the service when it is busiest.
    """
    limit_mb = evidence.settings.memory_budget_mb
    for name, used_bytes in evidence.document("trial.memory", "").items():
        evidence.seen["services"] += 1
        if used_bytes / 1_000_000 > limit_mb:
            yield Problem(f"it uses {used_bytes / 1_000_000:.0f} MB, over {limit_mb:.0f} MB", name)


@check(
    "runtime.bytecode",
    sabotage=lambda e: _trial(e, "bytecode", lambda b: b["differs"].update({"/app/x.pyc": "it holds other code"})),
    mend="./invoke build --no-cache; if it stays, find the step that writes compiled files",
)
def bytecode(evidence: Evidence) -> Iterator[Problem]:
    """Every compiled Python file holds what the image's own Python makes of the source beside it.

    A compiled file names its source in its head, and that is all that can be read of it from outside. Whoever replaces
    the code leaves the head as it was, and then other code runs than anybody can read.
    """
    seen = evidence.document("trial.bytecode", "")
    if seen.get("no_python"):
        raise MissingEvidence("the image has no python3 on its path that compiled code could be compared with")
    evidence.seen["compiled files"] += seen["compared"]
    evidence.seen["folders"] += seen["folders"]
    if seen.get("error"):
        yield Problem(f"the code could not be compared: {seen['error']}", evidence.settings.service)
    for path, what in sorted(seen["differs"].items()):
        yield Problem(what, path)
