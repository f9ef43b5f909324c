"""Programs: found or not, ended or not, whatever they print."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from seatrial import process
from seatrial.errors import Code, SeatrialError

PYTHON = sys.executable


def python(code: str) -> list[str]:
    return [PYTHON, "-c", textwrap.dedent(code)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_dead(pid: int) -> None:
    while is_alive(pid):
        time.sleep(0.02)


def pid_in(file: Path) -> int:
    while not file.exists() or not file.read_text(encoding="utf-8").strip():
        time.sleep(0.02)
    return int(file.read_text(encoding="utf-8"))


def caught(*args: object, **kwargs: object) -> SeatrialError:
    with pytest.raises(SeatrialError) as found:
        process.run(*args, **kwargs)  # type: ignore[arg-type]
    return found.value


def test_what_a_program_says() -> None:
    done = process.run(python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert (done.ok, done.exit_code, done.stdout, done.stderr) == (True, 0, "out\n", "err\n")
    assert done.seconds > 0


def test_a_missing_program() -> None:
    error = caught(["no-such-program-anywhere", "--flag"])
    assert (error.code, error.hint) == (Code.COMMAND_MISSING, "install no-such-program-anywhere")
    assert process.find("no-such-program-anywhere") is None
    assert process.find("sh")


@pytest.mark.parametrize(
    ("mode", "content"), [(0o644, "#!/bin/sh\n"), (0o755, "no program"), (0o755, "#!/no/such/interpreter\n")]
)
def test_a_program_that_cannot_be_run(tmp_path: Path, mode: int, content: str) -> None:
    file = tmp_path / "tool"
    file.write_text(content, encoding="utf-8")
    file.chmod(mode)
    assert caught([str(file)]).code is Code.COMMAND_MISSING
    with pytest.raises(SeatrialError):
        process.replace([str(file)])


def test_a_folder_that_is_missing_is_not_a_missing_program(tmp_path: Path) -> None:
    error = caught(["sh", "-c", "true"], cwd=tmp_path / "gone")
    assert error.code is Code.COMMAND_FAILED
    assert str(tmp_path / "gone") in error.what


def test_a_failure_says_the_command_and_its_last_words() -> None:
    error = caught(["sh", "-c", "echo one >&2; echo two >&2; exit 7"])
    assert error.code is Code.COMMAND_FAILED
    assert error.what.endswith("ended with 7:\none\ntwo")


def test_a_failure_shows_no_more_than_the_first_words() -> None:
    assert "hunter2" not in caught(["false", *"abcde", "--password", "hunter2"]).what


def test_a_failure_can_be_an_answer() -> None:
    done = process.run(["sh", "-c", "echo said; exit 3"], check=False)
    assert (done.ok, done.exit_code, done.complaint) == (False, 3, "said")


def test_a_long_complaint_is_cut_to_its_end() -> None:
    done = process.run(["sh", "-c", "seq 100 >&2"], check=False)
    assert done.complaint.splitlines() == [str(number) for number in range(89, 101)]


def test_input_environment_and_folder(tmp_path: Path) -> None:
    done = process.run(["sh", "-c", 'cat; echo "$MORE"; pwd'], stdin="given\n", env={"MORE": "more"}, cwd=tmp_path)
    assert done.stdout.splitlines() == ["given", "more", str(tmp_path)]
    assert process.run(["cat"]).stdout == ""


@pytest.mark.parametrize("live", [True, False])
def test_bytes_that_are_not_utf_8(*, live: bool) -> None:
    lines: list[str] = []
    done = process.run(
        python(r"import sys; sys.stdout.buffer.write(b'a\xff\xfeb\n')"), on_line=lines.append if live else None
    )
    assert done.stdout == "a\ufffd\ufffdb\n"
    assert lines == (["a\ufffd\ufffdb"] if live else [])


@pytest.mark.parametrize("live", [True, False])
def test_much_output_on_both_streams_is_no_deadlock(*, live: bool) -> None:
    code = """
        import sys
        for number in range(20_000):
            print("o" * 100)
            print("e" * 100, file=sys.stderr)
    """
    lines: list[str] = []
    done = process.run(python(code), on_line=lines.append if live else None)
    assert len(done.stdout) == len(done.stderr) == 20_000 * 101
    assert len(lines) == (40_000 if live else 0)


def test_lines_are_given_as_they_appear_and_in_order() -> None:
    code = """
        import sys
        for number in range(5):
            print("out", number, flush=True)
            print("err", number, file=sys.stderr, flush=True)
        print("ended without a line end", end="")
    """
    lines: list[str] = []
    process.run(python(code), on_line=lines.append)
    assert [line for line in lines if line.startswith("out")] == [f"out {number}" for number in range(5)]
    assert [line for line in lines if line.startswith("err")] == [f"err {number}" for number in range(5)]
    assert "ended without a line end" in lines


def test_a_line_is_given_before_the_program_ends(tmp_path: Path) -> None:
    flag = tmp_path / "seen"
    code = f"""
        import pathlib, time
        print("first", flush=True)
        while not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.01)
    """
    process.run(python(code), on_line=lambda _: flag.touch())
    assert flag.exists()


def test_what_the_listener_raises_is_raised_after_the_program_has_ended() -> None:
    def refuse(line: str) -> None:
        raise BrokenPipeError(line)

    with pytest.raises(BrokenPipeError):
        process.run(["sh", "-c", "seq 100000"], on_line=refuse)


@pytest.mark.parametrize("live", [True, False])
def test_a_timeout_ends_the_program_and_what_it_started(tmp_path: Path, *, live: bool) -> None:
    file = tmp_path / "pid"
    script = f"trap '' TERM; (trap '' TERM; sleep 1000) & echo $! >{file}; wait; sleep 1000"
    impatient = process.TERMINATION_GRACE_SECONDS
    process.TERMINATION_GRACE_SECONDS = 0.2
    try:
        error = caught(["sh", "-c", script], timeout_seconds=0.5, on_line=(lambda _: None) if live else None)
    finally:
        process.TERMINATION_GRACE_SECONDS = impatient
    assert error.code is Code.TIMED_OUT
    assert "did not end within" in error.what
    wait_until_dead(pid_in(file))


def test_a_grandchild_that_ignores_the_first_signal_does_not_outlive_a_parent_that_heeds_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = f"(trap '' TERM; exec sleep 1000) >/dev/null 2>&1 & echo $! >{file}; wait"
    assert caught(["sh", "-c", script], timeout_seconds=0.5).code is Code.TIMED_OUT
    wait_until_dead(pid_in(file))


def test_what_a_program_leaves_running_on_purpose_stays(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    process.run(["sh", "-c", f"sleep 1000 >/dev/null 2>&1 & echo $! >{file}"])
    pid = pid_in(file)
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_an_interruption_ends_the_program_and_is_passed_on(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = f"""
        import signal
        from seatrial import process
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            process.run(["sh", "-c", "echo $$ >{file}; exec sleep 1000"])
        except KeyboardInterrupt:
            print("interrupted")
    """
    root = Path(process.__file__).parents[1]
    with subprocess.Popen(python(code), cwd=root, stdout=subprocess.PIPE, text=True) as child:
        pid = pid_in(file)
        child.send_signal(signal.SIGINT)
        assert child.communicate()[0] == "interrupted\n"
    wait_until_dead(pid)


def test_everything_that_runs_can_be_ended_from_outside(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    ended: list[int] = []

    def work() -> None:
        ended.append(process.run(["sh", "-c", f"echo $$ >{file}; exec sleep 1000"], check=False).exit_code)

    thread = threading.Thread(target=work)
    thread.start()
    pid_in(file)
    process.end_all()
    thread.join()
    assert ended == [-signal.SIGTERM]


def test_pieces_are_every_byte_in_order() -> None:
    found = b"".join(process.pieces(["sh", "-c", "seq 200000"], piece_bytes=1 << 16))
    assert found == "".join(f"{number}\n" for number in range(1, 200_001)).encode()


def test_pieces_of_a_program_that_fails_end_in_its_words() -> None:
    given = process.pieces(["sh", "-c", "printf half; echo why >&2; exit 3"], piece_bytes=1 << 16)
    assert next(given) == b"half"
    with pytest.raises(SeatrialError) as found:
        next(given)
    assert found.value.code is Code.COMMAND_FAILED
    assert found.value.what.endswith("ended with 3: why")


def test_pieces_of_a_missing_program() -> None:
    with pytest.raises(SeatrialError) as found:
        list(process.pieces(["no-such-program-anywhere"], piece_bytes=1))
    assert found.value.code is Code.COMMAND_MISSING


def test_who_reads_no_further_ends_the_program(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    given = process.pieces(["sh", "-c", f"echo $$ >{file}; exec yes"], piece_bytes=1 << 16)
    assert next(given)
    given.close()  # type: ignore[attr-defined]
    wait_until_dead(pid_in(file))


def test_a_program_on_this_terminal_gives_its_exit_code() -> None:
    assert process.replace(["sh", "-c", 'exit "$CODE"'], env={"CODE": "5"}) == 5


def test_a_daemon_outlives_the_call_and_writes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = process.start_daemon(["sh", "-c", "echo started; exec sleep 1000"], log=log)
    while not log.read_text(encoding="utf-8"):
        time.sleep(0.02)
    assert is_alive(pid)
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert log.read_text(encoding="utf-8") == "started\n"


def test_a_program_that_gives_way_is_nice() -> None:
    # We may be nice ourselves.
    nice = max(process.GIVING_WAY, os.getpriority(os.PRIO_PROCESS, 0))
    code = f"""
        import os, time
        while os.getpriority(os.PRIO_PROCESS, 0) != {nice}:
            time.sleep(0.01)
    """
    assert process.run(python(code), gives_way=True, timeout_seconds=60).ok
    # One that has ended already needs nothing.
    assert process.run(["true"], gives_way=True).ok
