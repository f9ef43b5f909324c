"""Images as files, in every shape that tools write: small, and as broken as a test wants them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
import tarfile
from typing import TYPE_CHECKING, Any

from seatrial.evidence.archive import make_tar

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LAYERS = (make_tar({"etc/passwd": b"root:x:0:0::/:/bin/sh\n"}), make_tar({"app/x.py": b"pass", "app/.wh.old": b""}))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    # The same bytes every time.
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "zstd": zstd.compress,
}
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def configuration(layers: tuple[bytes, ...] = LAYERS, **more: Any) -> bytes:
    document = {
        "architecture": "amd64",
        "os": "linux",
        "created": "2026-01-01T00:00:00Z",
        "config": {"User": "1001:1001", "Env": ["PATH=/bin"], "Cmd": ["/app/x.py"], "Labels": {"a": "b"}},
        "history": [{"created_by": "first"}, {"created_by": "second", "empty_layer": True}],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(layer)}" for layer in layers]},
    }
    return json.dumps({**document, **more}).encode()


def oci(
    packed: str = "gzip", name: str = "app:1", *, nested: bool = False, config: bytes | None = None
) -> dict[str, bytes]:
    """Return the files of an OCI layout with one image; `nested`: as the containerd store writes it."""
    files: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}

    def blob(content: bytes, kind: str, **more: Any) -> dict[str, Any]:
        files[f"blobs/sha256/{sha256(content)}"] = content
        return {"mediaType": kind, "digest": f"sha256:{sha256(content)}", "size": len(content), **more}

    def document(content: Any, kind: str, **more: Any) -> dict[str, Any]:
        return blob(json.dumps(content).encode(), kind, **more)

    layers = [blob(PACKERS[packed](layer), f"application/vnd.oci.image.layer.v1.tar+{packed}") for layer in LAYERS]
    configured = blob(configuration() if config is None else config, "application/vnd.oci.image.config.v1+json")
    manifest = document(
        {"schemaVersion": 2, "config": configured, "layers": layers},
        MANIFEST,
        platform={"os": "linux", "architecture": "amd64"},
    )
    if nested:
        statement = document({"schemaVersion": 2, "config": configured, "layers": []}, MANIFEST)
        statement["platform"] = {"os": "unknown", "architecture": "unknown"}
        manifest = document({"manifests": [manifest, statement]}, INDEX)
    manifest["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name[-1]}
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode()
    return files


def saved(packed: str = "tar", name: str = "app:1", *, config: bytes | None = None) -> dict[str, bytes]:
    """Return the files of a `docker save` archive as engines before 25 wrote it."""
    config = configuration() if config is None else config
    names = [f"{sha256(layer)}/layer.tar" for layer in LAYERS]
    files = {name: PACKERS[packed](layer) for name, layer in zip(names, LAYERS, strict=True)}
    files[f"{sha256(config)}.json"] = config
    row = {"Config": f"{sha256(config)}.json", "RepoTags": [name], "Layers": names}
    files["manifest.json"] = json.dumps([row]).encode()
    return files


def both(one: dict[str, bytes], other: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of two images together."""
    together = {**one, **other}
    for key, at in (("manifest.json", None), ("index.json", "manifests")):
        if key in one and key in other:
            first, second = json.loads(one[key]), json.loads(other[key])
            rows = [*(first[at] if at else first), *(second[at] if at else second)]
            together[key] = json.dumps({**first, at: rows} if at else rows).encode()
    return together


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def write_tar(file: Path, files: dict[str, bytes], *, pack: str = "tar") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(PACKERS[pack](make_tar(files)))
    return file


def members(*found: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """Return an archive with members of any kind."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in found:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **attributes: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info
