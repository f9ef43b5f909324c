"""Compiled code that is replaced behind a head that fits, and what is in order. The program is the trial's own."""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import py_compile
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from seatrial import process
from seatrial.engine import ExecResult
from seatrial.evidence import MissingEvidence
from seatrial.evidence.trial import compiled
from tests import good

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import CodeType

    from seatrial.evidence.trial import Trial

SOURCE = '''"""What it does."""
LIMIT = 3
NAMES = frozenset({"a", "b", "c", "d"})


class Till:
    def __init__(self, float_: float = 0.5) -> None:
        self.float_ = float_

    def open(self) -> bool:
        """Whether it opens."""
        assert self.float_ >= 0, "never below"
        return [number for number in range(LIMIT) if (lambda: number)()] != [1, 2.0]
'''
MODE = py_compile.PycInvalidationMode.UNCHECKED_HASH


class Inside:
    """Runs here what the trial runs in its twin, on a folder instead of on everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def execute(self, name: str, argv: list[str]) -> ExecResult:
        assert (name, argv[0], argv[-1]) == ("id-of-writable-twin", "python3", "/")
        done = process.run([sys.executable, *argv[1:-1], str(self._folder)], timeout_seconds=60, check=False)
        return ExecResult(done.exit_code, done.stdout + done.stderr)


class OneTrial:
    """As much of a trial as is asked."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine

    def container(self, service: str) -> dict[str, str]:
        return {"Id": f"id-of-{service}"}


def seen(engine: Any) -> dict[str, Any]:
    return compiled.compare(cast("Trial", OneTrial(engine)))


def problems(folder: Path) -> list[str]:
    document = seen(Inside(folder))
    return good.problems("runtime.bytecode", good.evidence().with_document("trial.bytecode", document))


def make(folder: Path, *, optimize: int = 0, source: str = SOURCE, **options: Any) -> Path:
    """Write a source, compile it, and return the compiled file."""
    (folder / "till.py").write_text(source)
    return folder / str(py_compile.compile(str(folder / "till.py"), optimize=optimize, doraise=True, **options))


def replace(cached: Path, change: Callable[[CodeType], CodeType]) -> None:
    """Replace the code of a compiled file and keep its head."""
    content = cached.read_bytes()
    cached.write_bytes(content[:16] + marshal.dumps(change(marshal.loads(content[16:]))))


def inner(code: CodeType, change: Callable[[CodeType], CodeType]) -> CodeType:
    """Change the class body of a module's code."""
    return code.replace(co_consts=tuple(change(c) if isinstance(c, type(code)) else c for c in code.co_consts))


def other_constant(code: CodeType) -> CodeType:
    return code.replace(co_consts=tuple(4 if value == 3 else value for value in code.co_consts))


@pytest.mark.parametrize("optimize", [0, 1, 2])
@pytest.mark.parametrize("mode", list(py_compile.PycInvalidationMode))
def test_code_of_its_source(mode: Any, optimize: int, tmp_path: Path) -> None:
    make(tmp_path, optimize=optimize, invalidation_mode=mode)
    assert problems(tmp_path) == []
    assert seen(Inside(tmp_path))["compared"] == 1


def test_code_that_was_compiled_elsewhere(tmp_path: Path) -> None:
    make(tmp_path, dfile="/build/till.py", invalidation_mode=MODE)
    assert problems(tmp_path) == []


@pytest.mark.parametrize(
    "source", ["", "# -*- coding: latin-1 -*-\nNAME = '\\xe9'\n", "\ufeffX = 1\n", "X = -0.0, 1, True\n"]
)
def test_sources_of_every_sort(source: str, tmp_path: Path) -> None:
    make(tmp_path, source=source)
    assert problems(tmp_path) == []


