"""Compose: which command, which error, and how long to wait for health."""

from __future__ import annotations

from pathlib import Path

import pytest

from seatrial import compose
from seatrial.errors import Code, SeatrialError
from tests import good
from tests.seatrial.fakes import FakeEngine, Programs, answer, container

STACK = compose.Stack("x402", Path("/project"), (Path("/a.yml"), Path("/b.yml")), ("production",))


def test_the_whole_command() -> None:
    assert STACK.command("up", "redis") == [
        *("docker", "compose", "--progress", "plain", "--project-directory", "/project", "-p", "x402"),
        *("-f", "/a.yml", "-f", "/b.yml", "--profile", "production", "up", "redis"),
    ]


@pytest.mark.parametrize(("production", "profiles"), [(True, ("production",)), (False, ())])
def test_the_project_s_own_stack(*, production: bool, profiles: tuple[str, ...]) -> None:
    stack = compose.stack(good.settings(root=Path("/project")), production=production)
    assert (stack.project, stack.profiles, stack.files) == ("x402", profiles, ())


def test_the_model_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(answer(stdout='{"services": {}}')).instead_of(monkeypatch)
    assert compose.parse_model(STACK.model()) == {"services": {}}
    assert programs.commands[0][-3:] == ["config", "--format", "json"]
    with pytest.raises(SeatrialError):
        compose.parse_model("[]")


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ("services.x must be a mapping", Code.COMPOSE_FILE),
        ("docker: 'compose' is not a docker command.", Code.ENGINE_PLUGIN),
        ("unknown shorthand flag: 'p' in -p", Code.ENGINE_PLUGIN),
    ],
)
def test_a_model_that_cannot_be_resolved(monkeypatch: pytest.MonkeyPatch, stderr: str, code: Code) -> None:
    Programs(answer(1, stderr=stderr)).instead_of(monkeypatch)
    with pytest.raises(SeatrialError) as caught:
        STACK.model()
    assert caught.value.code is code


@pytest.mark.parametrize(
    ("stderr", "code", "said"),
    [
        ("Bind for 127.0.0.1:6380 failed: port is already allocated", Code.PORT_TAKEN, "port 6380 is in use"),
        ("listen tcp4 0.0.0.0:3000: bind: address already in use", Code.PORT_TAKEN, "port 3000 is in use"),
        (
            "Error response: driver failed: Bind for :::8080 failed: port is already allocated",
            Code.PORT_TAKEN,
            "port 8080",
        ),
        ("write /x: no space left on device", Code.DISK_FULL, "no space left"),
        ("Cannot connect to the Docker daemon at unix:///x", Code.ENGINE_UNREACHABLE, "no Docker Engine"),
        (
            "unknown flag: --progress\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help'",
            Code.ENGINE_PLUGIN,
            "Compose v2",
        ),
        ("something else", Code.ENGINE_FAILED, "something else"),
    ],
)
def test_a_start_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, stderr: str, code: Code, said: str) -> None:
    Programs(answer(1, stderr=stderr)).instead_of(monkeypatch)
    with pytest.raises(SeatrialError) as caught:
        STACK.up(["redis"])
    assert caught.value.code is code
    assert said in caught.value.what
    assert caught.value.hint


def test_up_and_down_say_no_more_than_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Programs(answer(stderr="Container x Started\n")).instead_of(monkeypatch)
    lines: list[str] = []
    STACK.up(["a", "b"], on_line=lines.append)
    STACK.up(["a"], recreate=True)
    STACK.down()
    STACK.down(volumes=True)
    up, recreated, down, removed = programs.commands
    assert up[-2:] == ["a", "b"]
    assert "--force-recreate" not in up
    assert "--force-recreate" in recreated
    assert "--volumes" not in down
    assert "--volumes" in removed
    assert lines == ["Container x Started"]


def test_waiting_ends_when_all_are_healthy() -> None:
    engine = FakeEngine(
        [],
        [container("a", health="starting"), container("b")],
        [container("a", health="healthy"), container("b")],
    )
    told: list[str] = []
    compose.wait_until_healthy(engine.real, "x402", ["a", "b"], seconds=60, on_change=told.append)
    assert told == ["waiting for a (missing), b (missing)", "waiting for a (starting)"]


@pytest.mark.parametrize(
    ("broken", "state"),
    [
        (container("a", status="exited"), "exited"),
        (container("a", status="dead"), "dead"),
        (container("a", status="restarting"), "restarting"),
        (container("a", health="unhealthy"), "unhealthy"),
    ],
)
def test_waiting_gives_up_at_once_and_shows_the_last_words(broken: dict[str, object], state: str) -> None:
    with pytest.raises(SeatrialError) as caught:
        compose.wait_until_healthy(FakeEngine([broken]).real, "x402", ["a"], seconds=10_000)
    assert caught.value.code is Code.STACK_UNHEALTHY
    lines = caught.value.what.splitlines()
    assert lines[0] == f"a stopped or turned unhealthy (state: {state})"
    assert "  log: log of id-of-a" in lines
    assert ("  health check: a says no" in lines) is (state == "unhealthy")
    assert caught.value.hint == "./invoke logs a"


@pytest.mark.parametrize("containers", [[], [container("a", health="starting")], [container("a", status="created")]])
def test_waiting_is_bounded(containers: list[dict[str, object]]) -> None:
    with pytest.raises(SeatrialError) as caught:
        compose.wait_until_healthy(FakeEngine(containers).real, "x402", ["a"], seconds=0)
    assert "did not become healthy within 0 s" in caught.value.what


@pytest.mark.parametrize(
    ("document", "state"),
    [
        (container("a"), "running"),
        (container("a", health="healthy"), "healthy"),
        (container("a", status="exited", health="healthy"), "exited"),
        ({}, "unknown"),
    ],
)
def test_the_state_of_a_container(document: dict[str, object], state: str) -> None:
    assert compose.state_of(document) == state


def test_what_a_container_is_and_publishes() -> None:
    ports = {
        "6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": "6380"}],
        "53/udp": None,
        "3000/tcp": [{"HostIp": "::1", "HostPort": "1"}],
    }
    document = container("a", NetworkSettings={"Ports": ports})
    assert compose.published_ports(document) == ["::1:1->3000", "127.0.0.1:6380->6379"]
    assert compose.service_of(document) == "a"
    assert compose.service_of({}) == ""
    assert compose.published_ports({}) == []
