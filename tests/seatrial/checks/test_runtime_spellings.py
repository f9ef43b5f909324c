"""What a running stack may do wrong, and what only looks so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from seatrial.evidence import MissingEvidence
from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

SERVICE = "facilitator"


def trial(name: str, edit: Any) -> Evidence:
    return good.evidence().edited(f"trial.{name}", edit)


def status(field: str, value: str, service: str = SERVICE) -> Evidence:
    def edit(found: dict[str, str]) -> None:
        lines = [f"{field}:\t{value}" if line.startswith(f"{field}:") else line for line in found[service].splitlines()]
        found[service] = "\n".join(lines)

    return trial("status", edit)


@pytest.mark.parametrize("service", [SERVICE, "redis-prod"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Uid", "0\t0\t0\t0"),
        ("Uid", "1001\t1001\t0\t1001"),
        ("Gid", "0\t0\t0\t0"),
        ("Groups", "1001 0"),
        ("Groups", "0"),
        ("CapEff", "00000000a80425fb"),
        ("CapBnd", "000001ffffffffff"),
        ("CapPrm", "0000000000000001"),
        ("CapInh", "0000000000002000"),
        ("CapAmb", "0000000000000400"),
        ("NoNewPrivs", "0"),
        ("Seccomp", "0"),
        ("Seccomp", "1"),
    ],
)
def test_what_the_kernel_says_is_seen(service: str, field: str, value: str) -> None:
    assert good.problems("runtime.identity", status(field, value, service))


def test_a_process_behind_the_first_is_seen() -> None:
    def edit(found: dict[str, Any]) -> None:
        pid = next(pid for pid in found["processes"] if pid not in {"1", str(found["own"])})
        found["processes"][pid]["status"] = found["processes"][pid]["status"].replace(
            "NoNewPrivs:\t1", "NoNewPrivs:\t0"
        )

    assert good.problems("runtime.identity", trial("processes", edit))


@pytest.mark.parametrize("text", ["", "cat: /proc/1/status: Permission denied"])
def test_a_status_that_could_not_be_read_is_no_proof(text: str) -> None:
    found = good.problems("runtime.identity", trial("status", lambda found: found.update({SERVICE: text})))
    assert "the kernel's word could not be read" in found[0]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda s: s.update(healthy=False, error="it exited"), "trial stack: it exited"),
        (lambda s: s.update(seconds=99.0), "trial stack: healthy after 99.0 s, over 15.0 s"),
    ],
)
def test_a_start_that_failed_or_took_too_long_is_seen(edit: Any, expected: str) -> None:
    assert good.problems("runtime.healthy", trial("start", edit)) == [expected]


@pytest.mark.parametrize("running", [[], [SERVICE], [SERVICE, "redis-prod", "ipfs"], ["redis"]])
def test_services_too_many_or_too_few_are_seen(running: list[str]) -> None:
    assert good.problems("runtime.services", trial("start", lambda s: s.update(running=running)))


def listening(port: int, inode: int = 999_999) -> str:
    return (
        f"   9: 00000000:{port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001  0 {inode} 1 0 100\n"
    )


@pytest.mark.parametrize("table", ["tcp", "tcp6"])
def test_another_port_is_seen(table: str) -> None:
    evidence = trial(
        "processes", lambda found: found["tcp"].update({table: found["tcp"].get(table, "head\n") + listening(2222)})
    )
    assert good.problems("runtime.listener", evidence) == ["facilitator: something listens on 2222 too"]


@pytest.mark.parametrize("argv", [["sh"], ["/usr/bin/nc", "-l"], ["/tmp/initiator"], ["sleep", "1"]])
def test_another_process_is_seen(argv: list[str]) -> None:
    process = {"argv": argv, "status": "Uid:\t1001", "sockets": []}
    assert good.problems(
        "runtime.listener", trial("processes", lambda found: found["processes"].update({"99": process}))
    )


MAIN = ["/app/venv/bin/python", "-m", "service"]
PROCESSES = good.evidence().document("trial.processes")["processes"]
MAIN_PID = next(pid for pid, found in PROCESSES.items() if found["argv"] == MAIN)


def beside(argv: list[str], parent: str, **more: Any) -> Evidence:
    """Return evidence in which one more process runs."""
    process = {"argv": argv, "status": f"Pid:\t99\nPPid:\t{parent}\nUid:\t1001", "sockets": [], **more}
    return trial("processes", lambda found: found["processes"].update({"99": process}))


@pytest.mark.parametrize(
    ("argv", "parent"),
    [
        (["/app/venv/bin/python", "-m", "service.healthcheck"], "0"),
        (MAIN, MAIN_PID),
        (["python: worker 1"], MAIN_PID),
        ([], "1"),
    ],
    ids=["its health check", "a copy of itself", "a worker with a title", "one that has ended"],
)
def test_planned_processes(argv: list[str], parent: str) -> None:
    assert good.problems("runtime.listener", beside(argv, parent)) == []


@pytest.mark.parametrize(
    ("argv", "parent"),
    [
        (["/app/venv/bin/python", "-m", "service.healthcheck"], MAIN_PID),
        (["/app/venv/bin/python", "-m", "http.server"], MAIN_PID),
        (MAIN, "0"),
        (["/usr/bin/tini", "--", "x"], "1"),
        (["nginx: worker"], MAIN_PID),
    ],
)
def test_a_process_that_only_looks_planned_is_seen(argv: list[str], parent: str) -> None:
    assert len(good.problems("runtime.listener", beside(argv, parent))) == 1


def test_a_port_that_another_program_holds_is_seen() -> None:
    def edit(found: dict[str, Any]) -> None:
        own = found["processes"][MAIN_PID]
        found["processes"]["99"] = {**own, "argv": ["/usr/bin/nginx"], "status": f"PPid:\t{MAIN_PID}\n"}
        own["sockets"] = []

    said = good.problems("runtime.listener", trial("processes", edit))
    assert said == [
        "facilitator: /usr/bin/nginx listens on 3000",
        "facilitator: process 99: /usr/bin/nginx runs too",
    ]


def test_a_container_that_nothing_can_look_into_is_no_proof() -> None:
    evidence = trial("status", lambda found: {"redis-prod": found["redis-prod"]})
    with pytest.raises(MissingEvidence, match="processes of facilitator"):
        good.problems("runtime.identity", evidence)


@pytest.mark.parametrize(
    "writes", [{"/": "written"}, {"/app": "written"}, {}, {"/": "Permission denied"}, {"/": "the probe did not run: x"}]
)
def test_writes_that_were_not_refused_are_seen(writes: dict[str, str]) -> None:
    evidence = good.evidence().with_document("trial.writes", writes)
    assert good.problems("runtime.read_only_root", evidence)


@pytest.mark.parametrize("path", ["/app/cache", "/tmp/x", "/root/.python_history", "/etc/passwd"])
def test_what_a_writable_twin_changed_is_seen(path: str) -> None:
    evidence = good.evidence().edited("trial.twin_diff", lambda diff: [*diff, {"Path": path, "Kind": 1}])
    assert good.problems("runtime.read_only_root", evidence) == [f"{path}: the twin with a writable root changed it"]


@pytest.mark.parametrize("path", ["/run/secrets", "/etc/hosts", "/app/config/config.json", "/run", "/etc"])
def test_what_the_engine_mounts_is_no_change(path: str) -> None:
    evidence = good.evidence().edited("trial.twin_diff", lambda diff: [*diff, {"Path": path, "Kind": 1}])
    assert good.problems("runtime.read_only_root", evidence) == []


@pytest.mark.parametrize(
    "host",
    [
        {"ReadonlyRootfs": False},
        {"Privileged": True},
        {"CapDrop": None},
        {"CapDrop": ["CAP_NET_RAW"]},
        {"CapAdd": ["CAP_SYS_ADMIN"]},
        {"SecurityOpt": None},
        {"SecurityOpt": ["no-new-privileges:true", "seccomp:unconfined"]},
        {"Memory": 0},
        {"PidsLimit": None},
        {"NanoCpus": 0},
        {"NanoCpus": 2_000_000_000},
        {"PidsLimit": -1},
        {"Init": False},
        {"RestartPolicy": {"Name": "no"}},
        {"PidMode": "host"},
        {"GroupAdd": ["0"]},
        {"Devices": [{"PathOnHost": "/dev/mem"}]},
        {"LogConfig": {"Type": "none"}},
    ],
)
@pytest.mark.parametrize("service", [SERVICE, "redis-prod"])
def test_a_container_that_is_not_as_the_model_says_is_seen(service: str, host: dict[str, Any]) -> None:
    evidence = trial("containers", lambda found: found[service]["HostConfig"].update(host))
    assert good.problems("runtime.matches_model", evidence)


def test_a_container_of_another_user_is_seen() -> None:
    assert good.problems(
        "runtime.matches_model", trial("containers", lambda found: found[SERVICE]["Config"].update(User="0"))
    )


@pytest.mark.parametrize("host", [{"CapDrop": ["ALL"]}, {"CapDrop": ["CAP_ALL"]}, {"GroupAdd": None}, {"Devices": []}])
def test_other_words_for_the_same_container(host: dict[str, Any]) -> None:
    evidence = trial("containers", lambda found: found[SERVICE]["HostConfig"].update(host))
    assert good.problems("runtime.matches_model", evidence) == []


def test_a_number_of_restarts_is_no_other_policy() -> None:
    found = good.evidence().edited(
        "trial.model", lambda model: model["services"][SERVICE].update(restart="on-failure:3")
    )
    found = found.edited(
        "trial.containers", lambda c: c[SERVICE]["HostConfig"].update(RestartPolicy={"Name": "on-failure"})
    )
    assert good.problems("runtime.matches_model", found) == []


@pytest.mark.parametrize(
    "evidence",
    [
        trial("payment", lambda seen: seen.update(record={"status": 200, "body": good.SECRET})),
        trial("logs", lambda logs: logs.update({"redis-prod": f"x {good.SECRET} y"})),
        trial("logs", lambda logs: logs.update({SERVICE: good.SECRET.encode().hex()})),
        trial("top", lambda top: top.update({SERVICE: f"redis-cli -a {good.SECRET}"})),
        trial("health_bodies", lambda bodies: bodies.update({"/health": good.SECRET})),
        trial("containers", lambda found: found[SERVICE]["Config"].update(Env=[f"A={good.SECRET}"])),
        trial("containers", lambda found: found[SERVICE].update(Args=["--x", f'quoted "{good.SECRET}"'])),
    ],
)
def test_a_secret_that_shows_is_seen(evidence: Evidence) -> None:
    found = good.problems("runtime.no_secrets", evidence)
    assert found
    assert all(good.SECRET not in said for said in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"exit_code": 137},
        {"exit_code": 143},
        {"exit_code": 1},
        {"seconds": 15.0},
        {"status_line": ""},
        {"status_line": "HTTP/1.1 503 Service Unavailable"},
        {"status_line": "HTTP/1.1 2000 x"},
    ],
)
def test_an_end_that_cuts_off_is_seen(changes: dict[str, Any]) -> None:
    assert good.problems("runtime.sigterm", trial("sigterm", lambda seen: seen.update(changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"http_status_without_redis": 200},
        {"http_status_without_redis": 500},
        {"http_status_without_redis": 0},
        {"turned_unhealthy": False},
        {"turned_unhealthy_seconds": 99.0},
        {"turned_healthy": False},
        {"turned_healthy_seconds": 99.0},
        {"restarted": True},
    ],
)
def test_health_that_does_not_follow_redis_is_seen(changes: dict[str, Any]) -> None:
    assert good.problems("runtime.health_flip", trial("health_flip", lambda seen: seen.update(changes)))


def test_too_much_memory_is_seen() -> None:
    limit = good.settings().memory_budget_mb * 1_000_000
    assert good.problems("runtime.memory", trial("memory", lambda used: used.update({"redis-prod": int(limit) + 1})))
    assert good.problems("runtime.memory", trial("memory", lambda used: used.update({"redis-prod": int(limit)}))) == []
