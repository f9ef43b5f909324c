"""Record good evidence for the unit tests: `python -m tests.record_evidence`.

It needs a Docker Engine with the base images (`./invoke setup`). A copy of this checkout is built, started and
examined under names of its own, so nothing that runs here is touched. What the checks read is kept, and nothing that
tells of this machine: paths, host name, addresses of its own and every secret are replaced or left out.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from seatrial import build, engine, process, verify, workspace
from seatrial import settings as project_settings
from seatrial.evidence import collect
from tests.good import RECORD

if TYPE_CHECKING:
    from seatrial.evidence import Evidence
    from seatrial.evidence.archive import Entry, Layer

TAG = f"x402-fac:recorded-{os.getpid()}"  # of its own, so that two checkouts can record at once
COMMIT_TIME = "2026-01-01T00:00:00Z"
KEPT_OF_THE_BASE = re.compile(
    r"etc/(?:passwd|group|os-release|shadow|hostname)|usr/lib/os-release|(?:var/)?tmp|bin|root|var/mail|usr/bin/python3\S*"
    r"|usr/lib/python3(?:\.\d+)?/(?:os|ssl)\.py|etc/ssl/certs/ca-certificates\.crt"
)
SETUID_OR_SETGID = 0o6000
STATUS_FIELDS = re.compile(r"^(?:Name|Pid|PPid|Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp):.*$", re.MULTILINE)
METADATA_FIELDS = re.compile(r"^(?:Metadata-Version|Name|Version|Requires-\w+|Provides-Extra):.*$", re.MULTILINE)
IMAGE_KEYS = ("Id", "RepoTags", "Created", "Config", "Architecture", "Os", "Size", "RootFS")
CONTAINER_KEYS = ("Id", "Created", "Path", "Args", "State", "Image", "Name", "RestartCount", "Mounts", "Config")
HOST_CONFIG_KEYS = (
    *("ReadonlyRootfs", "Privileged", "CapDrop", "CapAdd", "SecurityOpt", "Memory", "PidsLimit", "NanoCpus", "Init"),
    "Binds",
    *("RestartPolicy", "LogConfig", "NetworkMode", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "Devices", "Tmpfs"),
    *("GroupAdd", "PortBindings", "Mounts", "VolumesFrom"),
)


def fresh() -> Evidence:
    """Return everything that `verify` gathers, of an image and a stack made from a copy of this checkout."""
    original = project_settings.load()
    images = {name: project_settings.chosen_image(original, name) for name in project_settings.IMAGE_DEFAULTS}
    connected = engine.connect()
    with mock.patch.dict(os.environ, images), tempfile.TemporaryDirectory(prefix="seatrial-record-") as name:
        root = Path(name).resolve()
        copy_checkout(original.root, root)
        settings = project_settings.load(root)
        workspace.prepare(settings)
        try:
            build.run(settings, note=_silent, tag=TAG)
            _, distributions = build.ledger(connected, settings, TAG)
            build.write_sbom(settings, connected.image(TAG) or {}, TAG, distributions)
            return collect.collect(settings, connected, collect.request(verify.select(), TAG, static=False), _silent)
        finally:
            connected.remove_image(TAG)


def reduced(evidence: Evidence) -> dict[str, Any]:
    """Return what the checks need of the evidence as a JSON document, without a trace of this machine."""
    documents = dict(evidence.documents)
    documents["tree.files"] = {name: _fewer_hashes(name, text) for name, text in documents["tree.files"].items()}
    documents["context.entries"] = [_row(entry) for entry in documents["context.entries"]]
    documents["image.layers"] = _layers(documents["image.layers"], set(documents["image.base_layers"]))
    documents["image.inspect"] = _only(documents["image.inspect"], IMAGE_KEYS)
    documents["trial.containers"] = {name: _container(c) for name, c in documents["trial.containers"].items()}
    documents["trial.status"] = {name: _status(text) for name, text in documents["trial.status"].items()}
    for found in documents["trial.processes"]["processes"].values():
        found["status"] = _status(found["status"])
    documents["redis.users"] = re.sub(r"#[0-9a-f]{64}", "#" + "0" * 64, documents["redis.users"])
    table = dataclasses.asdict(evidence.settings)
    text = _anonymous(json.dumps({"settings": table, "documents": documents}, default=str), evidence.settings.root)
    _refuse_traces(text, evidence)
    document: dict[str, Any] = json.loads(text)
    return document


def main() -> None:
    """Write the record, once every promise holds of what is recorded."""
    evidence = fresh()
    report = verify.judge_all(verify.select(), evidence, {}, 0.0)
    if report.exit_code:
        failed = [(r.check.id, r.verdict.value, r.problems, r.reason) for r in report.results]
        sys.exit("not recorded: " + "\n".join(map(str, [row for row in failed if row[1] != "PASS"])))
    RECORD.write_text(json.dumps(reduced(evidence), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def copy_checkout(source: Path, target: Path) -> None:
    """Copy what git knows or would take of a checkout, and commit it at a fixed time."""
    listed = process.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=source)
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)
    times = {"GIT_AUTHOR_DATE": COMMIT_TIME, "GIT_COMMITTER_DATE": COMMIT_TIME}
    identity = ["-c", "user.name=recorder", "-c", "user.email=recorder@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "--all"], [*identity, "commit", "--quiet", "--message", "recorded"]):
        process.run(["git", *words], cwd=target, env=times)


def _layers(layers: tuple[Layer, ...], base: set[str]) -> list[dict[str, Any]]:
    return [
        {
            "diff_id": layer.diff_id,
            "entries": [_row(entry) for entry in layer.entries if layer.diff_id not in base or _is_kept(entry)],
        }
        for layer in layers
    ]


def _is_kept(entry: Entry) -> bool:
    return bool(KEPT_OF_THE_BASE.fullmatch(entry.path.rstrip("/"))) or bool(entry.mode & SETUID_OR_SETGID)


def _row(entry: Entry) -> dict[str, Any]:
    """Return an entry without what is at its default; `tests.good.entry` puts it back."""
    row = {key: value for key, value in dataclasses.asdict(entry).items() if value or key == "mode"}
    if entry.path.endswith("/METADATA"):
        row["text"] = "\n".join(METADATA_FIELDS.findall(entry.text.partition("\n\n")[0])) + "\n"
    return row


def _container(container: dict[str, Any]) -> dict[str, Any]:
    return {
        **_only(container, CONTAINER_KEYS),
        "HostConfig": _only(container["HostConfig"], HOST_CONFIG_KEYS),
        "NetworkSettings": {"Ports": container["NetworkSettings"]["Ports"]},
    }


def _only(document: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: document[key] for key in keys if key in document}


def _status(text: str) -> str:
    return "\n".join(STATUS_FIELDS.findall(text)) + "\n"


def _fewer_hashes(name: str, text: str) -> str:
    """Leave one hash a line in locks that are only compared by name."""
    if name in {"requirements/production.txt", "requirements/build.txt"} or not name.startswith("requirements/"):
        return text
    return re.sub(r"(?: \\\n {4}--hash=\S+)+", " \\\\\n    --hash=sha256:" + "0" * 64, text)


def _anonymous(text: str, root: Path) -> str:
    text = text.replace(str(root), "/project").replace(TAG, "x402-fac")
    text = re.sub(r"/[\w/.-]*?seatrial-trial-\w+", "/trial", text)
    text = re.sub(r"/var/lib/docker/volumes/", "/volumes/", text)
    text = text.replace(f"{socket.gethostname()}/{os.getpid()}", "host/1")
    return re.sub(r"-trial-\d+-[0-9a-f]+", "-trial-1-abcdef", text)


def _refuse_traces(text: str, evidence: Evidence) -> None:
    traces = [name for name, value in evidence.wanted.values if value in text]
    folders = (str(Path(__file__).resolve().parent.parent), f"{tempfile.gettempdir()}/seatrial", "/var/lib/docker")
    traces += [folder for folder in folders if folder in text]
    if f'"{socket.gethostname()}' in text or f"{socket.gethostname()}/" in text:
        traces.append("the host name")
    if traces:
        sys.exit(f"not recorded: {', '.join(traces)} would show")


def _silent(_line: str) -> None:
    return None


if __name__ == "__main__":
    main()
