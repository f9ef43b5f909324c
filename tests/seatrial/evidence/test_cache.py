from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from seatrial.evidence import cache
from seatrial.evidence.archive import Entry

if TYPE_CHECKING:
    from pathlib import Path

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
