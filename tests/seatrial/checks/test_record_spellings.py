"""RECORDs with wrong lines: each is a finding or is ignored for a reason, and none is a crash."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import good

SITE = next(path.partition("/h11/")[0] for path in good.evidence().files() if "/h11/__init__.py" in path)
METADATA = b"Metadata-Version: 2.1\nName: tool\nVersion: 1\n"
MODULE = b"abc"
CHECKS = ("packages.locked", "packages.record", "packages.no_development", "packages.lock_in_step", "supply.sbom")


def sha256(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


OWN = f"tool-1.dist-info/METADATA,{sha256(METADATA)},{len(METADATA)}\ntool-1.dist-info/RECORD,,\n"
GOOD = f"tool.py,{sha256(MODULE)},3\n"


def problems(record: bytes, more: dict[str, bytes] | None = None) -> list[str]:
    files = {
        f"{SITE}/tool-1.dist-info/METADATA": METADATA,
        f"{SITE}/tool-1.dist-info/RECORD": OWN.encode() + record,
        f"{SITE}/tool.py": MODULE,
        **(more or {}),
    }
    return good.problems("packages.record", good.evidence().with_files(files))


@pytest.mark.parametrize(
    "line",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.rstrip(),
        GOOD.replace("tool.py", '"tool.py"'),
        GOOD.replace("tool.py", "./tool.py"),
        GOOD.replace("tool.py", "x/../tool.py"),
        GOOD.replace("tool.py", f"/{SITE}/tool.py"),
        GOOD.replace(",3", ","),
        GOOD.replace(",3", ",three"),
        GOOD.replace(",3", ",-1"),
        GOOD.replace(",3", ",4"),
        GOOD.replace(",3", ""),
        GOOD.replace(",3", ",3,more,columns"),
        GOOD + GOOD,
        GOOD + "\n\n",
        GOOD + ",,\n",
        GOOD + "only-one-column\n",
    ],
)
def test_lines_that_say_the_same(line: str) -> None:
    assert problems(line.encode()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("tool.py\n", "belongs to no distribution"),
        ("tool.py,,3\n", "no hash"),
        (f"tool.py,{sha256(b'abd')},3\n", "another content"),
        (GOOD + f"tool.py,{sha256(b'abd')},3\n", "another content"),
        (f"tool.py,sha256={hashlib.sha256(MODULE).hexdigest()},3\n", "another content"),
        (GOOD.replace(",3", "=,3"), "another content"),
        (GOOD.replace("sha256=", "SHA256="), "not compared"),
        (GOOD.replace("sha256=", ""), "not compared"),
        ("tool.py,md5=kAFQmDzST7DWlj99KOF_cg,3\n", "not compared (md5)"),
        ("tool.py,sha512=" + "x" * 86 + ",3\n", "not compared (sha512)"),
        ("tool.py,=,3\n", "not compared"),
        (GOOD + "gone.py,sha256=x,3\n", "gone"),
        (GOOD + "/etc/gone,sha256=x,3\n", "/etc/gone: tool recorded this file, and it is gone"),
        (GOOD + "../" * 20 + "gone,sha256=x,3\n", "/gone: tool recorded this file, and it is gone"),
        (GOOD + "..,sha256=x,3\n", "another content"),
        (GOOD.replace("tool.py", "TOOL.py"), "belongs to no distribution"),
        (GOOD.replace("tool.py", '"tool.py'), "belongs to no distribution"),
        (GOOD.replace("tool.py", "tool.py\0"), "belongs to no distribution"),
        (GOOD.replace(",", ";"), "belongs to no distribution"),
        ("x," + "y" * 200_000 + "\n" + GOOD, "belongs to no distribution"),
    ],
)
def test_lines_that_say_something_else(line: str, words: str) -> None:
    assert any(words in said for said in problems(line.encode()))


@pytest.mark.parametrize("name", ["caf\xe9.py".encode("latin-1"), "caf\xe9.py".encode("utf-16"), b"\xff\xfe.py"])
def test_names_that_are_not_utf_8(name: bytes) -> None:
    line = name + b"," + sha256(b"x").encode() + b",1\n"
    where = f"{SITE}/" + name.decode("utf-8", "surrogateescape").replace("\0", "")
    found = problems(GOOD.encode() + line, {where: b"x"})
    assert any("gone" in said for said in found)
    assert any("belongs to no distribution" in said for said in found)


def test_what_is_recorded_outside_of_the_service_s_folder_is_looked_for_there() -> None:
    for where in ("opt/share/tool.txt", "app/venv/etc/tool/tool.txt", "usr/local/bin/tool"):
        for path in (f"/{where}", "../" * 9 + where):
            record = f"{GOOD}{path},{sha256(b'x')},1\n".encode()
            assert problems(record, {where: b"x"}) == []
            assert "another content" in problems(record, {where: b"y"})[0]


WORDS = st.sampled_from(
    [
        *("tool.py", "gone", "..", "../..", "/", "/etc/passwd", ",", ",,", '"', "\n", "\r", "\0", "sha256=", "=", "3"),
        *(sha256(MODULE), "tool-1.dist-info/RECORD", "\ud800", "\ufeff", " "),
    ]
) | st.text(max_size=6)
FIELDS = st.sampled_from(
    [
        *("Name: ", "Version: ", "Requires-Dist: ", "Name:", "\n", "\n\n", "\r\n", ": ", "tool", "1.0", "h11", "; "),
        *("extra == 'x'", "python_version ~= 'abc'", "os_name > '1'", "'x' in extras", " (>=1)", "[x]", " @ file:/x"),
    ]
) | st.text(max_size=6)


def encoded(words: list[str]) -> bytes:
    return "".join(words).encode("utf-8", "surrogatepass")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(FIELDS, max_size=12).map(encoded) | st.binary(max_size=40),
    st.lists(WORDS, max_size=16).map(encoded) | st.binary(max_size=40),
)
def test_whatever_metadata_and_record_say_is_judged(metadata: bytes, record: bytes) -> None:
    info = f"{SITE}/tool-1.dist-info"
    found = good.evidence().with_files({f"{info}/METADATA": metadata, f"{info}/RECORD": record})
    for check in CHECKS:
        good.problems(check, found)


LINES = st.lists(
    st.sampled_from(
        [
            *("root:x:0:0::/:/bin/sh", "appuser:x:1001:1001", "appuser", ":", ":::", "a:b:c:d", "shared:x:0:appuser"),
            *("appuser:x:-1:+0", "appuser:x:99999999999:0", "appuser:x:\u0660:0", "+::::", "#", "appuser:x:0x0:0"),
        ]
    )
    | st.text(max_size=12),
    max_size=6,
).map(lambda lines: encoded(["\n".join(lines)])) | st.binary(max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    LINES, LINES, st.sampled_from(["appuser", "1001:1001", "", "0", "appuser:shared", "a:b:c"]) | st.text(max_size=8)
)
def test_whatever_passwd_and_group_say_is_judged(passwd: bytes, group: bytes, user: str) -> None:
    found = good.evidence().with_files({"etc/passwd": passwd, "etc/group": group})
    found = found.edited("image.inspect", lambda image: image["Config"].update(User=user))
    for check in ("image.user", "layers.code_read_only"):
        good.problems(check, found)
