"""Compiled Python code that is not of its source, in the ways that it happens, and what is in order."""

from __future__ import annotations

import importlib.util
import marshal
import struct
from typing import Any

import pytest

from seatrial.evidence import bytecode
from seatrial.evidence.archive import Layer
from tests import good

SOURCE = b"def answer():\n    return 42\n"
FORMAT = importlib.util.MAGIC_NUMBER
CODE = marshal.dumps(compile(SOURCE, "x.py", "exec"))
TIME = 1_700_000_000
PLACE, CACHED = "app/lib/x.py", "app/lib/__pycache__/x.cpython-313.pyc"


def hashed(source: bytes = SOURCE, flags: int = 1, magic: bytes = FORMAT, code: bytes = CODE) -> bytes:
    return magic + struct.pack("<I", flags) + importlib.util.source_hash(source) + code


def timed(mtime: int = TIME, size: int = len(SOURCE)) -> bytes:
    return FORMAT + struct.pack("<III", 0, mtime & 0xFFFFFFFF, size) + CODE


def problems(files: dict[str, bytes], **attributes: Any) -> list[str]:
    found = good.evidence().with_files(files, mtime=TIME, **attributes)
    return [line for line in good.problems("packages.bytecode", found) if "/app/lib" in line]


@pytest.mark.parametrize("flags", [1, 3])
@pytest.mark.parametrize("cached", [CACHED, "app/lib/x.pyc", "app/lib/__pycache__/x.cpython-313.opt-1.pyc"])
def test_compiled_from_its_source(flags: int, cached: str) -> None:
    assert problems({PLACE: SOURCE, cached: hashed(flags=flags)}) == []
    assert problems({PLACE: SOURCE, cached: timed()}) == []
    assert problems({PLACE: b"", cached: hashed(b"")}) == []


@pytest.mark.parametrize(
    ("compiled", "words"),
    [
        (hashed(b"def answer():\n    return 43\n"), "from another source"),
        (hashed(SOURCE.replace(b"\n", b"\r\n")), "from another source"),
        (timed(TIME + 1), "another time or size"),
        (timed(size=3), "another time or size"),
        (hashed(magic=b"\x01\x00\r\n"), "cannot be compared"),
        (b"", "is none"),
        (b"short", "is none"),
        (b"x" * 64, "is none"),
        (hashed()[:15], "is none"),
    ],
)
def test_compiled_from_something_else(compiled: bytes, words: str) -> None:
    (found,) = problems({PLACE: SOURCE, CACHED: compiled})
    assert words in found


def test_without_a_source() -> None:
    for cached in (CACHED, "app/lib/x.pyc"):
        (found,) = problems({cached: hashed()})
        assert "no source" in found


def test_a_source_that_is_a_link_is_followed_and_a_loop_ends() -> None:
    for links, expected in (
        ({PLACE: "../../etc/x.py"}, 0),
        ({PLACE: "/etc/x.py"}, 0),
        ({PLACE: "y.py", "app/lib/y.py": "/opt/x.py", "opt": "etc"}, 0),
        ({PLACE: "y.py", "app/lib/y.py": "x.py"}, 1),
        ({PLACE: "gone.py"}, 1),
        ({PLACE: "a/b.py", "app/lib/a": "a"}, 1),
    ):
        evidence = good.evidence().with_files({"etc/x.py": SOURCE, CACHED: hashed()}, mtime=TIME)
        more = [good.entry({"path": path, "kind": "symlink", "mode": 511, "link": to}) for path, to in links.items()]
        layers = (*evidence.layers(), Layer("sha256:links", tuple(more)))
        evidence = evidence.with_document("image.layers", layers)
        found = [line for line in good.problems("packages.bytecode", evidence) if "/app/lib" in line]
        assert len(found) == expected, links


def test_the_hash_is_the_one_that_python_writes() -> None:
    own = int.from_bytes(FORMAT[:2], "little")
    kept = bytecode.kept_of("app/x.py", SOURCE)
    assert bytecode.source_hash(kept, own) == importlib.util.source_hash(SOURCE).hex()
    assert own in bytecode.FORMATS.values() or own > max(bytecode.FORMATS.values())
    for minor, number in bytecode.FORMATS.items():
        assert bytecode.kept_of(f"usr/lib/python3.{minor}/x.py", SOURCE).startswith(f"{number}:")
    assert bytecode.kept_of("app/x.txt", SOURCE) == ""
