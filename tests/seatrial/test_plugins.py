"""Plugins of the docker client are started by themselves only where it is sure which one the client would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import plugins

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Give a user's folder of plugins and one of the system."""
    own, system = tmp_path / "own", tmp_path / "system"
    monkeypatch.setenv("DOCKER_CONFIG", str(own))
    monkeypatch.setattr(plugins, "FOLDERS", (str(system),))
    return {"own": own / "cli-plugins", "system": system}


def put(folder: Path, mode: int = 0o755) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "docker-compose"
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    return str(program)


def test_the_user_s_own_plugin_comes_first(folders: dict[str, Path]) -> None:
    system = put(folders["system"])
    assert plugins.command("compose") == [system]
    assert plugins.command("compose") == [system]
    assert plugins.command("buildx") == ["docker", "buildx"]
    own = put(folders["own"])
    assert plugins.command("compose") == [own]


def test_the_client_is_asked_where_no_plugin_is_found(folders: dict[str, Path]) -> None:
    assert folders
    assert plugins.command("compose") == ["docker", "compose"]


@pytest.mark.parametrize(
    ("written", "is_direct"), [('{"auths": {}}', True), ('{"cliPluginsExtraDirs": ["/x"]}', False)]
)
def test_other_folders_are_left_to_the_client(folders: dict[str, Path], written: str, *, is_direct: bool) -> None:
    system = put(folders["system"])
    folders["own"].parent.mkdir()
    (folders["own"].parent / "config.json").write_text(written)
    assert plugins.command("compose") == ([system] if is_direct else ["docker", "compose"])


def test_settings_that_cannot_be_read_are_left_to_the_client(folders: dict[str, Path]) -> None:
    put(folders["system"])
    (folders["own"].parent / "config.json").mkdir(parents=True)
    assert plugins.command("compose") == ["docker", "compose"]
