"""`--format` and `--output`: what is asked for, what is refused before any work, files that are whole or untouched."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from seatrial.errors import Code, SeatrialError
from seatrial.reports import targets
from tests.seatrial.reports.samples import FAILED, report


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("formats", "output", "places"),
    [
        ("text", "", [("text", None)]),
        ("json", "r.json", [("json", "r.json")]),
        ("junit=out.xml, html=a/page.html,text", "", [("junit", "out.xml"), ("html", "a/page.html"), ("text", None)]),
        ("json=a.json,json=b.json", "", [("json", "a.json"), ("json", "b.json")]),
        ("json=a=b.json", "", [("json", "a=b.json")]),
    ],
)
def test_what_is_asked_for(folder: Path, formats: str, output: str, places: list[tuple[str, str | None]]) -> None:
    (folder / "a").mkdir()
    found = [(target.format, str(target.path) if target.path else None) for target in targets.parse(formats, output)]
    assert found == places


@pytest.mark.parametrize(
    ("formats", "output", "said"),
    [
        ("xml", "", "unknown format: xml"),
        ("text,xml=a", "", "unknown format: xml"),
        ("", "", "--format names nothing"),
        (",", "", "--format names nothing"),
        ("json=", "", "json= names no file"),
        ("text,json", "", "text and json would go to the same place: standard output"),
        ("text,text", "", "text and text would go to the same place: standard output"),
        ("json=a,sarif=./a", "", "json and sarif would go to the same place"),
        ("json=a,html=link", "", "json and html would go to the same place"),
        ("json=a", "b", "--output is for one format"),
        ("json,text=b", "c", "--output is for one format"),
        ("json=folder", "", "it is a folder"),
        ("json", ".", "it is a folder"),
        ("json=gone/a", "", "there is no folder gone"),
        ("json=folder/a/b", "", "there is no folder folder/a"),
        ("json=pipe", "", "it is not a file"),
    ],
)
def test_what_is_refused(folder: Path, formats: str, output: str, said: str) -> None:
    (folder / "folder").mkdir()
    (folder / "link").symlink_to(folder / "a")
    os.mkfifo(folder / "pipe")
    with pytest.raises(SeatrialError) as caught:
        targets.parse(formats, output)
    assert caught.value.code is Code.USAGE
    assert said in caught.value.what
    assert caught.value.hint


def test_a_place_that_may_not_be_written_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write anywhere, so the answer of the system is put in its place.
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(SeatrialError, match="it is not writable"):
        targets.parse("json=a")
    assert not list(folder.iterdir())


def test_several_reports_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.json").write_text("old", encoding="utf-8")
    targets.write(report(FAILED), targets.parse("json=a.json,text,sarif=b.sarif"))
    assert json.loads((folder / "a.json").read_text(encoding="utf-8"))["verdict"] == "FAIL"
    assert json.loads((folder / "b.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert (folder / "a.json").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "b.sarif"]
    written = capsys.readouterr()
    assert written.out.startswith("\nFAIL  image.user") or "FAIL  image.user" in written.out
    assert "report written to a.json: FAIL" in written.err


def test_when_one_cannot_be_rendered_none_is_written(folder: Path) -> None:
    def fail(_report: object) -> str:
        raise ValueError("a defect")

    good = targets.parse("json=a.json")
    with pytest.raises(ValueError, match="a defect"):
        targets.write(report(FAILED), (*good, targets.Target("text", fail, folder / "b")))
    assert list(folder.iterdir()) == []


def test_when_the_disk_is_full_none_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "a.json").write_text("old", encoding="utf-8")
    wanted = targets.parse("json=a.json,text=b.txt")
    opened = os.fdopen
    handles: list[int] = []

    def full(handle: int, mode: str, **kwargs: Any) -> Any:
        handles.append(handle)
        if len(handles) > 1:
            os.close(handle)
            raise OSError(28, "No space left on device")
        return opened(handle, mode, **kwargs)

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(SeatrialError) as caught:
        targets.write(report(FAILED), wanted)
    assert caught.value.code is Code.DISK_FULL
    assert "b.txt" in caught.value.what
    assert [path.name for path in folder.iterdir()] == ["a.json"]
    assert (folder / "a.json").read_text(encoding="utf-8") == "old"


def test_a_report_that_cannot_take_its_name_leaves_no_draft(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path, _target: Path) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SeatrialError, match="Read-only file system"):
        targets.write(report(FAILED), targets.parse("json=a.json"))
    assert list(folder.iterdir()) == []
