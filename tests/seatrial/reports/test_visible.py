"""Text of others, made harmless."""

from __future__ import annotations

import pytest

from seatrial.reports.visible import on_one_line, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain <b> & \N{FIRE} \u05e9", "plain <b> & \N{FIRE} \u05e9"),
        ("a\nb", "a\nb"),
        ("\x1b[31m\r\t\x00\x7f\x9b", "\\x1b[31m\\r\\t\\x00\\x7f\\x9b"),
        ("\u202e\u2066\u200b\u2028\ufeff", "\\u202e\\u2066\\u200b\\u2028\\ufeff"),
        ("\ufffe\ud800", "\\ufffe\\ud800"),
    ],
)
def test_what_would_be_obeyed_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_on_one_line() -> None:
    assert on_one_line("a\nb\r\n") == "a\\nb\\r\\n"
