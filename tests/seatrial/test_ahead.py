"""What takes longest begins first, where it is wanted, and ends with whoever wanted it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import ahead, engine, engine_socket, interruption, settings
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import image
from seatrial.evidence.archive import make_tar
from tests.seatrial.evidence.images_in_files import LAYERS, configuration, saved, sha256
from tests.seatrial.listener import OK, listening

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Leave nothing that was begun and not taken."""
    yield
    ahead.forget()


def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []
    monkeypatch.setattr(image, "read_ahead", lambda _engine, reference, *_more: calls.append(reference))
    return calls


def endless(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """Let a reading go on until its engine is ended; return what tells that it has begun, and that it was ended."""
    begun, ended = threading.Event(), threading.Event()

    def wait(engine: Any, *_more: Any) -> None:
        monkeypatch.setattr(engine, "end", ended.set)
        begun.set()
        assert ended.wait(60)

    monkeypatch.setattr(image, "read_ahead", wait)
    return begun, ended


@pytest.mark.parametrize(
    ("words", "is_begun"),
    [
        ("verify", True),
        ("verify --static --quiet", True),
        ("verify --format=html=x,text --skip context", True),
        ("verify --image x", False),
        ("verify -i x", False),
        ("verify --only compose", False),
        ("verify --list", False),
        ("verify --help", False),
        ("verify --watch", False),
        ("verify --project elsewhere", False),
        ("build verify", False),
        ("", False),
    ],
)
def test_it_begins_where_verify_will_want_it(monkeypatch: pytest.MonkeyPatch, words: str, *, is_begun: bool) -> None:
    calls = read(monkeypatch)
    ahead.begin(words.split())
    project = settings.load()
    ahead.forget()
    assert calls == ([project.image] if is_begun else [])


def test_what_was_begun_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = read(monkeypatch)
    project = settings.load()
    ahead.begin(["verify"])
    with ahead.reading(project, "another"):
        pass
    with ahead.reading(project, project.image) as taken:
        assert taken.project == project
    assert sorted(calls) == sorted([project.image, "another"])
    with ahead.reading(project, project.image):
        pass
    assert len(calls) == 3


def test_what_nobody_took_ends_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = endless(monkeypatch)
    monkeypatch.setattr(interruption, "SIGNALS", ())
    ahead.begin(["verify"])
    assert begun.wait(60)
    interruption.over()
    assert ended.is_set()


def unreadable() -> settings.Settings:
    raise PermissionError(13, "Permission denied", "secrets")


def test_what_is_wrong_with_the_settings_is_told_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> settings.Settings:
        raise SeatrialError(Code.USAGE, "there is no such project")

    calls = read(monkeypatch)
    for fault in (wrong, unreadable):
        monkeypatch.setattr(settings, "load", fault)
        ahead.begin(["verify"])
    assert calls == []


def test_a_base_is_learned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_id, diff_ids = f"sha256:{sha256(configuration())}", [f"sha256:{sha256(layer)}" for layer in LAYERS]
    inspected = json.dumps({"Id": image_id, "RootFS": {"Layers": diff_ids}}).encode()
    answers = {"/images/base:1/json": OK + inspected, f"/images/{image_id}/get": OK + make_tar(saved())}
    (tmp_path / ".env").write_text("REDIS_PASSWORD=of-nobody\n", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(engine_socket, "path", lambda: str(tmp_path / "s"))
    project = replace(settings.load(), root=tmp_path)
    with listening(tmp_path / "s", answers) as listener:
        assert [ahead.learn(project, "base:1") for _ in range(2)] == [True, False]
        # Other secrets are to be looked for: what was read before does not tell of them.
        (tmp_path / ".env").write_text("REDIS_PASSWORD=of-somebody-else\n", encoding="utf-8")
        assert ahead.learn(project, "base:1")
    assert [target for target in listener.asked if target.endswith("/get")] == [f"/images/{image_id}/get"] * 2


def test_a_base_that_holds_a_secret_is_read_once_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("REDIS_PASSWORD=sixteen-letters-and-more\n", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(engine_socket, "path", lambda: str(tmp_path / "s"))
    layer = make_tar({"etc/app.conf": b"password = sixteen-letters-and-more"})
    diff_id = f"sha256:{sha256(layer)}"
    config = json.dumps({"rootfs": {"diff_ids": [diff_id]}}).encode()
    row = [{"Config": "c.json", "Layers": ["one/layer.tar"]}]
    archive = make_tar({"one/layer.tar": layer, "c.json": config, "manifest.json": json.dumps(row).encode()})
    inspected = json.dumps({"Id": "sha256:1", "RootFS": {"Layers": [diff_id]}}).encode()
    answers = {"/images/base:1/json": OK + inspected, "/images/sha256:1/get": OK + archive}
    project = replace(settings.load(), root=tmp_path)
    with listening(tmp_path / "s", answers) as listener:
        assert [ahead.learn(project, "base:1") for _ in range(2)] == [False, False]
    assert listener.asked.count("/images/sha256:1/get") == 1
    assert [file.read_bytes() for file in (tmp_path / "cache").rglob("layer-*")] == [b"null"]


def test_a_base_that_is_not_there_is_not_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> engine.Engine:
        raise SeatrialError(Code.ENGINE_UNREACHABLE, "no Docker Engine answers")

    monkeypatch.setattr(engine_socket, "path", lambda: str(tmp_path / "nobody"))
    monkeypatch.setattr(engine, "connect", unreachable)
    assert not ahead.learn(settings.load(), "base:1")


def interrupt(begun: threading.Event) -> None:
    assert begun.wait(60)
    raise KeyboardInterrupt


def test_an_interruption_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = endless(monkeypatch)
    with pytest.raises(KeyboardInterrupt), ahead.reading(settings.load(), "x"):
        interrupt(begun)
    assert ended.is_set()
