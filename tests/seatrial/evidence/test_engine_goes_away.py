"""`docker save` that ends too early, in every way: an error that says so, never a shorter image."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import ahead, engine, engine_socket, process, settings
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import cache, collect, image
from seatrial.evidence.archive import make_tar
from seatrial.evidence.secrets import Wanted
from tests.seatrial.evidence.images_in_files import LAYERS, configuration, saved, sha256
from tests.seatrial.listener import OK, listening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIFF_IDS = [f"sha256:{sha256(layer)}" for layer in LAYERS]


class Saving(engine.Engine):
    """An engine whose `docker save` is a program of the test."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def image(self, _reference: str) -> dict[str, Any]:
        return {"Id": f"sha256:{sha256(configuration())}", "RootFS": {"Layers": DIFF_IDS}}

    def history(self, _reference: str) -> list[dict[str, Any]]:
        return []


def with_client(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (folder / "image.tar").write_bytes(make_tar(saved()))
    (folder / "docker").write_text(f"#!/bin/sh\ncd {folder}\n{script}\n", encoding="utf-8")
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_a_whole_one_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_client(tmp_path, monkeypatch, "cat image.tar")
    found = image.documents(Saving(), "x", Wanted())
    assert [len(layer.entries) for layer in found["image.layers"]] == [1, 2]


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("head -c 3000 image.tar; echo 'unexpected EOF' >&2; exit 1", Code.COMMAND_FAILED, "unexpected EOF"),
        ("head -c 3000 image.tar", Code.ENGINE_FAILED, "cut off"),
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", Code.COMMAND_FAILED, "Cannot connect"),
        ("exit 0", Code.ENGINE_FAILED, "empty"),
        ("echo hello", Code.ENGINE_FAILED, "cut off"),
        ("cat image.tar; echo 'late' >&2; exit 7", Code.COMMAND_FAILED, "late"),
        ("head -c 4000 image.tar; kill -9 $$", Code.COMMAND_FAILED, "-9"),
    ],
)
def test_one_that_ends_too_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: Code, words: str
) -> None:
    with_client(tmp_path, monkeypatch, script)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "password").write_text("x", encoding="utf-8")
    kept = cache.open_cache(tmp_path, [tmp_path / "password"])
    with pytest.raises(SeatrialError) as caught:
        image.documents(Saving(), "x", Wanted(), kept)
    assert caught.value.code is code
    assert caught.value.exit_code == ExitCode.MACHINE
    assert words in caught.value.what
    assert [kept.find(diff_id) for diff_id in DIFF_IDS] == [None, None]


def test_an_interruption_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_client(tmp_path, monkeypatch, "head -c 3000 image.tar; touch began; exec sleep 600")
    ended: list[BaseException] = []

    def read() -> None:
        try:
            image.documents(Saving(), "x", Wanted())
        except SeatrialError as error:
            ended.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    while not (tmp_path / "began").exists():
        time.sleep(0.01)
    process.end_all()
    reading.join()
    assert len(ended) == 1


def gather(project: settings.Settings, note: Callable[[str], None]) -> None:
    with ahead.reading(project, "x") as begun:
        wanted = collect.Request("x", static=True, families=frozenset({"layers"}), begun=begun)
        collect.collect(project, begun.engine, wanted, note)


def test_an_interruption_ends_what_was_begun_at_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_note: str) -> None:
        assert listener.got("/images/sha256:1/get")
        raise KeyboardInterrupt

    (tmp_path / ".env").touch()
    inspected = json.dumps({"Id": "sha256:1", "RootFS": {"Layers": DIFF_IDS}}).encode()
    answers = {"/images/x/json": OK + inspected, "/images/sha256:1/history": OK + b"[]", "/images/sha256:1/get": OK}
    monkeypatch.setattr(engine_socket, "path", lambda: str(tmp_path / "s"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = replace(settings.load(), root=tmp_path, compose_file="", dockerfile="")
    held = ("/images/sha256:1/get",)
    with listening(tmp_path / "s", answers, held) as listener, pytest.raises(KeyboardInterrupt):
        gather(project, interrupted)
    assert listener.asked.count("/images/sha256:1/get") == 1
