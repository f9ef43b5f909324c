"""The engine's process: what a killed one leaves, and how a new one comes up or does not."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial import process
from seatrial.errors import Code, SeatrialError
from seatrial.host import daemon

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN_NAME = Path("/proc/self/comm").read_text(encoding="utf-8").strip() if Path("/proc/self/comm").exists() else ""
pytestmark = pytest.mark.skipif(not OWN_NAME, reason="processes are looked up in /proc")


@pytest.fixture
def dead_pid() -> int:
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


@contextlib.contextmanager
def engine_saying(path: Path, reply: bytes) -> Iterator[None]:
    """Listen like an engine, and give every connection one reply."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(8)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(1024)
                        connection.sendall(reply)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def abandoned(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def test_a_pid_file_of_a_living_process_of_that_name(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(f"{os.getpid()}\n", encoding="ascii")
    assert daemon.living(file, OWN_NAME) == os.getpid()


def test_a_pid_file_of_a_foreign_process(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(str(os.getpid()), encoding="ascii")
    assert daemon.living(file, "dockerd") is None


@pytest.mark.parametrize("content", ["", "dockerd", "-1", "99999999999"])
def test_a_pid_file_of_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pid"
    file.write_text(content, encoding="ascii")
    assert daemon.living(file, OWN_NAME) is None


def test_a_dead_process_is_not_alive(dead_pid: int) -> None:
    assert not daemon.alive(dead_pid)


def test_a_child_that_ended_and_was_not_collected_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not daemon.alive(child.pid)
    child.wait()


def test_remains_are_removed_and_what_lives_is_kept(tmp_path: Path, dead_pid: int) -> None:
    own, dead, foreign = tmp_path / "own.pid", tmp_path / "dead.pid", tmp_path / "foreign.pid"
    own.write_text(str(os.getpid()), encoding="ascii")
    dead.write_text(str(dead_pid), encoding="ascii")
    foreign.write_text(str(os.getpid()), encoding="ascii")
    left, listening, absent = abandoned(tmp_path / "left.sock"), tmp_path / "up.sock", tmp_path / "none.sock"
    with engine_saying(listening, b""):
        removed = daemon.clear_remains(
            [(own, OWN_NAME), (dead, OWN_NAME), (foreign, "containerd"), (tmp_path / "none.pid", "x")],
            [left, listening, absent],
        )
        assert listening.exists()
    assert removed == [dead, foreign, left]
    assert own.exists()
    assert not any(path.exists() for path in removed)


def test_a_plain_file_in_the_place_of_a_socket_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "docker.sock"
    file.write_text("somebody's", encoding="ascii")
    assert daemon.clear_remains([], [file]) == []
    assert file.exists()


@pytest.mark.parametrize(
    ("reply", "expected"),
    [(b"HTTP/1.0 200 OK\r\n\r\nOK", True), (b"HTTP/1.0 503 no\r\n\r\n 200 ", False), (b"", False)],
)
def test_an_engine_answers_only_with_200(tmp_path: Path, reply: bytes, *, expected: bool) -> None:
    with engine_saying(tmp_path / "sock", reply):
        assert daemon.answers(tmp_path / "sock") is expected


def test_nobody_answers_at_a_socket_that_was_left(tmp_path: Path) -> None:
    assert not daemon.answers(abandoned(tmp_path / "sock"))
    assert not daemon.answers(tmp_path / "none")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without systemd, whose engine's files are all in a folder of the test."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(daemon, "SYSTEMD", tmp_path / "no-systemd")
    monkeypatch.setattr(daemon, "LOG", tmp_path / "dockerd.log")
    monkeypatch.setattr(daemon, "SOCKET", tmp_path / "docker.sock")
    monkeypatch.setattr(daemon, "CONTAINERD_SOCKET", tmp_path / "containerd.sock")
    monkeypatch.setattr(daemon, "DOCKERD", (tmp_path / "docker.pid", "dockerd"))
    monkeypatch.setattr(daemon, "PID_FILES", ((tmp_path / "docker.pid", "dockerd"),))
    return tmp_path


def started_with(monkeypatch: pytest.MonkeyPatch, *, script: str) -> list[subprocess.Popen[bytes]]:
    """Let a shell script take the engine's place; return the processes that are started."""
    children: list[subprocess.Popen[bytes]] = []

    def start(argv: list[str], *, log: Path) -> int:
        assert argv[-1] == "dockerd"
        with log.open("ab") as sink:
            children.append(subprocess.Popen(["sh", "-c", script], stdout=sink, stderr=sink))
        return children[-1].pid

    monkeypatch.setattr(process, "start_daemon", start)
    return children


def test_an_engine_that_stops_at_once_is_an_error_with_its_last_words(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    children = started_with(monkeypatch, script="echo 'failed to start daemon: no iptables' >&2; exit 1")
    with pytest.raises(SeatrialError, match="no iptables") as raised:
        daemon.start()
    assert raised.value.code is Code.ENGINE_UNREACHABLE
    assert str(machine / "dockerd.log") in raised.value.hint
    for child in children:
        child.wait()


def test_an_engine_that_never_answers_is_given_up(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "START_SECONDS", 0.3)
    children = started_with(monkeypatch, script="echo waiting for containerd; exec sleep 60")
    try:
        with pytest.raises(SeatrialError, match="did not answer within") as raised:
            daemon.start()
        assert "waiting for containerd" in raised.value.what
        assert str(machine) in raised.value.hint
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_what_was_left_is_removed_before_the_start(
    machine: Path, monkeypatch: pytest.MonkeyPatch, dead_pid: int
) -> None:
    (machine / "docker.pid").write_text(str(dead_pid), encoding="ascii")
    abandoned(machine / "docker.sock")
    children = started_with(monkeypatch, script="exec sleep 60")
    monkeypatch.setattr(daemon, "answers", lambda _: bool(children))
    try:
        said = daemon.start()
        assert f"started dockerd (pid {children[0].pid}) after removing" in said
        assert not (machine / "docker.pid").exists()
        assert not (machine / "docker.sock").exists()
    finally:
        for child in children:
            child.kill()
            child.wait()


def test_an_engine_that_is_already_starting_is_waited_for(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "docker.pid").write_text(str(os.getpid()), encoding="ascii")
    monkeypatch.setattr(daemon, "DOCKERD", (machine / "docker.pid", OWN_NAME))
    children = started_with(monkeypatch, script="exit 1")
    with engine_saying(machine / "docker.sock", b"HTTP/1.0 200 OK\r\n\r\nOK"):
        assert daemon.start() == f"waited for dockerd (pid {os.getpid()})"
    assert children == []


def test_systemd_is_asked_where_it_runs(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon, "SYSTEMD", machine)
    asked: list[list[str]] = []
    monkeypatch.setattr(process, "run", lambda argv, **_: asked.append(argv))
    with engine_saying(machine / "docker.sock", b"HTTP/1.0 200 OK\r\n\r\nOK"):
        assert daemon.start() == "started with systemctl"
    assert asked == [["systemctl", "start", "docker"]]
