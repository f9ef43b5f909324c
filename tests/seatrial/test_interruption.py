"""Ctrl-C and SIGTERM before, in and after a task: always exit 130, and never a traceback."""

from __future__ import annotations

import signal
import sys

import pytest

from seatrial import process

KILL = "import os, signal; os.kill(os.getpid(), signal.{})"
TASK = """\
import sys
from seatrial import interruption
interruption.leave_at_once()
from seatrial import tasks
from invoke.context import Context
BODY = {body!r}
code = tasks._exit_code(Context(), lambda _context: exec(BODY))
{after}
sys.exit(code)
"""
LOADING = """\
import sys
from importlib.abc import MetaPathFinder
from runpy import run_path
class Signals(MetaPathFinder):
    def find_spec(self, name, *more):
        if name == "invoke":
            exec("{kill}")
sys.meta_path.insert(0, Signals())
sys.argv = ["seatrial", "verify", "--list"]
{start}
"""
STARTS = ("from seatrial.__main__ import main; main()", "run_path('tasks.py', run_name='__main__')")
SAID = "interrupted: what was started has been removed\n"


def run(program: str, *words: str) -> process.Completed:
    return process.run([*words, sys.executable, "-c", program], check=False, timeout_seconds=60)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_before_a_task_has_begun(name: str) -> None:
    done = run(f"from seatrial import interruption; interruption.leave_at_once(); {KILL.format(name)}; print('on')")
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", SAID)


@pytest.mark.parametrize(
    "start", ["from seatrial.__main__ import main; main()", "run_path('tasks.py', run_name='__main__')"]
)
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_while_the_program_is_still_being_loaded(name: str, start: str) -> None:
    done = run(LOADING.format(kill=KILL.format(name), start=start))
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", SAID)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_in_a_task_what_was_started_is_removed_first(name: str) -> None:
    body = f"try: {KILL.format(name)}\nfinally: print('removed')"
    done = run(TASK.format(body=body, after=""))
    assert (done.exit_code, done.stdout, done.stderr) == (130, "removed\n", SAID)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_after_a_task(name: str) -> None:
    done = run(TASK.format(body="", after=KILL.format(name)))
    assert (done.exit_code, done.stderr) == (130, SAID)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_when_all_is_over_the_verdict_stands(name: str) -> None:
    at_the_end = (
        f"import atexit; atexit.register(lambda: exec({KILL.format(name)!r})); interruption.over(); sys.exit(1)"
    )
    done = run(TASK.format(body="", after=at_the_end))
    assert (done.exit_code, done.stderr) == (1, "")


def test_a_task_without_interruption_is_not_changed() -> None:
    done = run(TASK.format(body="print(1)", after=""))
    assert (done.exit_code, done.stdout, done.stderr) == (0, "1\n", "")


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As in a program that a shell has started in the background."""
    ignored = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    done = run(TASK.format(body=KILL.format("SIGINT"), after="print('on')"), sys.executable, "-c", ignored)
    assert (done.exit_code, done.stdout) == (0, "on\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
