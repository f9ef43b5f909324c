"""Images in files: every shape is read, every digest compared, and what cannot be believed is an error."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.errors import Code, SeatrialError
from seatrial.evidence import filed_image
from seatrial.evidence.archive import Layer, read_image
from seatrial.evidence.archive.filed import ImageFile
from seatrial.evidence.secrets import Wanted
from tests.seatrial.evidence.images_in_files import (
    LAYERS,
    both,
    configuration,
    member,
    members,
    oci,
    saved,
    sha256,
    write_folder,
    write_tar,
)

if TYPE_CHECKING:
    from pathlib import Path

SHAPES = {
    "docker save before 25": saved(),
    "docker save before 25, packed layers": saved("gzip"),
    "classic store": both(oci("tar"), {}),
    "OCI, gzip": oci("gzip"),
    "OCI, zstd": oci("zstd"),
    "containerd store": oci("gzip", nested=True),
    "containerd store, zstd": oci("zstd", nested=True),
}


def layers_of(path: Path, wanted: str = "", **known: Any) -> tuple[Layer, ...]:
    with ImageFile(path, wanted) as file:
        return file.layers(Wanted(), **known)


def id_of(path: Path, wanted: str = "") -> str:
    with ImageFile(path, wanted) as file:
        return file.id


def refused(path: Path, wanted: str = "") -> str:
    with pytest.raises(SeatrialError) as caught:
        layers_of(path, wanted)
    assert caught.value.code is Code.IMAGE_FILE
    assert caught.value.exit_code == 2
    return caught.value.what


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["folder", "tar", "gzip", "zstd"])
def test_every_shape_in_every_form(shape: str, form: str, tmp_path: Path) -> None:
    files = SHAPES[shape]
    path = write_folder(tmp_path, files) if form == "folder" else write_tar(tmp_path / "x", files, pack=form)
    with ImageFile(path) as file:
        layers = file.layers(Wanted())
    assert [[entry.path for entry in layer.entries] for layer in layers] == [
        ["etc/passwd"],
        ["app/x.py", "app/.wh.old"],
    ]
    assert [layer.diff_id for layer in layers] == [f"sha256:{sha256(layer)}" for layer in LAYERS]
    assert file.id == f"sha256:{sha256(configuration())}"
    assert "app:1" in file.names


@pytest.mark.parametrize("packed", ["gzip", "zstd", "tar"])
def test_the_containerd_store_as_a_stream(packed: str) -> None:
    data = tarred(oci(packed, nested=True))
    assert [len(layer.entries) for layer in read_image([data], Wanted())] == [1, 2]


def tarred(files: dict[str, bytes]) -> bytes:
    return members(*((member(name), content) for name, content in files.items()))


def test_the_document_is_what_the_engine_would_say(tmp_path: Path) -> None:
    file = ImageFile(write_tar(tmp_path / "x.tar", oci()))
    document = filed_image.inspected(file, 42)
    assert document["Config"]["User"] == "1001:1001"
    assert document["Config"]["Volumes"] is None
    assert document["RootFS"]["Layers"] == file.diff_ids
    assert (document["Created"], document["Size"]) == ("2026-01-01T00:00:00Z", 42)
    assert [step["CreatedBy"] for step in filed_image.history(file)] == ["second", "first"]
    file.close()


# --- which image -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [saved, oci])
def test_several_images_are_listed_and_one_is_chosen(make: Any, tmp_path: Path) -> None:
    other = configuration(author="another")
    path = write_tar(tmp_path / "x.tar", both(make(), make(name="app:2", config=other)))
    what = refused(path)
    assert "2 images" in what
    assert "app:1" in what
    assert "app:2" in what
    for words in ("app:2", "2", f"sha256:{sha256(other)}", sha256(other)[:12]):
        assert id_of(path, words) == f"sha256:{sha256(other)}"
    assert "no image of" in refused(path, "app:3")


def test_of_several_platforms_this_machine_s_is_meant(tmp_path: Path) -> None:
    files = oci(nested=True)
    index = json.loads(files["index.json"])
    inner = json.loads(files["blobs/sha256/" + index["manifests"][0]["digest"].removeprefix("sha256:")])
    config = configuration(architecture="riscv64")
    foreign = oci(config=config)
    row = json.loads(foreign["index.json"])["manifests"][0]
    del row["annotations"]
    row["platform"] = {"os": "linux", "architecture": "riscv64"}
    content = json.dumps({"manifests": [row, *inner["manifests"]]}).encode()
    index["manifests"][0]["digest"] = f"sha256:{sha256(content)}"
    files = {**foreign, **files, "index.json": json.dumps(index).encode(), f"blobs/sha256/{sha256(content)}": content}
    path = write_folder(tmp_path, files)
    if os.uname().machine == "x86_64":
        assert id_of(path) == f"sha256:{sha256(configuration())}"
    assert id_of(path, "linux/riscv64") == f"sha256:{sha256(config)}"


def test_words_that_mean_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tar(tmp_path / "x.tar", both(saved(), saved(name="app:2", config=configuration(author="x"))))
    write_folder(tmp_path / "layout", oci())
    (tmp_path / "python").mkdir()
    for words, found in {
        "x.tar:app:2": "app:2",
        "./x.tar:1": "app:1",
        f"{tmp_path}/x.tar:app:1": "app:1",
        "layout": "app:1",
        "layout/": "app:1",
        "layout:1": "app:1",
    }.items():
        file = filed_image.opened(words)
        assert file is not None
        assert found in file.names
        file.close()
    for words in ("python", "python:3.13", "registry.example:5000/app/name:1", "app", "sha256:" + "0" * 64):
        assert filed_image.opened(words) is None
    for words in ("./gone", "/no/such/file", "gone.tar", "gone.tar:app", "gone/", "../gone.tar.gz"):
        with pytest.raises(SeatrialError) as caught:
            filed_image.opened(words)
        assert caught.value.code is Code.IMAGE_MISSING


# --- what cannot be believed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(name for name in oci() if "blobs" in name))
def test_every_blob_is_compared_with_its_digest(name: str, tmp_path: Path) -> None:
    files = oci("tar")
    files = files if name in files else oci()
    # One bit of the content, not of its length.
    changed = bytes([files[name][0] ^ 1]) + files[name][1:] if files[name][:1] == b"{" else files[name] + b"\0" * 512
    assert refused(write_folder(tmp_path, {**files, name: changed}))


def test_a_layer_that_is_another_than_the_configuration_says(tmp_path: Path) -> None:
    other = configuration(rootfs={"diff_ids": ["sha256:" + "0" * 64, f"sha256:{sha256(LAYERS[1])}"]})
    for number, make in enumerate((saved, oci)):
        path = write_tar(tmp_path / f"{number}.tar", make(config=other))
        assert "not what its digest says" in refused(path)


def test_facts_of_the_cache_are_taken_only_for_a_layer_that_is_what_it_says(tmp_path: Path) -> None:
    files = saved()
    name = next(name for name in files if name.endswith("layer.tar"))
    path = write_folder(tmp_path, {**files, name: files[name] + b"\0" * 512})
    with pytest.raises(SeatrialError):
        layers_of(path, known=lambda _: ())
    (tmp_path / name).write_bytes(files[name])
    assert [layer.entries for layer in layers_of(path, known=lambda _: ())] == [(), ()]


@pytest.mark.parametrize(
    "change",
    [
        {"index.json": b"{"},
        {"index.json": b"[]"},
        {"index.json": b"null"},
        {"index.json": b'{"manifests": []}'},
        {"index.json": b'{"manifests": [{}]}'},
        {"index.json": b'{"manifests": [{"digest": "sha256:../../etc/passwd"}]}'},
        {"index.json": b'{"manifests": [{"digest": "sha512:' + b"0" * 128 + b'"}]}'},
        {"index.json": b'{"manifests": [{"digest": "sha256:' + b"0" * 64 + b'"}]}'},
        {"index.json": b'{"manifests": 3}'},
        {"index.json": b"[" * 100_000},
        {"manifest.json": b"[]"},
        {"manifest.json": b"[1]"},
        {"manifest.json": b'[{"Config": "../../../etc/passwd", "Layers": ["x"]}]'},
        {"manifest.json": b'[{"Config": "/etc/passwd", "Layers": ["x"]}]'},
        {"manifest.json": b'[{"Config": "oci-layout", "Layers": ["x"]}]'},
        {"manifest.json": b'[{"Config": "oci-layout", "Layers": []}]'},
        {"manifest.json": b'[{"Config": null, "Layers": ["x"]}]'},
        {"manifest.json": b" " * (17 << 20)},
    ],
)
def test_a_manifest_that_is_none(change: dict[str, bytes], tmp_path: Path) -> None:
    assert refused(write_folder(tmp_path / "layout", {**oci(), **change}))
    assert refused(write_tar(tmp_path / "layout.tar", {**oci(), **change}))


def test_indexes_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    files = oci()
    for _ in range(8):
        content = files["index.json"]
        row = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": f"sha256:{sha256(content)}"}
        files[f"blobs/sha256/{sha256(content)}"] = content
        files["index.json"] = json.dumps({"manifests": [row]}).encode()
    assert "nested" in refused(write_folder(tmp_path, files))


@pytest.mark.parametrize(
    "config",
    [
        b"[]",
        b"{}",
        b'{"rootfs": null}',
        b'{"rootfs": {"diff_ids": null}}',
        b'{"rootfs": {"diff_ids": ["sha256:x"]}}',
        b'{"rootfs": {"diff_ids": [1, 2]}}',
    ],
)
def test_a_configuration_that_is_none(config: bytes, tmp_path: Path) -> None:
    assert refused(write_tar(tmp_path / "x.tar", saved(config=config)))


def documents(file: ImageFile) -> list[Any]:
    return [filed_image.inspected(file, 0), *filed_image.history(file)]


@pytest.mark.parametrize(
    "part",
    [
        *({"config": value} for value in (1, [1], "x")),
        *({"config": {key: 1}} for key in ("Env", "Cmd", "Labels", "User", "ExposedPorts", "Healthcheck", "OnBuild")),
        *(
            {"config": {"Env": [1]}},
            {"config": {"Healthcheck": {"Test": 1}}},
            {"config": {"Healthcheck": {"Test": [1]}}},
        ),
        *({"history": 1}, {"history": [1]}),
    ],
)
def test_a_configuration_of_another_shape(part: dict[str, Any], tmp_path: Path) -> None:
    with ImageFile(write_tar(tmp_path / "x.tar", saved(config=configuration(**part)))) as file:
        with pytest.raises(SeatrialError) as caught:
            documents(file)
        assert caught.value.code is Code.IMAGE_FILE


def test_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "text.tar").write_text("hello")
    (tmp_path / "empty.tar").write_bytes(b"")
    (tmp_path / "half.tar").write_bytes(tarred(saved())[:3000])
    (tmp_path / "half.tar.gz").write_bytes(gzip.compress(tarred(saved()))[:300])
    write_tar(tmp_path / "other.tar", {"a": b"1"})
    for name in ("text.tar", "empty.tar", "half.tar", "half.tar.gz", "other.tar"):
        assert refused(tmp_path / name)


def test_a_layer_that_is_missing_or_half(tmp_path: Path) -> None:
    files = saved()
    name = next(name for name in files if name.endswith("layer.tar"))
    assert "lacks" in refused(write_tar(tmp_path / "a.tar", {key: files[key] for key in files if key != name}))
    assert refused(write_tar(tmp_path / "b.tar", {**files, name: files[name][:700]}))
    assert refused(write_tar(tmp_path / "c.tar", {**files, name: gzip.compress(files[name])[:60]}))


def test_a_folder_is_not_left_and_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "layout", {**saved(), "oci-layout": b"{}"})
    name = next(name for name in saved() if name.endswith("layer.tar"))
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert "lacks" in refused(folder)


def test_a_layer_that_is_there_twice_is_linked(tmp_path: Path) -> None:
    config = configuration((LAYERS[0], LAYERS[0]))
    manifest = json.dumps([{"Config": "c.json", "Layers": ["one/layer.tar", "two/layer.tar"]}]).encode()
    (tmp_path / "x.tar").write_bytes(
        members(
            (member("one/layer.tar"), LAYERS[0]),
            (member("two/layer.tar", tarfile.SYMTYPE, linkname="../one/layer.tar"), b""),
            (member("c.json"), config),
            (member("manifest.json"), manifest),
        )
    )
    assert [len(layer.entries) for layer in layers_of(tmp_path / "x.tar")] == [1, 1]


def test_a_file_that_is_closed_while_it_is_read(tmp_path: Path) -> None:
    for path in (write_tar(tmp_path / "x.tar", saved()), write_folder(tmp_path / "layout", oci())):
        file = ImageFile(path)
        file.close()
        with pytest.raises(SeatrialError):
            file.layers(Wanted())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=40))
def test_any_bytes_in_a_file_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, patch: bytes
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "x.tar"
    for data in (patch, tarred(saved())):
        position = at % len(data)
        path.write_bytes(data[:position] + patch + data[position + len(patch) :])
        with contextlib.suppress(SeatrialError):
            layers_of(path)


def test_what_is_loaded_is_the_same_image(tmp_path: Path) -> None:
    for make in (saved, oci):
        file = ImageFile(write_tar(tmp_path / "x.tar", make()))
        data = b"".join(file.as_saved("seatrial-trial:1-abc"))
        file.close()
        (tmp_path / "again.tar").write_bytes(data)
        again = ImageFile(tmp_path / "again.tar")
        assert (again.id, again.names) == (file.id, ("seatrial-trial:1-abc",))
        assert [len(layer.entries) for layer in again.layers(Wanted())] == [1, 2]
        again.close()
