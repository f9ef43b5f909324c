"""The Docker Engine's own process: started, and started again over what a killed one left behind."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import engine_socket, process
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterable

START_SECONDS, ANSWER_SECONDS = 60.0, 5.0
POLL_SECONDS = 0.1
LOG = Path("/var/log/seatrial-dockerd.log")
SOCKET = Path(engine_socket.DEFAULT)
DOCKERD = (Path("/var/run/docker.pid"), "dockerd")
PID_FILES = (DOCKERD, (Path("/var/run/docker/containerd/containerd.pid"), "containerd"))
"""Where the engine and its own containerd write their process ids, and the names of these processes."""
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
SYSTEMD = Path("/run/systemd/system")
LOG_LINES_SHOWN = 12


def start() -> str:
    """Start the engine of this machine and wait until it answers; return how it was done."""
    if SYSTEMD.is_dir():
        process.run(["systemctl", "start", "docker"], timeout_seconds=START_SECONDS * 2)
        _comes_up(None)
        return "started with systemctl"
    if (running := living(*DOCKERD)) and _comes_up(running):
        return f"waited for dockerd (pid {running})"
    removed = clear_remains(PID_FILES, (CONTAINERD_SOCKET, SOCKET))
    LOG.parent.mkdir(parents=True, exist_ok=True)
    # In the root folder: a daemon must not hold the folder that it was started from.
    pid = process.start_daemon(["env", "--chdir=/", "dockerd"], log=LOG)
    if _comes_up(pid):
        return f"started dockerd (pid {pid})" + (f" after removing {', '.join(map(str, removed))}" if removed else "")
    # Two of us started one at the same moment: the other's lives.
    if (running := living(*DOCKERD)) and _comes_up(running):
        return f"waited for dockerd (pid {running})"
    raise _failed("dockerd stopped while it was starting")


def clear_remains(pid_files: Iterable[tuple[Path, str]], sockets: Iterable[Path]) -> list[Path]:
    """Remove pid files that name no process of theirs, and sockets that nobody listens on; return them."""
    removed = []
    for file, name in pid_files:
        if file.exists() and living(file, name) is None:
            file.unlink(missing_ok=True)
            removed.append(file)
    # dockerd uses a system containerd as soon as its socket exists, and waits in vain when nobody is behind it.
    for path in sockets:
        if path.is_socket() and not listening(path):
            path.unlink(missing_ok=True)
            removed.append(path)
    return removed


def living(pid_file: Path, name: str) -> int | None:
    """Return the process that a pid file names, if it lives and is the program that wrote it."""
    try:
        pid = int(pid_file.read_text(encoding="ascii").strip())
        comm = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return None
    return pid if comm == name and alive(pid) else None


def alive(pid: int) -> bool:
    """Whether a process runs: there, and not a zombie that waits to be collected."""
    with contextlib.suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def listening(path: Path) -> bool:
    """Whether somebody accepts connections on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def answers(path: Path) -> bool:
    """Whether an engine says that it is ready on a Unix socket."""
    try:
        question = engine_socket.Question(str(path), "_ping", timeout_seconds=ANSWER_SECONDS)
    except OSError:
        return False
    with contextlib.closing(question):
        return question.is_answered()


def _comes_up(pid: int | None) -> bool:
    """Wait until the engine answers; no when its process ends before."""
    deadline = time.monotonic() + START_SECONDS
    while not answers(SOCKET):
        if pid is not None and not alive(pid):
            return False
        if time.monotonic() > deadline:
            raise _failed(f"dockerd did not answer within {START_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return True


def _failed(what: str) -> SeatrialError:
    try:
        lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    except OSError:
        lines = []
    where = f"read {LOG}" if lines else "journalctl -u docker"
    return SeatrialError(Code.ENGINE_UNREACHABLE, "\n".join([what, *lines]), hint=where)
