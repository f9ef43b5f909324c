"""Tar headers as tools write them and as nobody should: read, or refused, in bounded memory, and like tarfile does."""

from __future__ import annotations

import base64
import io
import tarfile
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import process
from seatrial.evidence.archive import NOTE, Entry, layer, make_tar, read_tar
from seatrial.evidence.archive.headers import EXTENSION_BYTES, Archive, Member
from seatrial.evidence.archive.model import Broken
from seatrial.evidence.archive.pieces import Pieces
from tests.good import SECRET, WANTED
from tests.seatrial.evidence.images_in_files import member, members

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.evidence.secrets import Wanted


def headers(data: bytes, piece: int = 700) -> list[Member]:
    return list(Archive(Pieces(data[start : start + piece] for start in range(0, len(data), piece))))


def entries(data: bytes, wanted: Wanted = WANTED) -> tuple[Entry, ...]:
    return layer.read_layer([data], wanted)


FORMATS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=60).filter(
                # USTAR has no more room for a name without a slash.
                lambda name: name not in {".", ".."} and len(name.encode()) <= tarfile.LENGTH_NAME
            ),
            st.binary(max_size=1500),
            st.integers(0, 0o7777),
            st.integers(0, 2**21 - 1),
            st.integers(0, 2**33 - 1),
        ),
        max_size=5,
    ),
    st.integers(1, 1000),
)
def test_what_tarfile_writes_is_read_as_it_was_meant(kind: int, rows: list[Any], piece: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for name, content, mode, uid, mtime in rows:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.mtime = len(content), mode, uid, mtime
            archive.addfile(info, io.BytesIO(content))
    found = headers(buffer.getvalue(), piece)
    assert [(m.path, m.size_bytes, m.mode, m.uid, m.mtime) for m in found] == [
        (name, len(content), mode, uid, mtime) for name, content, mode, uid, mtime in rows
    ]


@pytest.mark.parametrize("kind", FORMATS[:2])
def test_long_names_and_links_and_large_numbers(kind: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        archive.addfile(member("a/" * 150 + "x", tarfile.SYMTYPE, linkname="b/" * 150 + "y", uid=2**40, mtime=2**36))
    (found,) = headers(buffer.getvalue())
    assert (found.path, found.link, found.uid, found.mtime) == ("a/" * 150 + "x", "b/" * 150 + "y", 2**40, 2**36)


def raw(name: bytes = b"x", kind: bytes = b"0", size: bytes = b"00000000000\0", **at: bytes) -> bytes:
    """Return a header of which every byte can be chosen, with a right checksum."""
    block = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT)[:512])
    block[0:100] = name.ljust(100, b"\0")
    block[124:136] = size
    block[156:157] = kind
    for position, content in at.items():
        start = int(position.removeprefix("at"))
        block[start : start + len(content)] = content
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


END = bytes(1024)


def test_names_that_are_not_utf_8_are_kept_apart() -> None:
    found = headers(raw(b"caf\xe9") + raw(b"caf\xe8") + END)
    assert [m.path for m in found] == ["caf\udce9", "caf\udce8"]


def test_folders_of_the_oldest_format() -> None:
    assert [m.kind for m in headers(raw(b"etc/", b"\0") + raw(b"etc", b"\0") + END)] == ["folder", "file"]


def test_links_and_devices_have_no_content_whatever_they_say() -> None:
    for kind in b"123456":
        data = raw(kind=bytes([kind]), size=b"00000001000\0") + raw(b"next") + END
        assert [m.path for m in headers(data)] == ["x", "next"]


@pytest.mark.parametrize("form", ["gnu", "posix", "oldgnu"])
def test_a_sparse_file_of_4_gb_as_tar_writes_it(form: str, tmp_path: Path) -> None:
    """With a secret at its end, which is among the few bytes that are there."""
    with (tmp_path / "large").open("wb") as file:
        file.seek((4 << 30) - len(SECRET))
        file.write(SECRET.encode())
    process.run(["tar", "--sparse", f"--format={form}", "-cf", "x.tar", "large"], cwd=tmp_path, timeout_seconds=60)
    assert (tmp_path / "x.tar").stat().st_size < 1 << 20
    with (tmp_path / "x.tar").open("rb") as packed:
        (found,) = read_tar(packed, WANTED)
    assert (found.path, found.size_bytes, found.unread) == ("large", 4 << 30, ())
    assert found.leaks


def test_a_sparse_file_is_as_large_as_it_says_and_its_holes_are_not_there() -> None:
    data = raw(kind=b"S", size=b"00000001000\0", at483=b"40000000000\0") + bytes(512) + raw(b"next") + END
    found = headers(data)
    assert [(m.path, m.size_bytes, m.stored_bytes) for m in found] == [("x", 4 << 30, 512), ("next", 0, 0)]
    more = raw(kind=b"S", at482=b"\1", at483=b"40000000000\0") + b"\0" * 504 + b"\1" + bytes(7) + bytes(512)
    assert [m.path for m in headers(more + raw(b"next") + END)] == ["x", "next"]
    pax = member("p", pax_headers={"GNU.sparse.name": "real", "GNU.sparse.realsize": str(4 << 30)})
    (found_pax,) = headers(members((pax, b"data")))
    assert (found_pax.path, found_pax.size_bytes, found_pax.stored_bytes) == ("real", 4 << 30, 4)


def extension(content: bytes, kind: bytes = b"x") -> bytes:
    return raw(b"ext", kind, b"%011o\0" % len(content)) + content + bytes(-len(content) % 512)


