"""Tests, linters, locks and the broom: which commands, which exit codes, what stays."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import develop, engine, process, toolbox
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import trial
from seatrial.host import browser
from tests import good
from tests.seatrial.fakes import FakeEngine, Programs, answer

if TYPE_CHECKING:
    from seatrial.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for needed in ("ensure_development_tools", "ensure_oracles"):
        monkeypatch.setattr(toolbox, needed, lambda _settings: None)
    (tmp_path / "requirements").mkdir()
    return good.settings(root=tmp_path)


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, ExitCode.BROKEN), (5, ExitCode.BROKEN)])
def test_tests(settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int, expected: int) -> None:
    fake = FakeEngine()
    monkeypatch.setattr(engine, "connect", lambda: fake)
    programs = Programs(answer(code)).instead_of(monkeypatch)
    assert develop.test(settings, docker=True, browser=False, match="") == expected
    assert programs.commands == [[sys.executable, "-m", "pytest", "-m", "not browser"]]
    assert fake.did == ["closed"]


def test_tests_without_an_engine_are_asked_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise SeatrialError(Code.ENGINE_UNREACHABLE, "nobody")

    monkeypatch.setattr(engine, "connect", refuse)
    programs = Programs().instead_of(monkeypatch)
    with pytest.raises(SeatrialError):
        develop.test(settings, docker=True, browser=False, match="")
    assert programs.commands == []
    develop.test(settings, docker=False, browser=False, match="archive")
    assert programs.commands == [[sys.executable, "-m", "pytest", "-m", "not docker and not browser", "-k", "archive"]]


def test_a_browser_is_found_or_installed_before_the_tests(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ensure(**_: object) -> str:
        asked.append("ensure")
        return "/usr/bin/chromium"

    monkeypatch.setattr(browser, "find", lambda: None)
    monkeypatch.setattr(browser, "ensure", ensure)
    programs = Programs(answer(), answer()).instead_of(monkeypatch)
    develop.test(settings, docker=False, browser=True, match="")
    monkeypatch.setattr(browser, "find", lambda: "/usr/bin/chromium")
    develop.test(settings, docker=False, browser=True, match="")
    assert asked == ["ensure"]
    assert programs.commands == [[sys.executable, "-m", "pytest", "-m", "not docker"]] * 2


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, ExitCode.BROKEN)])
def test_fuzzing(settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int, expected: int) -> None:
    programs = Programs(answer(code)).instead_of(monkeypatch)
    assert develop.fuzz(settings, minutes="0.5") == expected
    assert programs.commands == [[sys.executable, "-m", "tests.service.fuzz", "--minutes", "0.5"]]


@pytest.mark.parametrize("minutes", ["", "0", "0.0", "-1", "nan", "1e3", "ten"])
def test_what_is_no_number_of_minutes_is_refused(settings: Settings, minutes: str) -> None:
    with pytest.raises(SeatrialError, match="no number of minutes"):
        develop.fuzz(settings, minutes=minutes)


@pytest.mark.parametrize(("codes", "expected"), [((0, 0, 0), 0), ((1, 0, 0), 1), ((0, 0, 2), 1)])
def test_every_linter_runs_whatever_the_first_says(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], expected: int
) -> None:
    programs = Programs(*map(answer, codes), answer()).instead_of(monkeypatch)
    assert develop.lint(settings) == expected
    assert [command[2:] for command in programs.commands] == [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
    ]


class Resolver(Programs):
    """Writes a lock where it is asked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def run(self, argv: Any, **options: Any) -> process.Completed:
        Path(argv[argv.index("-o") + 1]).write_text(self.text, encoding="utf-8")
        return super().run(argv, **options)


def test_locks(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    programs = Resolver("h11==1\n").instead_of(monkeypatch)
    settings.path("requirements/build.txt").write_text("h11==1\n", encoding="utf-8")
    assert develop.lock(settings) == 0
    assert {file.name for file in settings.path("requirements").iterdir()} == {f"{name}.txt" for name in develop.LOCKS}
    for command in programs.commands:
        assert {"--generate-hashes", "--universal", "--no-header"} <= set(command)
    said = capsys.readouterr().err
    assert "build.txt unchanged" in said
    assert "production.txt changed" in said


def test_a_lock_that_names_a_host_is_refused_and_the_old_one_stays(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver("--index-url https://index.example.org/simple\n").instead_of(monkeypatch)
    settings.path("requirements/production.txt").write_text("old\n", encoding="utf-8")
    with pytest.raises(SeatrialError, match="names a host"):
        develop.lock(settings)
    assert settings.path("requirements/production.txt").read_text(encoding="utf-8") == "old\n"
    assert [file.name for file in settings.path("requirements").iterdir()] == ["production.txt"]


KEPT = (
    ".env",
    "secrets/redis_password",
    "config/config.json",
    ".venv/lib/__pycache__/x.pyc",
    ".git/__pycache__/x",
    "service/a.py",
)
GONE = ("dist/x", ".mypy_cache/x", "service/__pycache__/a.pyc", "tests/deep/__pycache__/b.pyc")


def test_the_broom(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (*KEPT, *GONE):
        settings.path(name).parent.mkdir(parents=True, exist_ok=True)
        settings.path(name).touch()
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert develop.clean(settings) == 0
    assert all(settings.path(name).exists() for name in KEPT)
    assert not any(settings.path(name).exists() for name in GONE)
    assert "removed .mypy_cache, dist; .env, secrets, data and images stay" in capsys.readouterr().err
    develop.clean(settings)
    assert "removed nothing" in capsys.readouterr().err


def test_the_broom_looks_for_trial_stacks(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    monkeypatch.setattr(engine, "connect", FakeEngine)
    monkeypatch.setattr(trial, "remove_leftovers", lambda _engine: ["a trial stack"])
    develop.clean(settings)
    assert "removed a trial stack" in capsys.readouterr().err

    def refuse() -> None:
        raise SeatrialError(Code.ENGINE_UNREACHABLE, "nobody answers")

    monkeypatch.setattr(engine, "connect", refuse)
    assert develop.clean(settings) == 0
    assert "not looked for: nobody answers" in capsys.readouterr().err
