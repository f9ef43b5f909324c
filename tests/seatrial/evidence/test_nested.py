"""Secrets inside packed files, one inside the other; bombs and what cannot be opened; and what only looks packed."""

from __future__ import annotations

import base64
import bz2
import errno
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import Entry, make_tar, nested, read_tar
from seatrial.evidence.archive.pieces import PIECE_BYTES
from tests.good import SECRET, WANTED
from tests.seatrial.evidence.images_in_files import PACKERS, member, members

if TYPE_CHECKING:
    from collections.abc import Callable


def read_one(content: bytes, name: str = "app/data.bin") -> Entry:
    (entry,) = read_tar(io.BytesIO(make_tar({name: content})), WANTED)
    return entry


def zipped(content: bytes, name: str = "inner.txt", how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def tarred(content: bytes) -> bytes:
    return make_tar({"inner.txt": content})


def ar(*files: tuple[bytes, bytes]) -> bytes:
    """Return an ar archive; a name is written as it is given."""
    parts = [
        name.ljust(16)
        + b"0".ljust(12)
        + b"0".ljust(6) * 2
        + b"100644".ljust(8)
        + str(len(data)).encode().ljust(10)
        + b"`\n"
        + data
        + b"\n" * (len(data) % 2)
        for name, data in files
    ]
    return b"!<arch>\n" + b"".join(parts)


def cpio(*files: tuple[str, bytes], octal: bool = False, mode: int = 0o100644) -> bytes:
    """Return a cpio archive with hexadecimal or octal headers."""
    out = b""
    for name, data in (*files, ("TRAILER!!!", b"")):
        length = len(name.encode()) + 1
        if octal:
            numbers = b"%06o%06o%06o" % (1, 1, mode) + b"000000" * 4 + b"0" * 11
            out += b"070707" + numbers + b"%06o%011o" % (length, len(data)) + name.encode() + b"\0" + data
            continue
        fields = [1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, length, 0]
        header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += header + b"\0" * (-len(header) % 4) + data + b"\0" * (-len(data) % 4)
    return out + b"\0" * (-len(out) % 512)


def appended(program: bytes) -> Callable[[bytes], bytes]:
    return lambda data: program + zipped(data)


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(b"first") + gzip.compress(data) + b"\0" * 100,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": PACKERS["zstd"],
    "zip, deflated": zipped,
    "zip, stored": lambda data: zipped(data, how=zipfile.ZIP_STORED),
    "zip, bzip2": lambda data: zipped(data, how=zipfile.ZIP_BZIP2),
    "zip, lzma": lambda data: zipped(data, how=zipfile.ZIP_LZMA),
    "zip behind a program": lambda data: b"#!/usr/bin/env python3\n" + zipped(data),
    "zip behind an executable": appended(b"\x7fELF" + bytes(5000)),
    "zip behind a large executable": appended(b"\x7fELF" + bytes(PIECE_BYTES + 5000)),
    "zip behind a large script": appended(b"#!/bin/sh\nexit\n" + b"# padding\n" * 200_000),
    "zip behind an executable of Windows": appended(b"MZ" + bytes(5000)),
    "zip behind a picture": appended(b"\xff\xd8\xff\xe0" + bytes(5000)),
    "ar": lambda data: ar((b"inner.txt/", data)),
    "ar, long names": lambda data: ar((b"//", b"a/\na-long-name-of-a-file/\n"), (b"/3", data)),
    "ar, long names of BSD": lambda data: ar((b"#1/20", b"a-long-name".ljust(20, b"\0") + data)),
    "Debian package": lambda data: ar(
        (b"debian-binary", b"2.0\n"),
        (b"control.tar.xz", lzma.compress(tarred(b"x"))),
        (b"data.tar.xz", lzma.compress(tarred(data))),
    ),
    "cpio": lambda data: cpio(("a", b"123"), ("inner.txt", data)),
    "cpio, octal": lambda data: cpio(("a", b"123"), ("inner.txt", data), octal=True),
    "cpio.gz": lambda data: gzip.compress(cpio(("inner.txt", data))),
    "tar": tarred,
    "tar.gz": lambda data: gzip.compress(tarred(data)),
    "tar.zst": lambda data: PACKERS["zstd"](tarred(data)),
    "tar in zip in tar.xz": lambda data: lzma.compress(tarred(zipped(tarred(data)))),
    "wheel in tar.gz": lambda data: gzip.compress(make_tar({"x-1.whl": zipped(data, "x/.config")})),
}
SPELLED: dict[str, Callable[[str], bytes]] = {
    "raw": lambda s: s.encode(),
    "base64": lambda s: base64.b64encode(b"xy" + s.encode()),
    "wrapped base64": lambda s: base64.encodebytes(b"y" * 31 + s.encode()),
    "indented base64": lambda s: base64.encodebytes(b"y" * 31 + s.encode()).replace(b"\n", b"\n    "),
    "hex": lambda s: s.encode().hex().encode(),
    "utf-16-be": lambda s: s.encode("utf-16-be"),
}


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("packed", PACKED)
def test_a_secret_in_whatever_is_packed(packed: str, spelled: str) -> None:
    content = os.urandom(3000) + b"\n" + SPELLED[spelled](SECRET) + b"\n" + os.urandom(3000)
    found = read_one(PACKED[packed](content))
    assert found.leaks
    assert SECRET not in " ".join(found.leaks)
    assert found.unread == ()


