"""Faults of installed packages and locks in the spellings that occur, and what is no fault."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.evidence.archive import Entry, Layer
from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

LOCK, PROJECT = good.settings().lock_file, good.settings().project_file
SITE = next(path.partition("/h11/")[0] for path in good.evidence().files() if "/h11/__init__.py" in path)
HASH = " \\\n    --hash=sha256:" + "a" * 64 + "\n"


def site(**files: bytes) -> Evidence:
    return good.evidence().with_files({f"{SITE}/{name}": content for name, content in files.items()})


def tree(name: str, edit: Any) -> Evidence:
    return good.evidence().edited("tree.files", lambda files: {**files, name: edit(files[name])})


def entry(path: str, **changes: Any) -> Evidence:
    """Return good evidence in which one entry of the payload is another."""

    def change(found: Entry) -> Entry:
        return dataclasses.replace(found, **changes) if found.path == path else found

    evidence = good.evidence()
    assert path in evidence.files()
    layers = tuple(Layer(layer.diff_id, tuple(map(change, layer.entries))) for layer in evidence.layers())
    return evidence.with_document("image.layers", layers)


def without(path: str) -> Evidence:
    folder, _, name = path.rpartition("/")
    return good.evidence().edited(
        "image.layers",
        lambda layers: (
            *layers,
            Layer("x", (good.entry({"path": f"{folder}/.wh.{name}", "kind": "file", "mode": 0}),)),
        ),
    )


@pytest.mark.parametrize(
    "evidence",
    [
        tree(LOCK, lambda text: text + "left-pad==1" + HASH),
        tree(LOCK, lambda text: text.replace("h11==0.16.0", "h11==0.15.0")),
        tree(LOCK, lambda text: text.replace("h11==", "h12==")),
        tree(LOCK, lambda _: ""),
        site(**{"left_pad-1.dist-info/METADATA": b"Name: left-pad\nVersion: 1\n"}),
        site(**{"h11-0.14.0.dist-info/METADATA": b"Name: h11\nVersion: 0.14.0\n"}),
    ],
)
def test_what_is_installed_and_what_is_locked_differ(evidence: Evidence) -> None:
    assert good.problems("packages.locked", evidence)


def test_the_service_itself_is_missing() -> None:
    info = next(path for path in good.evidence().files() if path.endswith("/METADATA") and "x402_fac" in path)
    assert any("the service's own distribution" in said for said in good.problems("packages.locked", without(info)))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("h11==0.16.0", "H11==0.16.0"),
        lambda text: text.replace("h11==0.16.0", "h11==0.16"),
        lambda text: text + "pywin32==1 ; sys_platform == 'win32'" + HASH,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "# a comment \\\n" + text,
    ],
)
def test_other_words_for_the_same_lock(edit: Any) -> None:
    assert good.problems("packages.locked", tree(LOCK, edit)) == []
    assert good.problems("packages.lock_in_step", tree(LOCK, edit)) == []


@pytest.mark.parametrize(
    "evidence",
    [
        site(**{"h11/__init__.py": b"print()"}),
        site(**{"h11/more.py": b""}),
        site(**{"evil.pth": b"import os"}),
        site(**{"h11/__pycache__/other.cpython-313.pyc": b""}),
        site(**{"sitecustomize.py": b""}),
        without(f"{SITE}/h11/__init__.py"),
        entry(f"{SITE}/h11/__init__.py", kind="symlink", sha256="", link="/tmp/x.py"),
        entry(f"{SITE}/h11/__init__.py", sha256=""),
        entry(f"{SITE}/h11/__init__.py", kind="hardlink", sha256="", link=f"{SITE}/h11/_util.py"),
        entry(f"{SITE}/h11-0.16.0.dist-info/RECORD", text="garbage"),
        entry(f"{SITE}/h11-0.16.0.dist-info/RECORD", text=""),
    ],
)
def test_a_file_that_is_not_what_was_recorded_is_seen(evidence: Evidence) -> None:
    assert good.problems("packages.record", evidence)


def test_a_record_without_hashes_is_seen() -> None:
    path = f"{SITE}/h11-0.16.0.dist-info/RECORD"
    text = good.evidence().files()[path].text
    stripped = "\n".join(f"{line.partition(',')[0]},," for line in text.splitlines())
    assert any("no hash of this file" in said for said in good.problems("packages.record", entry(path, text=stripped)))


def test_a_changed_program_is_seen() -> None:
    """Programs lie outside site-packages, and are recorded all the same."""
    digest = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"  # of "abc"
    record = f"../../../bin/tool,sha256={digest},3\ntool-1.dist-info/RECORD,,\ntool-1.dist-info/METADATA,sha256=x,\n"
    files = {
        f"{SITE}/tool-1.dist-info/METADATA": b"Name: tool\nVersion: 1\n",
        f"{SITE}/tool-1.dist-info/RECORD": record.encode(),
    }
    for content, is_seen in ((b"abc", False), (b"abd", True)):
        evidence = good.evidence().with_files({**files, "app/venv/bin/tool": content})
        found = good.problems("packages.record", evidence)
        assert any("/app/venv/bin/tool:" in said for said in found) is is_seen


def test_a_hard_link_to_the_recorded_content_is_no_fault() -> None:
    path = f"{SITE}/h11/__init__.py"
    content = good.evidence().files()[path]
    evidence = entry(path, kind="hardlink", sha256="", link="app/store/x.py")
    twin = Layer("x", (dataclasses.replace(content, path="app/store/x.py"),))
    assert good.problems("packages.record", evidence.edited("image.layers", lambda layers: (*layers, twin))) == []


@pytest.mark.parametrize(
    "files",
    [
        {f"{SITE}/pytest-9.0.dist-info/METADATA": b"Name: pytest\nVersion: 9.0\n"},
        {f"{SITE}/pip-25.dist-info/METADATA": b"Name: pip\nVersion: 25\n"},
        {f"{SITE}/pip/__init__.py": b""},
        {f"{SITE}/setuptools/__init__.py": b""},
        {"app/venv/bin/pip": b""},
        {"app/venv/bin/pip3.13": b""},
        {"app/venv/bin/uv": b""},
        {"usr/bin/gcc": b""},
        {"usr/bin/x86_64-linux-gnu-gcc-14": b""},
        {"usr/local/bin/cargo": b""},
        {"usr/bin/make": b""},
        {f"{SITE}/__editable__.x-1.pth": b""},
        {f"{SITE}/x.egg-link": b""},
        {f"{SITE}/x-1.dist-info/direct_url.json": b"{}"},
    ],
)
def test_development_tools_are_seen(files: dict[str, bytes]) -> None:
    assert good.problems("packages.no_development", good.evidence().with_files(files))


@pytest.mark.parametrize(
    "name", ["app/venv/bin/python3", "usr/bin/gcov", f"{SITE}/pipeline/__init__.py", "usr/bin/makeup"]
)
def test_what_is_no_development_tool(name: str) -> None:
    assert good.problems("packages.no_development", good.evidence().with_files({name: b""})) == []


@pytest.mark.parametrize(
    "line",
    [
        "x==1",
        "x>=1" + HASH,
        "x==1.*" + HASH,
        "x @ https://example.org/x.whl" + HASH,
        "-e .",
        "-r more.txt",
        "x==1 --hash=md5:" + "a" * 32,
    ],
)
def test_a_line_without_a_pin_or_a_hash_is_seen(line: str) -> None:
    assert good.problems("packages.hashes", tree(LOCK, lambda text: f"{text}{line}\n"))


def declaring(dependencies: str) -> str:
    """Return a pyproject.toml that declares these and what else is locked."""
    others = '"coincurve", "safe-pysha3"'
    listed = f"{dependencies.rstrip(']')}, {others}]" if dependencies != "[]" else f"[{others}]"
    return f'[project]\nname = "x402-fac"\ndependencies = {listed}\n'


@pytest.mark.parametrize(
    "dependencies",
    [
        '["h11>=0.16", "redis>=99"]',
        '["h11>=0.16", "redis>=6", "left-pad"]',
        '["h11>=0.16"]',
        "[]",
        '["redis>=6", "h11==0.15.*"]',
    ],
)
def test_a_lock_out_of_step_is_seen(dependencies: str) -> None:
    assert good.problems("packages.lock_in_step", tree(PROJECT, lambda _: declaring(dependencies)))


@pytest.mark.parametrize(
    "dependencies",
    ['["H11>=0.16", "redis"]', '["h11", "redis>=6", "tomli; python_version < \'3.11\'"]', '["h11", "redis[hiredis]"]'],
)
def test_a_lock_in_step(dependencies: str) -> None:
    broken = tree(PROJECT, lambda _: declaring(dependencies))
    assert good.problems("packages.lock_in_step", broken) == []
