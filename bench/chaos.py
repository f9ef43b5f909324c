"""Every fault of Redis in both modes, counted: the chaos test's table, measured and kept."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docker.chaos import KINDS, Row, suffer
from tests.docker.faults import FAULTS
from tests.docker.lone_redis import lone_redis

if TYPE_CHECKING:
    from collections.abc import Callable


def measure(note: Callable[[str], None]) -> tuple[Row, ...]:
    """Let every fault happen once in each mode."""
    rows = []
    with tempfile.TemporaryDirectory() as folder, lone_redis(Path(folder)) as redis:
        Path(folder).chmod(0o755)
        for fault in FAULTS:
            for mode in KINDS:
                note(f"{fault.name}, mode {mode}")
                rows.append(asyncio.run(suffer(redis, fault, mode)))
    return tuple(rows)


def to_json(rows: tuple[Row, ...]) -> str:
    """Return what chaos.json holds."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def from_json(text: str) -> tuple[Row, ...]:
    """Return what `to_json` wrote."""
    return tuple(Row(**row) for row in json.loads(text))
