from __future__ import annotations

import ast
import dataclasses
import errno
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from seatrial import process
from seatrial.evidence import cache
from seatrial.evidence.archive import Entry

DIGEST = "sha256:" + "a" * 64
ENTRY = Entry("app/main.py", "file", 0o644, 0, 0, 12, 0, sha256="x", text="print()\n")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text("correct horse battery staple")
    return file


def test_what_was_kept_is_found_again(tmp_path: Path, secret: Path) -> None:
    odd = dataclasses.replace(ENTRY, path="etc/\udcff\n", kind="symlink", link="/x", has_capabilities=True)
    cache.open_cache(tmp_path, [secret]).keep(DIGEST, (ENTRY, odd))
    assert cache.open_cache(tmp_path, [secret]).find(DIGEST) == (ENTRY, odd)


def test_another_layer_is_not_found(tmp_path: Path, secret: Path) -> None:
    cache.open_cache(tmp_path, [secret]).keep(DIGEST, (ENTRY,))
    assert cache.open_cache(tmp_path, [secret]).find("sha256:" + "b" * 64) is None


@pytest.mark.parametrize("change", ["content", "touched", "replaced", "removed"])
def test_a_change_of_the_secret_forgets_everything(tmp_path: Path, secret: Path, change: str) -> None:
    cache.open_cache(tmp_path, [secret]).keep(DIGEST, (ENTRY,))
    if change == "content":
        secret.write_text("CORRECT horse battery staple")
    elif change == "touched":
        secret.touch()
    else:
        secret.unlink()
        if change == "replaced":
            secret.write_text("correct horse battery staple")
    assert cache.open_cache(tmp_path, [secret]).find(DIGEST) is None


def test_another_project_has_its_own_facts(tmp_path: Path, secret: Path) -> None:
    cache.open_cache(tmp_path, [secret]).keep(DIGEST, (ENTRY,))
    assert cache.open_cache(tmp_path / "other", [secret]).find(DIGEST) is None


def test_a_layer_with_a_secret_is_never_kept(tmp_path: Path, secret: Path) -> None:
    kept = cache.open_cache(tmp_path, [secret])
    kept.keep(DIGEST, (ENTRY, dataclasses.replace(ENTRY, leaks=("the value of REDIS_PASSWORD (hex)",))))
    assert kept.find(DIGEST) is None


def test_without_files_of_secrets_nothing_is_kept(tmp_path: Path) -> None:
    kept = cache.open_cache(tmp_path, [])
    kept.keep(DIGEST, (ENTRY,))
    assert kept.find(DIGEST) is None
    assert not (tmp_path / "cache").exists()


def test_nothing_that_is_kept_tells_the_secret(tmp_path: Path, secret: Path) -> None:
    cache.open_cache(tmp_path, [secret]).keep(DIGEST, (ENTRY,))
    files = [file for file in (tmp_path / "cache").rglob("*") if file.is_file()]
    assert files
    assert not any("horse" in file.read_text() for file in files)


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"null", b"[[1]]", b'[["a"]]', b"\xff\xfe"])
def test_a_broken_file_is_as_good_as_none(tmp_path: Path, secret: Path, content: bytes) -> None:
    kept = cache.open_cache(tmp_path, [secret])
    kept.keep(DIGEST, (ENTRY,))
    next((tmp_path / "cache" / "seatrial").glob("layer-*")).write_bytes(content)
    assert cache.open_cache(tmp_path, [secret]).find(DIGEST) in (None, ())


def rows(**changes: Any) -> bytes:
    row = dataclasses.asdict(ENTRY) | changes
    return json.dumps([list(row.values())]).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        rows(path=5),
        rows(mode="0644"),
        rows(mode=True),
        rows(has_capabilities=1),
        rows(unread=[1]),
        rows(leaks=["x"]),
        rows(text=None),
        rows(more=1),
        b"[[]]",
        b"[{}]",
    ],
)
def test_a_hostile_file_is_as_good_as_none(tmp_path: Path, secret: Path, content: bytes) -> None:
    kept = cache.open_cache(tmp_path, [secret])
    kept.keep(DIGEST, (ENTRY,))
    next((tmp_path / "cache" / "seatrial").glob("layer-*")).write_bytes(content)
    assert kept.find(DIGEST) is None
    assert rows() != content


def test_what_is_no_file_is_not_waited_for_and_a_link_is_not_followed(tmp_path: Path, secret: Path) -> None:
    kept = cache.open_cache(tmp_path, [secret])
    kept.keep(DIGEST, (ENTRY,))
    file = next((tmp_path / "cache" / "seatrial").glob("layer-*"))
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert kept.find(DIGEST) is None
    file.unlink()
    os.mkfifo(file)
    assert kept.find(DIGEST) is None


def test_a_folder_that_others_can_write_to_is_not_believed(tmp_path: Path, secret: Path) -> None:
    cache.open_cache(tmp_path, [secret]).keep(DIGEST, (ENTRY,))
    (tmp_path / "cache" / "seatrial").chmod(0o777)
    closed = cache.open_cache(tmp_path, [secret])
    assert closed.find(DIGEST) is None
    assert "others can write" in closed.fault