@pytest.mark.parametrize("packed", PACKED)
def test_what_is_packed_and_holds_nothing(packed: str) -> None:
    found = read_one(PACKED[packed](b"nothing of interest" * 300))
    assert (found.leaks, found.unread) == ((), ())


def test_a_secret_behind_the_border_of_two_pieces() -> None:
    for offset in (-len(SECRET) // 2, 0, 1):
        content = b"\0" * (PIECE_BYTES + offset) + SECRET.encode() + os.urandom(50_000)
        assert read_one(gzip.compress(content)).leaks


def test_a_loose_object_of_git() -> None:
    content = zlib.compress(b"blob 30\0" + SECRET.encode())
    assert read_one(content, "srv/objects/ab/" + "c" * 38).leaks
    assert read_one(content, "app/.git/objects/ab/" + "c" * 62).leaks


def test_a_pack_of_git_is_not_opened_and_that_is_said() -> None:
    found = read_one(b"PACK\0\0\0\x02\0\0\0\x01" + zlib.compress(b"x"), "srv/pack-1.pack")
    assert "git pack" in found.unread[0]


@pytest.mark.parametrize("name", [".env", "deploy/.pypirc", ".docker/config.json", "home/.aws/credentials", "id_rsa"])
def test_a_file_that_holds_secrets_by_its_name(name: str) -> None:
    packed = (
        make_tar({name: b"x"}),
        zipped(b"x", name),
        cpio((name, b"x")),
        ar((b"#1/99", name.encode().ljust(99, b"\0"))),
    )
    for content in (*packed, gzip.compress(make_tar({name: b"x"}))):
        assert "by its name" in read_one(content).leaks[0]
    assert read_one(zipped(b"x", "certifi/cacert.pem")).leaks == ()


def test_names_links_and_attributes_inside_are_searched() -> None:
    attribute = member("x", pax_headers={"SCHILY.xattr.user.note": SECRET})
    for inner in (
        members((member(SECRET), b"")),
        members((member("x", tarfile.SYMTYPE, linkname=SECRET), b"")),
        members((attribute, b"")),
        zipped(b"", SECRET.replace("/", "_")) if "/" not in SECRET else members((member(SECRET), b"")),
    ):
        assert read_one(gzip.compress(inner)).leaks


def test_credentials_in_an_address_inside() -> None:
    content = b"[global]\nindex-url = https://reader:s3cr3t-of-us@index.example/simple\n"
    assert "address" in read_one(make_tar({"etc/pip.conf": content})).leaks[0]


@pytest.mark.parametrize(
    "content",
    [
        b"\x7fELF" + bytes(2000) + b"PK\x05\x06" + bytes(3000),
        b"\x7fELF" + bytes(PIECE_BYTES) + b"PK\x05\x06\0\0\0\0PK\x01\x02" + bytes(100),
        b"#!/usr/bin/python3\nEND = b'PK\x05\x06'\n",
        b"#!/bin/sh\n" + b"# a long script\n" * 100_000,
        b"\xff\xd8" + bytes(100) + b"PK\x05\x06" + bytes(18),
        b"\xff\xd8" + bytes(100) + b"PK\x05\x06" + b"\xff" * 18,
        b"MZ, the initials of somebody",
        b"070701 is how a number of six digits begins",
        b"070707" + b"9" * 200,
        b"!<arch> of a bridge",
        b"!<thin>\n/0              0           0     0     644     10        `\n",
    ],
)
def test_what_only_looks_like_an_archive(content: bytes) -> None:
    found = read_one(content)
    assert (found.leaks, found.unread) == ((), ())


@pytest.mark.parametrize(
    "content",
    [
        b"!<arch>\nno header",
        ar((b"a/", b"x"))[:-2],
        ar((b"a/", b"x")) + b"x" * 60,
        ar((b"#1/9", b"short")),
        ar((b"a/", b"x")).replace(b"`\n", b"``"),
        ar((b"a/", b"x")).replace(b"1         `", b"one       `"),
        ar((b"a/", b"x")).replace(b"1         `", b"-1        `"),
        cpio(("a", b"x"))[:130],
        cpio(("a", b"x")) + cpio(("b", b"y")),
        cpio(("a", b"x"), octal=True) + b"more",
        b"070701" + b"f" * 104,
        b"070707" + b"7" * 70,
        b"PK\x05\x06",
        b"\xed\xab\xee\xdb\3\0",
        b"MSCF\0\0\0\0",
        b"hsqs" + bytes(92),
    ],
)
def test_archives_that_are_damaged_or_not_opened_are_said(content: bytes) -> None:
    assert read_one(content).unread


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([ar((b"//", b"name/\n"), (b"/0", b"data")), cpio(("a", b"x")), cpio(("a", b"x"), octal=True)]),
    st.integers(0, 300),
    st.binary(min_size=1, max_size=20),
)
def test_any_bytes_in_a_plain_archive_end(whole: bytes, at: int, patch: bytes) -> None:
    read_one(whole[:at] + patch + whole[at + len(patch) :])
    read_one(whole[:at])


