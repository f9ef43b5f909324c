"""Good evidence: what a healthy image and stack once said, trimmed and recorded by `tests/record_evidence.py`."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from seatrial.checks import all_checks
from seatrial.evidence import Evidence
from seatrial.evidence.archive import Entry, Layer
from seatrial.evidence.secrets import Wanted
from seatrial.settings import Settings

RECORD = Path(__file__).parent / "fixtures" / "evidence.json"
SECRET = "Zt5!canary/of+the~tests=91kQ"
"""Stands for the project's own secret. It has characters that base64, URLs and JSON spell differently."""
WANTED = Wanted((("REDIS_PASSWORD", SECRET),))


def settings(**changes: Any) -> Settings:
    """Return the recorded project's settings."""
    table: dict[str, Any] = {**_record()["settings"], **changes}
    fixed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Settings(**fixed)


def evidence() -> Evidence:
    """Return the recorded evidence. Its documents are shared by all tests: edit copies, as `Evidence.edited` does."""
    return Evidence(settings(root=Path("/project")), _documents(), {}, WANTED)


def entry(row: dict[str, Any]) -> Entry:
    """Return an entry from its record, in which defaults are left out."""
    plain: dict[str, Any] = {"uid": 0, "gid": 0, "size_bytes": 0, "mtime": 0}
    return Entry(**{**plain, **row, "leaks": tuple(row.get("leaks", ()))})


@functools.cache
def _documents() -> dict[str, Any]:
    found = dict(_record()["documents"])
    found["image.layers"] = tuple(
        Layer(layer["diff_id"], tuple(map(entry, layer["entries"]))) for layer in found["image.layers"]
    )
    found["context.entries"] = tuple(map(entry, found["context.entries"]))
    return found


@functools.cache
def _record() -> Any:
    return json.loads(RECORD.read_text(encoding="utf-8"))


def problems(check_id: str, found: Evidence) -> list[str]:
    """Return what one check says of some evidence: where and what, a line for each problem."""
    check = next(known for known in all_checks() if known.id == check_id)
    return [f"{problem.where}: {problem.message}" for problem in check.inspect(found)]
