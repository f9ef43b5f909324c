"""What holds for every test."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

RECURSION_LIMIT = sys.getrecursionlimit()


def pytest_configure() -> None:
    """Let Ctrl-C mean something to what the tests start.

    A shell that runs the tests in the background has it ignored, and programs inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Take back what an oracle does to the whole process.

    py_ecc, which eth-account brings, raises the limit to 100,000 when it is imported. Beyond it deep JSON is no
    RecursionError any more but the end of the stack, and of the process.
    """
    sys.setrecursionlimit(RECURSION_LIMIT)
