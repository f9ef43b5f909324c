"""Archives: layers, contexts and `docker save`, whole, cut and hostile."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import lzma
import tarfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import Entry, make_tar, read_image, read_tar
from seatrial.evidence.archive.pieces import PIECE_BYTES
from seatrial.evidence.secrets import Wanted
from tests.good import SECRET, WANTED


def read(data: bytes, wanted: Wanted = WANTED) -> dict[str, Entry]:
    return {entry.path: entry for entry in read_tar(io.BytesIO(data), wanted)}


def archive(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for info, content in members:
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (tarfile.REGTYPE, "file"),
        (tarfile.AREGTYPE, "file"),
        (tarfile.CONTTYPE, "file"),
        (tarfile.DIRTYPE, "folder"),
        (tarfile.SYMTYPE, "symlink"),
        (tarfile.LNKTYPE, "hardlink"),
        (tarfile.CHRTYPE, "device"),
        (tarfile.BLKTYPE, "device"),
        (tarfile.FIFOTYPE, "fifo"),
    ],
)
def test_kinds(kind: bytes, expected: str) -> None:
    found = read(archive((member("x", kind, linkname="./a/../b" if expected.endswith("link") else ""), b"")))
    assert found["x"].kind == expected
    if expected == "hardlink":
        assert found["x"].link == "b"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ("./a", "a"),
        ("/a", "a"),
        ("a//b", "a/b"),
        ("a/./b", "a/b"),
        ("./", ""),
        (".", ""),
        ("//a", "a"),
        ("a/x/../b", "a/b"),
        (".env", ".env"),
        ("./.env", ".env"),
        ("..a", "..a"),
        ("../a", "../a"),
        (".wh..wh..opq", ".wh..wh..opq"),
    ],
)
def test_paths_are_written_in_one_way(written: str, path: str) -> None:
    assert list(read(archive((member(written), b"")))) == [path]


def test_attributes() -> None:
    info = member("bin/x", mode=0o104755, uid=1001, gid=7, mtime=123)
    info.pax_headers = {"SCHILY.xattr.security.capability": "x", "SCHILY.xattr.user.note": "y"}
    found = read(archive((info, b"abc"), (member("plain", pax_headers={"SCHILY.xattr.user.note": "y"}), b"")))
    assert (found["bin/x"].mode, found["bin/x"].uid, found["bin/x"].gid, found["bin/x"].mtime) == (0o4755, 1001, 7, 123)
    assert found["bin/x"].has_capabilities
    assert not found["plain"].has_capabilities


def test_digests_are_spelled_as_in_record() -> None:
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"abc").digest()).rstrip(b"=").decode()
    found = read(make_tar({"v/lib/site-packages/x.py": b"abc", "v/bin/x": b"abc", "v/share/x": b"abc", "v/x": b"abc"}))
    assert {path: entry.sha256 for path, entry in found.items()} == {
        **dict.fromkeys(("v/lib/site-packages/x.py", "v/bin/x", "v/share/x"), digest),
        "v/x": "",
    }


def test_texts_that_checks_read_are_kept() -> None:
    names = (
        "etc/passwd",
        "etc/group",
        "a/x.dist-info/METADATA",
        "app/venv/pyvenv.cfg",
        "home/etc/shadow",
        "home/etc/passwd",
    )
    found = read(make_tar(dict.fromkeys(names, b"text \xff")))
    assert [found[name].text for name in names] == ["text \ufffd"] * 4 + [""] * 2


def test_of_a_shadow_file_no_hash_is_kept() -> None:
    shadow = b"root:$6$salt$hash:20000::::::\nold:abcdefghijklm:1::::::\nopen::1::::::\nlocked:!$6$x$y:1:\nnone:*:1:\n"
    text = read(make_tar({"etc/shadow": shadow}))["etc/shadow"].text
    assert text == "root:$hidden$\nold:$hidden$\nopen:\nlocked:*\nnone:*\n"


@pytest.mark.parametrize("offset", [-1, -len(SECRET), -len(SECRET) // 2, 0, 1])
@pytest.mark.parametrize(
    "spell", [lambda s: s, lambda s: s.hex().encode(), base64.b64encode], ids=["raw", "hex", "base64"]
)
def test_a_secret_across_the_border_of_two_chunks(offset: int, spell: Any) -> None:
    content = b"\0" * (PIECE_BYTES + offset) + spell(SECRET.encode()) + b"\0" * 10
    assert read(make_tar({"x": content}))["x"].leaks


def test_a_long_secret_across_the_border_of_two_chunks() -> None:
    value = "".join(chr(33 + (index * 7) % 90) for index in range(3000))
    wanted = Wanted((("KEY", value),))
    for offset in (-1, -1500, -2999):
        assert read(make_tar({"x": b"\0" * (PIECE_BYTES + offset) + value.encode()}), wanted)["x"].leaks


def test_a_secret_in_a_file_that_is_deleted_again_is_seen() -> None:
    found = read(make_tar({"app/.env": SECRET.encode(), "app/.wh..env": b""}))
    assert found["app/.env"].leaks
    assert ".wh..env" in " ".join(found)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_compressed_archives(pack: Any) -> None:
    assert list(read(pack(make_tar({"a": b"1"})))) == ["a"]


def test_an_empty_archive_is_no_entries() -> None:
    assert read(make_tar({})) == {}
    assert read(b"\0" * 1024) == {}


WHOLE = make_tar({"a": b"1" * 700, "b": b"2"})
BROKEN = {
    "nothing": b"",
    "garbage": b"this is not an archive" * 100,
    "cut in the content": WHOLE[:900],
    "cut in a header": WHOLE[: 512 + 1024 + 100],
    "garbage after an entry": WHOLE[: 512 + 1024] + b"\xff" * 512 + WHOLE[512 + 1024 + 512 :],
    "wrong checksum": WHOLE[: 512 + 1024] + b"X" + WHOLE[512 + 1024 + 1 :],
    "cut gzip": gzip.compress(WHOLE * 50)[:60],
    "broken gzip": gzip.compress(WHOLE)[:20] + b"\xff" * 50,
    "cut xz": lzma.compress(WHOLE)[:40],
    "time without end": archive((member("a", pax_headers={"mtime": "inf"}), b"")),
    "no time": archive((member("a", pax_headers={"mtime": "nan"}), b"")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_archive_is_an_error_and_no_shorter_list(name: str) -> None:
    with pytest.raises(SeatrialError) as caught:
        read(BROKEN[name])
    assert caught.value.code is Code.ENGINE_FAILED


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=40))
def test_any_bytes_in_an_archive_are_read_or_refused(position: int, patch: bytes) -> None:
    for data in (patch, WHOLE[:position], WHOLE[:position] + patch + WHOLE[position + len(patch) :]):
        with contextlib.suppress(SeatrialError):
            read(data)


# --- docker save -------------------------------------------------------------------------------------------------

LAYERS = (make_tar({"etc/passwd": b"root:x:0:0::/:/bin/sh\n"}), make_tar({"app/x.py": b"pass"}))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def saved(style: str, layers: tuple[bytes, ...] = LAYERS, **changes: Any) -> list[bytes]:
    """Return a `docker save` archive in pieces: as engines before 25 wrote it, or as an OCI layout."""
    packed = [gzip.compress(layer) if style == "gzip" else layer for layer in layers]
    config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{digest(layer)}" for layer in layers]}}).encode()
    if style == "old":
        names = [f"{digest(layer)}/layer.tar" for layer in layers]
        config_name = f"{digest(config)}.json"
        files = dict(zip(names, packed, strict=True))
        files |= {f"{digest(layer)}/VERSION": b"1.0" for layer in layers}
    else:
        names = [f"blobs/sha256/{digest(layer)}" for layer in packed]
        config_name = f"blobs/sha256/{digest(config)}"
        files = dict(zip(names, packed, strict=True))
        files["oci-layout"] = b'{"imageLayoutVersion": "1.0.0"}'
        files["index.json"] = b'{"manifests": []}'
    files[config_name] = config
    files["manifest.json"] = json.dumps([{"Config": config_name, "Layers": names, **changes}]).encode()
    data = make_tar(files)
    return [data[start : start + 1000] for start in range(0, len(data), 1000)]


@pytest.mark.parametrize("style", ["old", "oci", "gzip"])
def test_saved_images_of_every_style(style: str) -> None:
    layers = read_image(saved(style), WANTED)
    assert [[entry.path for entry in layer.entries] for layer in layers] == [["etc/passwd"], ["app/x.py"]]
    assert [layer.diff_id for layer in layers] == [f"sha256:{digest(layer)}" for layer in LAYERS]


def test_a_layer_that_is_known_is_not_read() -> None:
    known = {f"sha256:{digest(LAYERS[0])}": tuple(read(LAYERS[1]).values())}
    layers = read_image(saved("oci"), WANTED, known)
    assert [[entry.path for entry in layer.entries] for layer in layers] == [["app/x.py"], ["app/x.py"]]
    assert [layer.diff_id for layer in layers] == [f"sha256:{digest(layer)}" for layer in LAYERS]
    # Under a name that is not the digest of its content, it is read.
    for style in ("old", "gzip"):
        layers = read_image(saved(style), WANTED, known)
        assert [[entry.path for entry in layer.entries] for layer in layers] == [["etc/passwd"], ["app/x.py"]]


def test_a_layer_that_is_there_twice_is_linked() -> None:
    layer, config = LAYERS[0], json.dumps({"rootfs": {"diff_ids": ["sha256:a", "sha256:b"]}}).encode()
    link = member("two/layer.tar", tarfile.SYMTYPE, linkname="../one/layer.tar")
    manifest = json.dumps([{"Config": "c.json", "Layers": ["one/layer.tar", "two/layer.tar"]}]).encode()
    data = archive(
        (member("one/layer.tar"), layer), (link, b""), (member("c.json"), config), (member("manifest.json"), manifest)
    )
    assert [len(found.entries) for found in read_image([data], WANTED)] == [1, 1]


def test_a_layer_whose_first_file_looks_like_json() -> None:
    layers = (make_tar({"[": b"", "app/x": b""}), make_tar({"{x}": b""}))
    assert [len(layer.entries) for layer in read_image(saved("oci", layers), WANTED)] == [2, 1]


def test_an_empty_layer() -> None:
    assert [len(layer.entries) for layer in read_image(saved("oci", (*LAYERS, make_tar({}))), WANTED)] == [1, 1, 0]


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"garbage" * 200],
        [b"".join(saved("oci"))[:3000]],
        saved("oci", Layers=None),
        saved("oci", Layers=[]),
        saved("oci", Layers=["blobs/sha256/missing", "blobs/sha256/also"]),
        saved("oci", Layers=["one"]),
        saved("oci", Config="nowhere"),
        saved("oci", Config=None),
        [make_tar({"manifest.json": b"[]"})],
        [make_tar({"manifest.json": b"[1]"})],
        [make_tar({"manifest.json": b"{}"})],
        [make_tar({"manifest.json": b"[{"})],
        [make_tar({"blobs/sha256/x": b"no layer at all", "manifest.json": b"[]"})],
        [make_tar({"a.json": b"[]", "manifest.json": b'[{"Config": "a.json", "Layers": ["x"]}]'})],
    ],
)
def test_a_broken_image_archive_is_an_error(pieces: list[bytes]) -> None:
    with pytest.raises(SeatrialError) as caught:
        read_image(pieces, WANTED)
    assert caught.value.code is Code.ENGINE_FAILED
