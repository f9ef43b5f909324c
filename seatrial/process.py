"""The only door to other programs: argument lists in, a result out."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TERMINATION_GRACE_SECONDS = 5.0
F_SETPIPE_SZ = 1031
GIVING_WAY = 10
"""How nice a program is that gives way."""

_running: set[subprocess.Popen[Any]] = set()
_running_lock = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """What a program answered."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.exit_code == 0

    @property
    def complaint(self) -> str:
        """The last lines that the program wrote, for an error message."""
        lines = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return "\n".join(lines[-12:])


def find(program: str) -> str | None:
    """Return the path of a program, or None when it is not installed."""
    return shutil.which(program)


def run(  # noqa: PLR0913 - each option is a fact about one call
    argv: Sequence[str],
    *,
    timeout_seconds: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str | None = None,
    check: bool = True,
    gives_way: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run a program to its end and return what it said.

    `env` is added to this process's environment. A program that `gives_way` works when others, the engine first of
    all, leave room. `on_line` is given each line of standard error, then of
    standard output, as it appears. Raises SeatrialError: COMMAND_MISSING, TIMED_OUT, or with `check` COMMAND_FAILED.
    An interruption ends the program before it is passed on.
    """
    started = time.monotonic()
    try:
        # Until it is noted down it would be missed by who ends all.
        with _running_lock:
            child = subprocess.Popen(  # argument list, no shell
                list(argv),
                stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                encoding="utf-8",
                errors="replace",
                # Its own process group: Ctrl-C reaches us, and we end the child and its children in order.
                start_new_session=True,
            )
            _running.add(child)
    except OSError as error:
        raise _cannot_be_run(argv, error) from error
    if gives_way:
        _give_way(child.pid)
    try:
        stdout, stderr = _communicate(child, stdin, timeout_seconds, on_line)
    except subprocess.TimeoutExpired as error:
        raise SeatrialError(
            Code.TIMED_OUT, f"`{_shown(argv)}` did not end within {timeout_seconds:.0f} s", hint="try again"
        ) from error
    finally:
        with _running_lock:
            _running.discard(child)
        terminate(child)
    done = Completed(tuple(argv), child.returncode, stdout, stderr, time.monotonic() - started)
    if check and not done.ok:
        raise SeatrialError(
            Code.COMMAND_FAILED, f"`{_shown(argv)}` ended with {done.exit_code}:\n{done.complaint}".rstrip(":\n")
        )
    return done


def lacks_plugin(complaint: str) -> bool:
    """Whether the docker client says that it does not know a subcommand: its plugin is missing.

    Given options, it complains about the first one that it does not know itself, and shows its own usage.
    """
    said = ("is not a docker command", "unknown shorthand flag", "Usage:  docker [OPTIONS] COMMAND")
    return any(words in complaint for words in said)


def replace(argv: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> int:
    """Run a program on this terminal, with our standard streams, and return its exit code."""
    try:
        child = subprocess.Popen(list(argv), env={**os.environ, **(env or {})}, cwd=cwd)
    except OSError as error:
        raise _cannot_be_run(argv, error) from error
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(TERMINATION_GRACE_SECONDS)
            child.kill()
            child.wait()


def pieces(argv: Sequence[str], *, piece_bytes: int) -> Iterator[bytes]:
    """Yield what a program writes to standard output, in pieces; end it when nobody reads on.

    Raises SeatrialError: COMMAND_MISSING, or COMMAND_FAILED with the program's words when it ends with an error.
    """
    with tempfile.TemporaryFile() as complaints:
        pipe = subprocess.PIPE
        try:
            with _running_lock:
                child = subprocess.Popen(
                    list(argv), stdin=subprocess.DEVNULL, stdout=pipe, stderr=complaints, start_new_session=True
                )
                _running.add(child)
        except OSError as error:
            raise _cannot_be_run(argv, error) from error
        if child.stdout is None:
            raise AssertionError("the pipe was asked for")
        try:
            with contextlib.suppress(OSError):
                # Fewer changes between the two programs; Linux only, and only a wish.
                fcntl.fcntl(child.stdout, F_SETPIPE_SZ, piece_bytes)
            while piece := os.read(child.stdout.fileno(), piece_bytes):
                yield piece
            try:
                exit_code = child.wait(TERMINATION_GRACE_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise SeatrialError(
                    Code.TIMED_OUT, f"`{_shown(argv)}` wrote everything and did not end", hint="try again"
                ) from error
        finally:
            with _running_lock:
                _running.discard(child)
            if child.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            child.stdout.close()
        if exit_code:
            complaints.seek(0)
            said = complaints.read().decode("utf-8", "replace").strip()
            raise SeatrialError(
                Code.COMMAND_FAILED, f"`{_shown(argv)}` ended with {exit_code}: {said}", hint="try again"
            )


def start_daemon(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> int:
    """Start a program that outlives us, its output in `log`; return its process id."""
    with log.open("ab") as sink:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    # It outlives us on purpose: without this, Python would warn that nobody waited for it.
    child.returncode = 0
    return child.pid


def end_all() -> None:
    """End every program that other threads wait for: an interruption reaches only the main thread."""
    with _running_lock:
        children = list(_running)
    for child in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)


def terminate(child: subprocess.Popen[str]) -> None:
    """End a program that still runs, and everything it started, politely first."""
    if child.poll() is None:
        # What it started may stay when it goes: the second signal is for the whole group, whether or not it is gone.
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(TERMINATION_GRACE_SECONDS)
    for stream in (child.stdin, child.stdout, child.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _give_way(pid: int) -> None:
    # Linux weighs sessions against each other first, where it groups them, and the processes of one after that.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, max(GIVING_WAY, os.getpriority(os.PRIO_PROCESS, 0)))
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(GIVING_WAY), encoding="ascii")


def _communicate(
    child: subprocess.Popen[str],
    stdin: str | None,
    timeout_seconds: float | None,
    on_line: Callable[[str], None] | None,
) -> tuple[str, str]:
    if on_line is None:
        return child.communicate(stdin, timeout=timeout_seconds)
    if stdin is not None:
        raise AssertionError("on_line and stdin are not used together")
    collected: dict[str, list[str]] = {"stdout": [], "stderr": []}
    failures: list[Exception] = []

    def drain(name: str) -> None:
        for line in getattr(child, name):
            collected[name].append(line)
            # A pipe that nobody reads would stop the program: what `on_line` raises has to wait.
            if not failures:
                try:
                    on_line(line.rstrip("\n"))
                except Exception as error:  # noqa: BLE001 - raised again below
                    failures.append(error)

    readers = [threading.Thread(target=drain, args=(name,), daemon=True) for name in collected]
    for reader in readers:
        reader.start()
    child.wait(timeout_seconds)
    for reader in readers:
        reader.join(TERMINATION_GRACE_SECONDS)
    if failures:
        raise failures[0]
    return "".join(collected["stdout"]), "".join(collected["stderr"])


def _cannot_be_run(argv: Sequence[str], error: OSError) -> SeatrialError:
    if error.filename is not None and str(error.filename) != argv[0]:
        return SeatrialError(Code.COMMAND_FAILED, f"{argv[0]} cannot be run in {error.filename}: {error.strerror}")
    return SeatrialError(Code.COMMAND_MISSING, f"{argv[0]} cannot be run: {error.strerror}", hint=f"install {argv[0]}")


def _shown(argv: Sequence[str]) -> str:
    """Return the first words of a command: enough to know it, too few to hold a value."""
    words = list(argv[:6])
    return " ".join(words) + (" ..." if len(argv) > len(words) else "")
