"""Real images in files: what `docker save` of this engine wrote, and the same image in the other shapes that exist."""

from __future__ import annotations

import hashlib
import json
import tarfile
from typing import TYPE_CHECKING, Any

from tests.docker.yard import docker
from tests.seatrial.evidence.images_in_files import INDEX, PACKERS

if TYPE_CHECKING:
    from pathlib import Path


def save(target: Path, *names: str) -> Path:
    """Let the engine write some images into one archive."""
    docker("save", "--output", str(target), *names)
    return target


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack what `docker save` wrote, and leave only the OCI layout of it."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    # Engines of today write both; without it, it is what other tools write.
    (folder / "manifest.json").unlink()
    (folder / "repositories").unlink(missing_ok=True)
    return folder


def repack(layout: Path, target: Path, *, layers: str = "tar", nested: bool = False, **config: Any) -> Path:
    """Write the one image of a layout anew: its layers packed, its index in an index, its configuration changed."""
    (target / "blobs/sha256").mkdir(parents=True)
    (target / "oci-layout").write_bytes((layout / "oci-layout").read_bytes())
    index = json.loads((layout / "index.json").read_text())
    (row,) = index["manifests"]
    manifest = json.loads(_blob(layout, row["digest"]))
    for layer in manifest["layers"]:
        layer.update(_write(target, PACKERS[layers](_blob(layout, layer["digest"]))))
        layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar" + ("" if layers == "tar" else f"+{layers}")
    document = {**json.loads(_blob(layout, manifest["config"]["digest"])), **config}
    content = json.dumps(document).encode() if config else _blob(layout, manifest["config"]["digest"])
    manifest["config"].update(_write(target, content))
    row.update(_write(target, json.dumps(manifest).encode()))
    if nested:
        inner = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]}).encode()
        index["manifests"] = [{"mediaType": INDEX, **_write(target, inner), "annotations": row.get("annotations", {})}]
    (target / "index.json").write_text(json.dumps(index))
    return target


def layers_of(layout: Path) -> list[Path]:
    """Return the files of the layers of the one image of a layout, lowest first."""
    (row,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(_blob(layout, row["digest"]))
    return [_place(layout, layer["digest"]) for layer in manifest["layers"]]


def _place(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _blob(layout: Path, digest: str) -> bytes:
    return _place(layout, digest).read_bytes()


def _write(layout: Path, content: bytes) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    _place(layout, digest).write_bytes(content)
    return {"digest": digest, "size": len(content)}
