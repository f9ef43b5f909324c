"""The checkout: which files decide, which revision it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import process
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import tree
from seatrial.evidence.secrets import Wanted
from tests import good

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = {"GIT_AUTHOR_DATE": "2026-01-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-01-02T03:04:05Z"}
LATER = {"GIT_AUTHOR_DATE": "2026-02-02T03:04:05Z", "GIT_COMMITTER_DATE": "2026-02-02T03:04:05Z"}
EPOCH = 1767323045
WHO = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")


def commit(root: Path, when: dict[str, str]) -> None:
    process.run(["git", "add", "--all"], cwd=root)
    process.run(["git", *WHO, "commit", "--quiet", "--message", "x"], cwd=root, env=when)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    process.run(["git", "init", "--quiet"], cwd=tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM x:1\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("x", encoding="utf-8")
    commit(tmp_path, COMMIT)
    return tmp_path


def test_the_revision_is_the_last_commit_of_a_build_input(checkout: Path) -> None:
    first = tree.revision(good.settings(root=checkout))
    assert first.epoch_seconds == EPOCH
    assert len(first.name) == 40
    (checkout / "README.md").write_text("changed", encoding="utf-8")
    assert tree.revision(good.settings(root=checkout)) == first
    commit(checkout, LATER)
    assert tree.revision(good.settings(root=checkout)) == first


@pytest.mark.parametrize("changed", ["Dockerfile", "service/new.py", "config/config.example.json"])
def test_a_changed_build_input_makes_it_dirty(checkout: Path, changed: str) -> None:
    (checkout / changed).parent.mkdir(exist_ok=True)
    (checkout / changed).write_text("changed", encoding="utf-8")
    assert tree.revision(good.settings(root=checkout)).name.endswith("-dirty")


def test_outside_a_checkout_it_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert tree.revision(good.settings(root=tmp_path)) == tree.Revision("unknown", 0)


def test_without_git_it_is_unknown(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert tree.revision(good.settings(root=checkout)) == tree.Revision("unknown", 0)


def test_texts_keep_every_byte(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    files = {
        ".dockerignore": "\ufeff*\r\n",
        "Dockerfile": "FROM x:1\r\n",
        "requirements/production.txt": "a==1\n",
        "docker-compose.override.yml": "services: {}\n",
        "compose.yaml": "services: {}\n",
    }
    for name, text in {**files, "other.yml": "x", "requirements/notes.md": "x"}.items():
        (tmp_path / name).write_bytes(text.encode())
    assert tree.texts(good.settings(root=tmp_path)) == files


def test_a_file_that_is_not_utf_8_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM x:1 # \xff\n")
    assert "\ufffd" in tree.texts(good.settings(root=tmp_path))["Dockerfile"]


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ("docker: 'buildx' is not a docker command.", Code.ENGINE_PLUGIN),
        ("unknown shorthand flag: 'f' in -f", Code.ENGINE_PLUGIN),
        ("something else broke", Code.BUILD_FAILED),
    ],
)
def test_a_context_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, code: Code
) -> None:
    failed = process.Completed(("docker",), 1, "", stderr, 0.0)
    monkeypatch.setattr(process, "run", lambda *_args, **_kwargs: failed)
    with pytest.raises(SeatrialError) as caught:
        tree.context(good.settings(root=tmp_path), Wanted())
    assert caught.value.code is code
