"""`verify --watch`: which files lead to which families, and what is said of a change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import proof, settings, watch
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import collect
from tests import good
from tests.seatrial.fakes import FakeEngine
from tests.seatrial.test_settings import project

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

EVERYTHING = watch.FAMILIES


@pytest.mark.parametrize(
    ("name", "families"),
    [
        ("Dockerfile", {"dockerfile", "context"}),
        (".dockerignore", {"dockerfile", "context"}),
        ("docker-compose.yml", {"compose", "context"}),
        ("docker-compose.override.yml", {"compose", "context"}),
        (".env", {"compose", "context"}),
        ("config/redis.conf", {"compose", "context"}),
        ("pyproject.toml", EVERYTHING),
        ("seatrial.toml", EVERYTHING),
        ("service/app.py", {"context"}),
    ],
)
def test_families_of_a_file(name: str, families: set[str]) -> None:
    assert watch.families_of(good.settings(), [name]) == families


@pytest.mark.parametrize("path", [".git/index", "a/node_modules/x.js", ".venv/bin/python", ".seatrial/x", "../other/x"])
def test_what_is_not_watched(path: str) -> None:
    assert not watch._is_watched(Path("/project"), Path("/project") / path if path[:2] != ".." else Path("/other/x"))
    assert watch._is_watched(Path("/project"), Path("/project/service/app.py"))


def test_a_change_and_its_mend_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = {"read_only": True}

    def gathered(*_args: Any) -> Evidence:
        return good.evidence().with_service("facilitator", lambda found: found.update(now))

    monkeypatch.setattr(collect, "collect", gathered)
    current = watch.Watch(settings.load(project(tmp_path)), FakeEngine().real, "compose", "")
    current.judge(EVERYTHING)
    assert "25 checks hold" in capsys.readouterr().out
    now["read_only"] = False
    current.changed(["docker-compose.yml", "a", "b", "c", "d"])
    told = capsys.readouterr()
    assert "docker-compose.yml, a, b and 2 more" in told.err
    assert "FAIL  compose.read_only" in told.out
    assert "1 of 25 checks fail: compose.read_only (compose, context in 0." in told.out
    now["read_only"] = True
    current.changed(["compose.yml"])
    assert "mended compose.read_only" in capsys.readouterr().out


def test_settings_that_cannot_be_read_for_the_moment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    current = watch.Watch(settings.load(project(tmp_path)), FakeEngine().real, "", "")
    project(tmp_path, imgae="x")
    current.changed(["pyproject.toml"])
    assert "unknown key 'imgae'" in capsys.readouterr().err


@pytest.mark.parametrize("more", [{"image": "x"}, {"output": "x"}, {"against": "x"}, {"format": "json"}])
def test_what_does_not_go_together_with_watching(more: dict[str, Any]) -> None:
    with pytest.raises(SeatrialError) as caught:
        proof.start(good.settings, proof.Options(watch=True, **more))
    assert caught.value.code is Code.USAGE
    assert next(iter(more)) in caught.value.what
