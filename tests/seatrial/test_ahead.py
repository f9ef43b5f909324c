"""What takes longest begins first, where it is wanted, and ends with whoever wanted it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from seatrial import ahead, settings
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import image


@pytest.mark.parametrize(
    ("only", "is_begun"),
    [("", True), ("compose,layers", True), ("image.user", True), ("compose", False), ("images", False)],
)
def test_an_image_is_read_where_checks_of_it_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, only: str, *, is_begun: bool
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(image, "read_ahead", lambda _engine, reference, *_more: calls.append(reference))
    with ahead.guessed(settings.load, only) as begun:
        assert (begun is not None) == is_begun
    assert calls == ([settings.load().image] if is_begun else [])


def test_what_is_wrong_with_the_settings_is_told_by_others() -> None:
    def wrong() -> settings.Settings:
        raise SeatrialError(Code.USAGE, "there is no such project")

    with ahead.guessed(wrong, "") as begun:
        assert begun is None


def interrupt(begun: threading.Event) -> None:
    assert begun.wait(60)
    raise KeyboardInterrupt


def test_an_interruption_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def wait(engine: Any, *_more: Any) -> None:
        monkeypatch.setattr(engine, "end", ended.set)
        begun.set()
        assert ended.wait(60)

    begun = threading.Event()
    monkeypatch.setattr(image, "read_ahead", wait)
    with pytest.raises(KeyboardInterrupt), ahead.guessed(settings.load, ""):
        interrupt(begun)
    assert ended.is_set()
