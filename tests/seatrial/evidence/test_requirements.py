"""Lock files and installed distributions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from seatrial.evidence.requirements import applies, installed, parse_lock
from tests.good import entry

HASH = "--hash=sha256:" + "a" * 64


def rows(text: str) -> list[tuple[str, str, int, int]]:
    return [(line.name, line.version, line.hashes, line.line) for line in parse_lock(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"h11==0.16.0 \\\n    {HASH} \\\n    {HASH}\n", [("h11", "0.16.0", 2, 1)]),
        (f"Typing_Extensions==4.0 {HASH}", [("typing-extensions", "4.0", 1, 1)]),
        (f"a==1 ; python_version < '3.12' \\\n  {HASH}\n", [("a", "1", 1, 1)]),
        (f"redis[hiredis]==6.4 {HASH}", [("redis", "6.4", 1, 1)]),
        ("# only a comment\n\n   \n", []),
        (f"a==1 {HASH}  # why", [("a", "1", 1, 1)]),
        (f"# not continued \\\na==1 {HASH}\n", [("a", "1", 1, 2)]),
        ("a==1 --hash=sha256:abc", [("a", "1", 0, 1)]),
        ("a==1 --hash=md5:" + "a" * 32, [("a", "1", 0, 1)]),
        ("a==1 --hash=sha512:" + "a" * 128, [("a", "1", 1, 1)]),
        ("a==1 --hash sha256:" + "a" * 64, [("a", "1", 1, 1)]),
        ("a==1.*", [("a", "", 0, 1)]),
        ("a===1.0", [("a", "1.0", 0, 1)]),
        ("a>=1", [("a", "", 0, 1)]),
        ("a~=1.0", [("a", "", 0, 1)]),
        ("a==1,==2", [("a", "", 0, 1)]),
        ("a", [("a", "", 0, 1)]),
        ("a @ https://example.org/a-1.whl", [("a", "", 0, 1)]),
        ("https://example.org/a-1.whl", [("https://example.org/a-1.whl", "", 0, 1)]),
        ("-e .", [("-e .", "", 0, 1)]),
        ("--editable=git+https://example.org/a", [("--editable=git+https://example.org/a", "", 0, 1)]),
        ("-r more.txt", [("-r more.txt", "", 0, 1)]),
        ("--require-hashes\n--only-binary :all:\n", []),
        ("a==1 \\", [("a", "1", 0, 1)]),
        ("a==1\r\nb==2\r\n", [("a", "1", 0, 1), ("b", "2", 0, 2)]),
        ("not a requirement", [("not a requirement", "", 0, 1)]),
    ],
)
def test_each_line_of_a_lock(text: str, expected: list[tuple[str, str, int, int]]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", True),
        ("a; python_version < '3.13'", False),
        ("a; python_full_version >= '3.13.5'", True),
        ("a; python_full_version < '3.11.3'", False),
        ("a; sys_platform == 'win32'", False),
        ("a; platform_system == 'Linux' and os_name == 'posix'", True),
        ("a; implementation_name == 'pypy'", False),
        ("a; extra == 'fast'", False),
    ],
)
def test_markers_are_those_of_the_image(text: str, *, expected: bool) -> None:
    assert applies(Requirement(text), "3.13.5") is expected


def test_an_extra_that_was_asked_for() -> None:
    assert applies(Requirement("a; extra == 'fast'"), "3.13", {"fast"})


def distributions(texts: dict[str, str]) -> list[tuple[str, str, int]]:
    found = installed(
        {name: entry({"path": name, "kind": "file", "mode": 420, "text": text}) for name, text in texts.items()}
    )
    return [(distribution.name, distribution.version, len(distribution.record)) for distribution in found]


SITE = "app/venv/lib/python3.13/site-packages"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (
            {f"{SITE}/H11-0.16.0.dist-info/METADATA": "Name: H11\nVersion: 0.16.0\n\nName: other\n"},
            [("h11", "0.16.0", 0)],
        ),
        ({f"{SITE}/x.dist-info/METADATA": ""}, [("x-dist-info", "", 0)]),
        ({f"{SITE}/deep/x.dist-info/METADATA": "Name: x"}, []),
        ({"app/x.dist-info/METADATA": "Name: x"}, []),
        ({"usr/lib/python3/dist-packages/x.dist-info/METADATA": "Name: x\nVersion: 1"}, [("x", "1", 0)]),
    ],
)
def test_distributions_by_their_metadata(texts: dict[str, str], expected: list[tuple[str, str, int]]) -> None:
    assert distributions(texts) == expected


@pytest.mark.parametrize(
    ("record", "count"),
    [
        ("a.py,sha256=x,1\nb.py,,\n", 2),
        ('"a,b.py",sha256=x,1\r\n', 1),
        ("", 0),
        ("\n\n,,\n", 0),
        ("only one column\n", 0),
        ('a.py,"never ended\n', 1),
        ("a\rb,c\n", 1),
        ("a,b\x00c\n", 1),
        ("a," + "x" * 200_000, 0),
    ],
)
def test_rows_of_a_record(record: str, count: int) -> None:
    info = f"{SITE}/x-1.dist-info"
    assert distributions({f"{info}/METADATA": "Name: x\nVersion: 1\n", f"{info}/RECORD": record}) == [("x", "1", count)]


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80))
def test_no_lock_is_a_crash(text: str) -> None:
    parse_lock(text)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_metadata_or_record_is_a_crash(metadata: str, record: str) -> None:
    info = f"{SITE}/x-1.dist-info"
    distributions({f"{info}/METADATA": metadata, f"{info}/RECORD": record})
