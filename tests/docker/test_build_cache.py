"""The build cache must not keep another build's time: the same source is the same image, cached or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import build, engine
from seatrial import settings as project_settings
from seatrial.evidence import tree
from seatrial.evidence.archive import read_image
from seatrial.evidence.secrets import Wanted
from tests import record_evidence

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_cached_build_has_the_time_of_its_own_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = project_settings.load()
    for variable in project_settings.IMAGE_DEFAULTS:
        monkeypatch.setenv(variable, project_settings.chosen_image(original, variable))
    record_evidence.copy_checkout(original.root, tmp_path)
    settings = project_settings.load(tmp_path)
    connected = engine.connect()
    made = []
    try:
        for epoch in (1_000_000_000, 1_100_000_000, 1_000_000_000):
            revision = tree.Revision("recorded", epoch)
            monkeypatch.setattr(tree, "revision", lambda _settings, revision=revision: revision)
            made.append(build.run(settings, note=lambda _line: None, tag="-"))
            payload = read_image(connected.save(made[-1]), Wanted())[1:]
            assert {entry.mtime for layer in payload for entry in layer.entries} == {epoch}
        assert made[0] == made[2] != made[1]
    finally:
        for image in set(made):
            connected.remove_image(image)
