"""Good evidence: what a healthy image and stack once said, trimmed and recorded by `tests/record_evidence.py`."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

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
    table = {**_record()["settings"], **changes}
    return Settings(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def evidence(**documents: Any) -> Evidence:
    """Return the recorded evidence; `documents` replaces some by name, `_` for the dot."""
    found = copy.deepcopy(_record()["documents"])
    found["image.layers"] = tuple(
        Layer(layer["diff_id"], tuple(map(entry, layer["entries"]))) for layer in found["image.layers"]
    )
    found["context.entries"] = tuple(map(entry, found["context.entries"]))
    return Evidence(settings(root=Path("/project")), found, {}, WANTED)


def entry(row: dict[str, Any]) -> Entry:
    """Return an entry from its record, in which defaults are left out."""
    plain: dict[str, Any] = {"uid": 0, "gid": 0, "size_bytes": 0, "mtime": 0}
    return Entry(**{**plain, **row, "leaks": tuple(row.get("leaks", ()))})


@functools.cache
def _record() -> Any:
    return json.loads(RECORD.read_text(encoding="utf-8"))
