"""Waiting for a fact, bounded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seatrial import compose

if TYPE_CHECKING:
    from collections.abc import Callable


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; return whether it came to that in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(compose.POLL_SECONDS)
    return True