REPLACED: dict[str, Callable[[CodeType], CodeType]] = {
    "more code": lambda _: compile(SOURCE + "BACKDOOR = 1\n", "till.py", "exec"),
    "less code": lambda _: compile("", "till.py", "exec"),
    "another constant": other_constant,
    "another constant of a class": lambda code: inner(code, lambda one: one.replace(co_consts=(*one.co_consts, 1))),
    "another type of constant": lambda code: code.replace(
        co_consts=tuple(3.0 if value == 3 else value for value in code.co_consts)
    ),
    "another name": lambda code: code.replace(co_names=tuple(name.upper() for name in code.co_names)),
    "a smaller stack": lambda code: inner(code, lambda one: one.replace(co_stacksize=1)),
    "another flag": lambda code: code.replace(co_flags=code.co_flags ^ 0x20),
    "another first line": lambda code: code.replace(co_firstlineno=7),
    "without assertions": lambda _: compile(SOURCE, "till.py", "exec", optimize=1),
}


@pytest.mark.parametrize("how", REPLACED)
def test_other_code_behind_the_same_head(how: str, tmp_path: Path) -> None:
    cached = make(tmp_path, invalidation_mode=MODE)
    head = cached.read_bytes()[:16]
    replace(cached, REPLACED[how])
    assert cached.read_bytes()[:16] == head
    assert problems(tmp_path) == [f"{cached}: it holds other code than its source gives"]


def test_code_in_the_place_of_an_optimized_one(tmp_path: Path) -> None:
    plain = make(tmp_path, invalidation_mode=MODE)
    plain.rename(plain.with_name(plain.name.replace(".pyc", ".opt-2.pyc")))
    assert "other code" in problems(tmp_path)[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "another Python"),
        (b"\x01\x00\r\n" + bytes(12) + marshal.dumps(compile("", "x", "exec")), "another Python"),
        (importlib.util.MAGIC_NUMBER + bytes(12), "cannot be compared: EOFError"),
        (importlib.util.MAGIC_NUMBER + bytes(12) + b"\xff" * 40, "cannot be compared: ValueError"),
        (importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps("no code"), "other code"),
    ],
)
def test_what_cannot_be_compared_is_said(content: bytes, words: str, tmp_path: Path) -> None:
    make(tmp_path, invalidation_mode=MODE).write_bytes(content)
    assert words in problems(tmp_path)[0]


def test_without_a_source_or_with_one_that_is_none(tmp_path: Path) -> None:
    make(tmp_path, invalidation_mode=MODE)
    (tmp_path / "till.py").write_text("def")
    assert "SyntaxError" in problems(tmp_path)[0]
    (tmp_path / "till.py").unlink()
    os.mkfifo(tmp_path / "till.py")
    assert "no source" in problems(tmp_path)[0]


def test_a_loop_of_links_and_a_pipe_end(tmp_path: Path) -> None:
    (tmp_path / "again").symlink_to(tmp_path)
    (tmp_path / "loop.pyc").symlink_to("loop.pyc")
    os.mkfifo(tmp_path / "pipe.pyc")
    assert problems(tmp_path) == []


@pytest.mark.parametrize("output", ["", "exec: python3: not found", "[]", "null", '{"folders": 1'])
def test_a_comparison_that_did_not_end_is_a_problem(output: str) -> None:
    class Dead:
        def execute(self, _name: str, _argv: list[str]) -> ExecResult:
            return ExecResult(137, output)

    found = good.evidence().with_document("trial.bytecode", seen(Dead()))
    assert "could not be compared" in good.problems("runtime.bytecode", found)[0]
    assert json.dumps(found.documents["trial.bytecode"])


@pytest.mark.parametrize("exit_code", [126, 127])
def test_an_image_without_python_is_left_out_with_the_reason(exit_code: int) -> None:
    class Bare:
        def execute(self, _name: str, _argv: list[str]) -> ExecResult:
            return ExecResult(exit_code, 'exec: "python3": executable file not found in $PATH')

    with pytest.raises(MissingEvidence, match="no python3 on its path"):
        good.problems("runtime.bytecode", good.evidence().with_document("trial.bytecode", seen(Bare())))