# --- bounds ------------------------------------------------------------------------------------------------------


def test_too_deep_is_said() -> None:
    content = b"x" * 100
    for _ in range(nested.DEPTH):
        content = gzip.compress(content)
    assert read_one(content).unread == ()
    assert "packed more than" in read_one(gzip.compress(content)).unread[0]


@pytest.mark.parametrize("packed", ["gzip", "bzip2", "xz", "zstd", "zip, deflated", "tar.gz"])
def test_a_bomb_is_said(packed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nested, "RATIO_FROM_BYTES", 1 << 20)
    assert "grows more than" in read_one(PACKED[packed](bytes(12 << 20))).unread[0]


def test_many_packed_files_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        nested.Limits, "__init__", lambda self: self.__dict__.update(left_bytes=50_000, left_members=50)
    )
    files = {f"app/{number}.gz": gzip.compress(os.urandom(20_000)) for number in range(4)}
    said = [entry.unread for entry in read_tar(io.BytesIO(make_tar(files)), WANTED)]
    assert [bool(unread) for unread in said] == [False, False, True, True]
    inner = make_tar({str(number): b"" for number in range(60)})[: 61 * 512]
    assert "members" in read_one(inner).unread[0]


def test_a_large_packed_file_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nested, "PACKED_BYTES", 1000)
    assert "not unpacked" in read_one(gzip.compress(os.urandom(2000))).unread[0]


def test_without_room_to_unpack_the_disk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", full)
    assert read_one(gzip.compress(b"little")).unread == ()
    with pytest.raises(SeatrialError) as caught:
        read_one(gzip.compress(os.urandom(nested.IN_MEMORY_BYTES + 1)))
    assert caught.value.code is Code.DISK_FULL


def test_a_zip_that_is_encrypted() -> None:
    content = bytearray(zipped(b"hello" * 100))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in read_one(bytes(content)).unread[0]


@pytest.mark.parametrize(
    "packed", sorted(name for name in PACKED if name != "zip, stored" and "zip behind" not in name)
)
def test_what_is_cut_off_is_said(packed: str) -> None:
    whole = PACKED[packed](os.urandom(200_000))
    assert read_one(whole[: len(whole) * 2 // 3]).unread


def test_an_xz_stream_that_needs_much_memory() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    content = bytearray(lzma.compress(b"x" * 1000, filters=filters))
    assert "memory" in read_one(bytes(content)).unread[0].lower()


@pytest.mark.parametrize(
    "content",
    [
        b"BZh is how a bzip2 file begins",
        b"\x1f\x8b\x08 and no more",
        b"x\x9c no stream",
        b"#!/bin/sh\necho hello\n",
        b"PK is a pair of letters",
        b"ustar",
        bz2.compress(b"")[:4],
        b"",
    ],
)
def test_what_only_looks_packed(content: bytes) -> None:
    found = read_one(content, "srv/objects/ab/" + "c" * 38)
    assert (found.leaks, found.unread) == ((), ())


def test_whatever_looks_packed_is_searched_as_it_lies_there() -> None:
    for start in (b"\x1f\x8b\x08", b"BZh91AY&SY", b"7z\xbc\xaf\x27\x1c", b"x\x9c", b"PK\x03\x04", b"Rar!\x1a\x07\0"):
        assert read_one(start + b"\0" * 20 + SECRET.encode()).leaks
