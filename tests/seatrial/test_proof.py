"""`verify`: bad options are refused before any work, the report is written whole, the exit code is the report's."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import ahead, engine, proof, verify
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import Evidence, collect
from tests import good
from tests.seatrial.fakes import FakeEngine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """No CI server runs this, even where one does."""
    for name in ("GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def gathered(monkeypatch: pytest.MonkeyPatch) -> list[Evidence]:
    """Let `verify` gather the recorded evidence instead of asking an engine; a test may put another in its place."""
    found = [good.evidence()]
    monkeypatch.setattr(engine, "connect", lambda: FakeEngine(images={"x402-fac": {}, "other:1": {}}))
    monkeypatch.setattr(collect, "collect", lambda *_args: found[0])
    monkeypatch.setattr(ahead, "reading", lambda *_args: contextlib.nullcontext())
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
        {"format": "json=a,html=a"},
        {"format": "text,json"},
        {"format": "text,json", "output": "a"},
        {"quiet": True, "verbose": True},
    ],
)
@pytest.mark.usefixtures("no_engine")
def test_bad_options_are_refused_before_any_work(options: dict[str, Any]) -> None:
    with pytest.raises(SeatrialError) as caught:
        proof.run(good.settings(), proof.Options(**options))
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_cache_that_cannot_be_written_is_told_once_and_changes_no_verdict(
    gathered: list[Evidence], capsys: pytest.CaptureFixture[str]
) -> None:
    gathered[0] = gathered[0].with_document("cache.fault", "/cache: No space left on device")
    assert proof.run(good.settings(), proof.Options()) == ExitCode.HOLDS
    assert capsys.readouterr().err.count("nothing can be kept: /cache: No space left on device") == 1


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


@pytest.mark.usefixtures("gathered")
def test_several_reports_of_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    formats = f"junit={tmp_path / 'out.xml'},html={tmp_path / 'report.html'},text"
    assert proof.run(good.settings(), proof.Options(format=formats)) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.xml", "report.html"]
    assert f"PASS: {len(verify.select())} PASS" in capsys.readouterr().out


@pytest.mark.usefixtures("gathered")
def test_as_much_as_is_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    lengths = []
    for options in (proof.Options(quiet=True), proof.Options(), proof.Options(verbose=True)):
        assert proof.run(good.settings(), options) == 0
        lengths.append(len(capsys.readouterr().out))
    assert lengths == sorted(set(lengths))


@pytest.mark.usefixtures("gathered")
def test_the_ci_server_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_PROJECT_DIR", str(tmp_path))
    proof.run(good.settings(), proof.Options(quiet=True))
    assert json.loads((tmp_path / "gl-code-quality-report.json").read_text(encoding="utf-8")) == []


def test_the_list_of_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert proof.print_list(proof.Options(only="image,redis.users")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [check.id for check in verify.select("image,redis.users")]
    assert all(line.endswith(".") for line in lines)
