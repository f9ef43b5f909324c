"""Ignore files as BuildKit reads them; each case was tried with BuildKit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.evidence.ignore import deciding, parse


def stays_out(text: str, path: str) -> bool:
    pattern = deciding(parse(text), path)
    return pattern is not None and not pattern.brings_back


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("*\n", "a.txt", True),
        ("*\n", "a/b/c.txt", True),
        ("**\n", "a/b.txt", True),
        ("**/*\n", "a.txt", True),
        ("/*\n!/a.txt\n", "a.txt", False),
        ("*\n!a.txt\n", "a.txt", False),
        ("*\n!a.txt\na.*\n", "a.txt", True),
        ("*\n! .env\n", ".env", False),
        ("*\n!.*\n", ".env", False),
        ("*\n!**/*.txt\nb.txt\n", "b.txt", True),
        ("*\n!**/*.txt\nb.txt\n", "deep/down/c.txt", False),
        ("*\n!service\n", "service/a.py", False),
        ("*\n!service/\n**/*.pyc\n", "service/x/a.pyc", True),
        (".env\r\na.txt\r\n", ".env", True),
        ("\ufeff.env\n", ".env", True),
        (".env # no comment\n", ".env", False),
        ("  # .env\n", ".env", False),
        ("# .env\n", ".env", False),
        ("*.tx?\n", "a.txt", True),
        ("*.txt\n", "deep/a.txt", False),
        ("[b-c].txt\n", "b.txt", True),
        ("[^b-c].txt\n", "b.txt", False),
        ("a\\*b\n", "a*b", True),
        ("a\\*b\n", "axb", False),
        ("a.b\n", "axb", False),
        ("!\n", "a", False),
        ("[\n", "[", True),
        ("[b-a]\n", "b", False),
        ("[[a]\n", "[", True),
        ("[a--b]\n", "-", True),
        ("[a&&b]\n", "b", True),
        ("", "a", False),
    ],
)
def test_which_pattern_decides(text: str, path: str, *, expected: bool) -> None:
    assert stays_out(text, path) is expected


@settings(max_examples=50, deadline=None)
@given(
    st.text(st.sampled_from("ab*?!/.[]^-\\# \r\n"), max_size=30),
    st.text(st.sampled_from("ab./"), min_size=1, max_size=10),
)
def test_no_ignore_file_is_a_crash(text: str, path: str) -> None:
    deciding(parse(text), path)