BROKEN = {
    "a negative size": raw(size=b"\xff" * 12),
    "a size beyond all": raw(size=b"\x80" + b"\xff" * 11),
    "a size that is no number": raw(size=b"hello world\0"),
    "a negative uid": raw(at108=b"\xff" * 8),
    "a long extension": extension(b"17 path=" + b"x" * EXTENSION_BYTES),
    "an endless extension": raw(kind=b"x", size=b"77777777777\0"),
    "a record that is longer than its header": extension(b"99 path=x\n"),
    "a record of no length": extension(b"0 path=x\n"),
    "a record without a value": extension(b"7 path\n"),
    "a record without an end": extension(b"9 path=xy"),
    "a record's length that is no number": extension(b"-9 path=x\n"),
    "a record's length that is long": extension(b"0" * 400_000 + b"9 path=x\n"),
    "a size in an extension that is no number": extension(b"11 size=-1\n") + raw(),
    "many global extensions": b"".join(
        extension(b"%d k%d=%s\n" % (len(str(n)) + 500_010, n, b"x" * 500_000), b"g") for n in range(4)
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_header_is_refused(name: str) -> None:
    with pytest.raises(Broken):
        headers(BROKEN[name] + raw(b"next") + END)


@pytest.mark.parametrize(
    "data", [extension(b"name\0", b"L"), raw(kind=b"S", at482=b"\1") + b"\1" * 512 * 3, raw()[:300]]
)
def test_an_archive_that_ends_too_early(data: bytes) -> None:
    with pytest.raises(Broken):
        headers(data)


def test_global_extensions_hold_until_others_come() -> None:
    data = extension(b"8 uid=7\n", b"g") + raw(b"a") + extension(b"8 uid=9\n") + raw(b"b") + raw(b"c") + END
    assert [m.uid for m in headers(data)] == [7, 9, 7]


# --- layers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers_of",
    [
        {"SCHILY.xattr.user.note": SECRET},
        {f"SCHILY.xattr.user.{SECRET}": "x"},
        {"SCHILY.xattr.user.note": base64.b64encode(SECRET.encode()).decode()},
        {"LIBARCHIVE.xattr.user.note": base64.b64encode(SECRET.encode()).decode().rstrip("=")},
        {"LIBARCHIVE.xattr.user.note": base64.b64encode(b"ghp_" + b"a" * 36).decode()},
        {"SCHILY.xattr.user.password": "anything"},
        {"LIBARCHIVE.xattr.user.api%5Fkey": base64.b64encode(b"anything").decode()},
    ],
)
def test_secrets_in_extended_attributes(headers_of: dict[str, str]) -> None:
    for kind in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE):
        (found,) = entries(members((member("x", kind, pax_headers=headers_of), b"")))
        assert found.leaks
        assert SECRET not in " ".join(found.leaks)


def test_attributes_that_are_no_secrets() -> None:
    harmless = {"SCHILY.xattr.security.selinux": "system_u", "SCHILY.xattr.user.mime_type": "text/plain"}
    (found,) = entries(members((member("x", pax_headers=harmless), b"")))
    assert found.leaks == ()
    (capable,) = entries(members((member("x", pax_headers={"LIBARCHIVE.xattr.security.capability": "AQ=="}), b"")))
    assert capable.has_capabilities


def test_what_stands_behind_the_end_is_searched_and_said() -> None:
    (whole,) = entries(make_tar({"a": b"1"}) + bytes(100_000))
    assert whole.path == "a"
    _, note = entries(make_tar({"a": b"1"}) + bytes(5000) + SECRET.encode())
    assert (note.kind, bool(note.leaks)) == (NOTE, True)
    assert "behind" in note.unread[0]


def test_a_million_entries_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "MOST_ENTRIES", 100)
    block, secret = raw(b"a"), raw(SECRET.encode())
    found = layer.read_layer([block * 500, secret, END], WANTED)
    assert len(found) == 101
    assert "401 are left out" in found[-1].unread[0]
    content = raw(b"late", size=b"%011o\0" % len(SECRET)) + SECRET.encode().ljust(512, b"\0")
    found = layer.read_layer([block * 500, content, END], WANTED)
    assert [entry.path for entry in found if entry.leaks] == ["late"]


def test_long_names_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "MOST_KEPT_BYTES", 5000)
    found = layer.read_layer([raw(b"a" * 99) * 200, END], WANTED)
    assert len(found) == 51
    assert "left out" in found[-1].unread[0]


def test_a_large_file_takes_no_memory() -> None:
    piece = bytes(1 << 20)

    def pieces() -> Any:
        yield raw(b"big", size=b"%011o\0" % (300 << 20))
        for _ in range(300):
            yield piece
        yield END

    tracemalloc.start()
    try:
        (found,) = layer.read_layer(pieces(), WANTED)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.size_bytes == 300 << 20
    assert peak < 16 << 20


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_headers_are_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(members((member("a", pax_headers={"SCHILY.xattr.user.x": "y"}), b"1" * 700), (member("b"), b"2")))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    # With right checksums, so that what lies behind them is reached.
    for start in range(0, len(whole) - 511, 512):
        if bytes(whole[start + 257 : start + 262]) == b"ustar":
            whole[start + 148 : start + 156] = b" " * 8
            whole[start + 148 : start + 156] = b"%06o\0 " % sum(whole[start : start + 512])
    try:
        layer.read_layer([bytes(whole)], WANTED)
    except Broken:
        return
