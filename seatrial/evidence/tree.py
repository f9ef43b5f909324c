"""The checkout: the files that decide about the image, its revision, and the true build context."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import plugins, process
from seatrial.errors import Code, SeatrialError
from seatrial.evidence.archive import Entry, read_tar

if TYPE_CHECKING:
    from seatrial.evidence.secrets import Wanted
    from seatrial.settings import Settings

OWN_OUTPUT = ("dist/sbom.cdx.json", ".seatrial")
"""What seatrial itself writes into a project: it changes nothing that the image is made from."""
CONTEXT_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class Revision:
    """Which source the tree holds. `name` is the commit, with `-dirty` when a build input differs from it."""

    name: str
    epoch_seconds: int


def revision(settings: Settings) -> Revision:
    """Return the last commit that touched a build input and its time; `unknown` and 0 outside a git checkout."""
    if process.find("git") is None:
        return Revision("unknown", 0)
    inputs = [name for name in settings.build_inputs if settings.path(name).exists()]
    inputs += [f":(exclude){name}" for name in OWN_OUTPUT]
    logged = process.run(
        ["git", "log", "-1", "--format=%H %ct", "--", *inputs], cwd=settings.root, check=False, timeout_seconds=30
    )
    words = logged.stdout.split()
    if not logged.ok or len(words) != 2:  # noqa: PLR2004 - commit and time
        return Revision("unknown", 0)
    status = process.run(
        ["git", "status", "--porcelain", "--", *inputs], cwd=settings.root, check=False, timeout_seconds=30
    )
    dirty = "-dirty" if status.stdout.strip() else ""
    return Revision(words[0] + dirty, int(words[1]))


def texts(settings: Settings) -> dict[str, str]:
    """Return the text of each file that checks read, by its name in the tree; what is missing is left out."""
    names = [settings.dockerfile, *settings.ignore_files, settings.project_file, settings.redis_config]
    names += _beside(settings, settings.lock_file, "*.txt" if "/" in settings.lock_file else "*requirements*.txt")
    names += _beside(settings, settings.compose_file, "*compose*.y*ml")
    found = {}
    for name in dict.fromkeys(filter(None, names)):
        file = settings.path(name)
        if file.is_file():
            # Bytes decoded by hand: a carriage return or a byte-order mark is a finding, not to be lost in reading.
            found[name] = file.read_bytes().decode("utf-8", "replace")
    return found


def _beside(settings: Settings, name: str, pattern: str) -> list[str]:
    """Return a file's name and those of its kin in the same folder."""
    if not name:
        return []
    folder = settings.path(name).parent
    kin = sorted(file.relative_to(settings.root).as_posix() for file in folder.glob(pattern))
    return [*([] if name in kin else [name]), *kin]


def context(settings: Settings, wanted: Wanted) -> tuple[Entry, ...]:
    """Return what BuildKit itself takes into the build context, the overriding ignore file honoured.

    Raises SeatrialError BUILD_FAILED with BuildKit's words.
    """
    with tempfile.TemporaryDirectory(prefix="seatrial-context-") as name:
        folder = Path(name)
        probe = folder / "Dockerfile"
        probe.write_text("FROM scratch\nCOPY . /\n", encoding="utf-8")
        override = settings.path(settings.ignore_files[1])
        if override.is_file():
            # BuildKit looks for it beside the Dockerfile that it is given.
            shutil.copyfile(override, folder / "Dockerfile.dockerignore")
        done = process.run(
            [
                *plugins.command("buildx"),
                "build",
                "--quiet",
                "-f",
                str(probe),
                "-o",
                f"type=tar,dest={folder / 'context.tar'}",
                ".",
            ],
            cwd=settings.root,
            check=False,
            gives_way=True,
            timeout_seconds=CONTEXT_TIMEOUT_SECONDS,
        )
        if not done.ok:
            if process.lacks_plugin(done.stderr):
                raise SeatrialError(
                    Code.ENGINE_PLUGIN,
                    "the docker client has no buildx",
                    hint="./invoke setup --engine, or install docker-buildx",
                )
            if re.search(r"excluded by .dockerignore|no such file|not found", done.stderr):
                return ()
            raise SeatrialError(
                Code.BUILD_FAILED, f"the build context cannot be read: {done.complaint}", hint="./invoke doctor"
            )
        with (folder / "context.tar").open("rb") as source:
            return tuple(entry for entry in read_tar(source, wanted) if entry.kind != "folder")
