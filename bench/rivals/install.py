"""The peers, installed in a cache folder: Python packages by hash, Go programs compiled from sources named by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import process
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent
FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seatrial" / "rivals"
"""Outside the tree: nothing but this benchmark needs it, and it can be deleted at any time."""
GO_PACKAGES = {
    "goss": "github.com/goss-org/goss/cmd/goss",
    "dockle": "github.com/goodwithtech/dockle/cmd/dockle",
    "trivy": "github.com/aquasecurity/trivy/cmd/trivy",
}
DGOSS = "extras/dgoss/dgoss"
"""The script that runs goss inside a container; it lies in goss's own module."""
INSTALL_SECONDS = 600.0
COMPILE_SECONDS = 3600.0
_GO = {
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
    "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
    "CGO_ENABLED": "0",
    # Nothing waits for it but this benchmark, and trivy is many minutes of work: one core stays free.
    "GOMAXPROCS": "1",
}


def program(peer: str) -> Path:
    """Return where a peer's program is, or will be."""
    folder = FOLDER / peer
    return folder / peer if peer in GO_PACKAGES else folder / "bin" / peer


def dgoss() -> Path:
    """Return where the script around goss is, or will be."""
    return FOLDER / "goss" / "dgoss"


def ensure(peer: str, note: Callable[[str], None]) -> None:
    """Install one peer, unless exactly this version of it is here. Raises SeatrialError: what could not be had."""
    locks = [HERE / peer / name for name in ("go.mod", "go.sum", "requirements.txt")]
    wanted = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks if lock.is_file())).hexdigest()
    stamp = FOLDER / peer / "installed"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(FOLDER / peer, ignore_errors=True)
    (FOLDER / peer).mkdir(parents=True)
    note(f"installing {peer}")
    if peer in GO_PACKAGES:
        _compile(peer)
    else:
        _venv(peer)
    stamp.write_text(wanted, encoding="utf-8")


def _venv(peer: str) -> None:
    folder = FOLDER / peer
    process.run([sys.executable, "-m", "venv", str(folder)], timeout_seconds=INSTALL_SECONDS)
    argv = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    process.run([*argv, "-r", str(HERE / peer / "requirements.txt")], timeout_seconds=INSTALL_SECONDS)


def _compile(peer: str) -> None:
    if process.find("go") is None:
        raise SeatrialError(Code.COMMAND_MISSING, f"{peer} is compiled with Go, which is not here", hint="install Go")
    argv = ["nice", "go", "build", "-p", "1", "-ldflags=-s -w", "-o", str(program(peer)), GO_PACKAGES[peer]]
    process.run(argv, cwd=HERE / peer, env=_GO, timeout_seconds=COMPILE_SECONDS)
    if peer == "goss":
        listed = process.run(
            ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/goss-org/goss"],
            cwd=HERE / peer,
            env=_GO,
            timeout_seconds=INSTALL_SECONDS,
        )
        shutil.copyfile(Path(listed.stdout.strip()) / DGOSS, dgoss())
        dgoss().chmod(0o755)