def test_a_full_disk_is_no_error_and_leaves_nothing(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cache.open_cache(tmp_path, [secret])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    kept.keep(DIGEST, (ENTRY,))
    assert kept.find(DIGEST) is None
    assert kept.fault == f"{tmp_path}/cache/seatrial: No space left on device"
    assert not list((tmp_path / "cache" / "seatrial").glob(".new-*"))
    assert "No space left" in cache.open_cache(tmp_path / "other", [secret]).fault


def test_a_file_that_grows_too_long_for_the_disk_leaves_nothing(tmp_path: Path, secret: Path) -> None:
    """A limit of the process stands for the disk: the writes really fail, in the middle of a file."""
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from seatrial.evidence import cache\n"
        "from seatrial.evidence.archive import Entry\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, 64_000))\n"
        "kept = cache.open_cache(Path(sys.argv[1]), [Path(sys.argv[2])])\n"
        "entry = Entry('app/main.py', 'file', 0o644, 0, 0, 12, 0)\n"
        "kept.keep('sha256:' + 'a' * 64, (entry,))\n"
        "print(repr(kept.fault), len(kept.find('sha256:' + 'a' * 64)))\n"
        "kept.keep('sha256:' + 'b' * 64, (entry,) * 10_000)\n"
        "print(kept.fault, kept.find('sha256:' + 'b' * 64))\n"
    )
    done = process.run([sys.executable, "-c", program, str(tmp_path), str(secret)], timeout_seconds=60)
    folder = tmp_path / "cache" / "seatrial"
    assert done.stdout.splitlines() == ["'' 1", f"{folder}: File too large None"]
    assert sorted(file.name.partition("-")[0] for file in folder.iterdir()) == ["layer", "mark"]


def test_two_runs_that_write_at_once_leave_one_whole_file(tmp_path: Path, secret: Path) -> None:
    mine, other = (cache.open_cache(tmp_path, [secret]) for _ in range(2))
    many = tuple(dataclasses.replace(ENTRY, path=f"app/{number}") for number in range(2000))
    with ThreadPoolExecutor(2) as pool:
        writing = [pool.submit(kept.keep, DIGEST, many) for kept in (mine, other) for _ in range(5)]
        found = [mine.find(DIGEST) for _ in range(50)]
        for one in writing:
            one.result()
    assert set(found) <= {None, many}
    assert other.find(DIGEST) == many


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, secret: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    kept = cache.open_cache(tmp_path, [secret])
    kept.keep(DIGEST, (ENTRY,))
    assert kept.find(DIGEST) is None


def test_the_oldest_go_first(tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT_FILES", 2)
    kept = cache.open_cache(tmp_path, [secret])
    for number in range(4):
        kept.keep(f"sha256:{number:064d}", (ENTRY,))
    assert len(list((tmp_path / "cache" / "seatrial").glob("layer-*"))) == 2


def test_marks_of_projects_that_are_gone_or_long_unused_are_removed(tmp_path: Path, secret: Path) -> None:
    gone, unused, used = (tmp_path / name for name in ("gone", "unused", "used"))
    marks = {}
    for project in (gone, unused, used):
        project.mkdir()
        before = set(_marks(tmp_path))
        cache.open_cache(project, [secret])
        (marks[project],) = set(_marks(tmp_path)) - before
    gone.rmdir()
    os.utime(marks[unused], (0, 0))
    os.utime(marks[used], (0, 0))
    cache.open_cache(used, [secret])
    foreign = tmp_path / "cache" / "seatrial" / "mark-0.json"
    foreign.write_text("[]")
    cache.open_cache(tmp_path, [secret])
    left = set(_marks(tmp_path))
    assert {marks[used], foreign} < left
    assert not {marks[gone], marks[unused]} & left


def _marks(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "cache" / "seatrial").glob("mark-*.json"))


def test_every_module_that_decides_what_is_kept_is_a_part_of_its_version() -> None:
    here = Path(cache.__file__).parent
    modules = {file.name for file in here.glob("*.py")}
    used: set[str] = set()
    for file in (here / "archive").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "seatrial.evidence":
                used |= {f"{alias.name}.py" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(f"{(node.module or '').removeprefix('seatrial.evidence.')}.py")
    assert {"accounts.py", "secrets.py"} <= used & modules
    assert used & modules <= set(cache._READERS)


def test_a_layer_is_lacking_until_it_was_read_whether_or_not_its_facts_are_kept(tmp_path: Path, secret: Path) -> None:
    leaking = dataclasses.replace(ENTRY, leaks=("a private key",))
    for entries, found in (((ENTRY,), (ENTRY,)), ((leaking,), None)):
        digest = f"sha256:{len(found or ())}"
        kept = cache.open_cache(tmp_path, [secret])
        assert kept.lacks(digest)
        kept.keep(digest, entries)
        assert not kept.lacks(digest)
        assert kept.find(digest) == found
    assert not cache.open_cache(tmp_path, []).lacks(DIGEST)


def test_what_a_killed_run_was_writing_goes_after_an_hour(tmp_path: Path, secret: Path) -> None:
    kept = cache.open_cache(tmp_path, [secret])
    old, new = (tmp_path / "cache" / "seatrial" / f".new-{name}" for name in ("old", "new"))
    for draft in (old, new):
        draft.write_text("half a layer")
    os.utime(old, (0, 0))
    kept.keep(DIGEST, (ENTRY,))
    assert (old.exists(), new.exists()) == (False, True)
