"""`verify`: bad options are refused before any work, the report is written whole, the exit code is the report's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seatrial import engine, proof, verify
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import Evidence, collect
from tests import good
from tests.seatrial.fakes import FakeEngine


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[Evidence]:
    """Let `verify` gather the recorded evidence instead of asking an engine; a test may put another in its place."""
    found = [good.evidence()]
    monkeypatch.setattr(engine, "connect", lambda: FakeEngine(images={"x402-fac": {}, "other:1": {}}))
    monkeypatch.setattr(collect, "collect", lambda *_args: found[0])
    monkeypatch.setattr(collect, "read_ahead", lambda *_args: None)
    return found


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("work was begun")

    monkeypatch.setattr(engine, "connect", refuse)


@pytest.mark.parametrize(
    "options",
    [
        {"format": "xml"},
        {"only": "imgae"},
        {"skip": "nothing"},
        {"only": "image", "skip": "image"},
        {"output": "/no/such/folder/report.json"},
        {"output": "."},
        {"output": "/"},
    ],
)
@pytest.mark.usefixtures("no_engine")
def test_bad_options_are_refused_before_any_work(options: dict[str, Any]) -> None:
    with pytest.raises(SeatrialError) as caught:
        proof.run(good.settings(), proof.Options(**options))
    assert caught.value.exit_code == ExitCode.USAGE


@pytest.mark.usefixtures("gathered")
def test_all_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.run(good.settings(), proof.Options()) == ExitCode.HOLDS
    written = capsys.readouterr()
    assert f"PASS: {len(verify.select())} PASS" in written.out
    assert "checks judged" in written.err


def test_a_broken_promise(gathered: list[Evidence], capsys: pytest.CaptureFixture[str]) -> None:
    gathered[0] = gathered[0].edited("image.inspect", lambda image: image["Config"].update(User="0"))
    assert proof.run(good.settings(), proof.Options(only="image.user", format="json")) == ExitCode.BROKEN
    document = json.loads(capsys.readouterr().out)
    assert [result["id"] for result in document["results"]] == ["image.user"]
    assert document["exit_code"] == 1


def test_nothing_examined(gathered: list[Evidence]) -> None:
    gathered[0] = Evidence(good.settings(), {}, {"trial": "--static was given"})
    assert proof.run(good.settings(), proof.Options(only="runtime")) == ExitCode.UNPROVEN


@pytest.mark.usefixtures("gathered")
def test_the_subject_says_what_was_examined(capsys: pytest.CaptureFixture[str]) -> None:
    proof.run(good.settings(), proof.Options(image="other:1", format="json", only="image"))
    subject = json.loads(capsys.readouterr().out)["subject"]
    assert subject["image"] == "other:1"
    assert subject["image_id"] == good.evidence().image()["Id"]
    assert subject["revision"] == subject["tree"] != ""
    assert subject["base"]


@pytest.mark.usefixtures("gathered")
def test_an_image_that_is_missing() -> None:
    with pytest.raises(SeatrialError) as caught:
        proof.run(good.settings(), proof.Options(image="gone:1"))
    assert caught.value.code is Code.IMAGE_MISSING


@pytest.mark.usefixtures("gathered")
def test_a_report_in_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "report.json"
    file.write_text("old", encoding="utf-8")
    assert proof.run(good.settings(), proof.Options(output=str(file), format="json")) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["verdict"] == "PASS"
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    written = capsys.readouterr()
    assert written.out == ""
    assert "PASS" in written.err


def test_a_report_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SeatrialError) as caught:
        proof._write_whole(tmp_path / "report.json", "x")
    assert caught.value.code is Code.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_the_list_of_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.print_list(proof.Options(only="image,redis.users")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [check.id for check in verify.select("image,redis.users")]
    assert all(line.endswith(".") for line in lines)
