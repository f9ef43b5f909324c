"""Secrets inside packed files, one inside the other; bombs and what cannot be opened; and what only looks packed."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

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
    for content in (make_tar({name: b"x"}), zipped(b"x", name), gzip.compress(make_tar({name: b"x"}))):
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


def test_a_zip_that_is_encrypted() -> None:
    content = bytearray(zipped(b"hello" * 100))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in read_one(bytes(content)).unread[0]


@pytest.mark.parametrize("packed", sorted(set(PACKED) - {"zip, stored", "zip behind a program"}))
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
