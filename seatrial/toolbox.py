"""The environment in .venv that the toolkit itself runs in, made from hash-locked requirements.

`./invoke` calls this with the system's Python before anything is installed: only the standard library is used here.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import process
from seatrial.errors import Code, ExitCode, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.settings import Settings

FOLDER = ".venv"
TOOLKIT, DEVELOPMENT = "requirements/toolkit.txt", "requirements/development.txt"
ORACLES = "requirements/oracles.txt"
"""Everything in `DEVELOPMENT` in the same versions, and what only tests and benchmarks need."""
STAMPS = {TOOLKIT: ".requirements", DEVELOPMENT: ".requirements-development", ORACLES: ".requirements-oracles"}
"""A copy of the requirements in the environment, written when they are all installed: who has it is complete."""
MADE_IN = ".made-in"
"""The folder that the environment was made for: scripts in it name that folder, so a moved checkout needs a new one."""
MAKE_SECONDS = 120
INSTALL_SECONDS = 900
# Settings of a user's own pip that would install into another place than the environment.
_INTO_THE_ENVIRONMENT = {
    "PIP_USER": "",
    "PIP_TARGET": "",
    "PIP_PREFIX": "",
    "PIP_ROOT": "",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PYTHONDONTWRITEBYTECODE": "",
}


def make_environment(root: Path) -> None:
    """Make .venv, unless another process has just done it. Nothing half-made is left when it fails.

    An environment that had the development tools gets them again. Raises SeatrialError COMMAND_FAILED or TIMED_OUT.
    """
    folder = root / FOLDER
    with _locked(root):
        if _is_complete(root):
            return
        started = time.monotonic()
        _tell("making .venv (once) ... ")
        requirements = DEVELOPMENT if (folder / STAMPS[DEVELOPMENT]).exists() else TOOLKIT
        try:
            _remove(folder)
            _create(folder)
            _install(folder / "bin" / "python", root / requirements)
            (folder / MADE_IN).write_text(f"{root}\n", encoding="utf-8")
            if requirements == DEVELOPMENT:
                _stamp(root, DEVELOPMENT)
            _stamp(root, TOOLKIT)
        except BaseException:
            _tell("\n")
            _remove(folder)
            raise
        _tell(f"{time.monotonic() - started:.1f} s\n")


def ensure_development_tools(settings: Settings) -> str:
    """Install what linters and locks need into .venv; return what was done, nothing when all is there.

    Raises SeatrialError COMMAND_FAILED or TIMED_OUT.
    """
    return _ensure(settings.root, DEVELOPMENT, "the development tools")


def ensure_oracles(settings: Settings) -> str:
    """Install what tests and benchmarks need into .venv; return what was done, nothing when all is there.

    Raises SeatrialError COMMAND_FAILED or TIMED_OUT: tests that cannot run are a failure, not a skip.
    """
    return _ensure(settings.root, ORACLES, "the development tools and the oracles")


def _ensure(root: Path, requirements: str, what: str) -> str:
    if _is_stamped(root, requirements):
        return ""
    with _locked(root):
        if _is_stamped(root, requirements):
            return ""
        _install(Path(sys.executable), root / requirements)
        _stamp(root, requirements)
    return f"installed {what} into {FOLDER}"


def main() -> int:
    """Make the environment for the checkout in the current folder; return the exit code."""
    try:
        make_environment(Path.cwd())
    except SeatrialError as error:
        _tell(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.HOLDS


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    # A lock of the kernel's: it goes with the process that holds it, however that ends.
    handle = os.open(root / "requirements", os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell("waiting for another process that installs into .venv ...\n")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _is_complete(root: Path) -> bool:
    folder = root / FOLDER
    try:
        is_here = (folder / MADE_IN).read_text(encoding="utf-8").strip() == str(root)
    except OSError:
        return False
    return is_here and os.access(folder / "bin" / "python", os.X_OK) and _is_stamped(root, TOOLKIT)


def _is_stamped(root: Path, requirements: str) -> bool:
    with contextlib.suppress(OSError):
        return (root / FOLDER / STAMPS[requirements]).read_bytes() == (root / requirements).read_bytes()
    return False


def _stamp(root: Path, requirements: str) -> None:
    stamp = root / FOLDER / STAMPS[requirements]
    temporary = stamp.with_name(stamp.name + ".new")
    temporary.write_bytes((root / requirements).read_bytes())
    temporary.replace(stamp)


def _remove(folder: Path) -> None:
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _create(folder: Path) -> None:
    done = process.run([sys.executable, "-m", "venv", str(folder)], timeout_seconds=MAKE_SECONDS, check=False)
    if not done.ok:
        raise SeatrialError(
            Code.COMMAND_FAILED,
            f"{sys.executable} cannot make an environment: {_last_line(done.complaint)}",
            hint="apt-get install python3-venv, or set PYTHON to another Python",
        )


def _install(python: Path, requirements: Path) -> None:
    done = process.run(
        [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(requirements)],
        env=_INTO_THE_ENVIRONMENT,
        timeout_seconds=INSTALL_SECONDS,
        check=False,
    )
    if not done.ok:
        raise SeatrialError(
            Code.COMMAND_FAILED,
            f"pip cannot install {requirements.parent.name}/{requirements.name}: {_last_line(done.complaint)}",
            hint="check the network, and PIP_INDEX_URL and PIP_CERT where a company has its own; then try again",
        )


def _last_line(complaint: str) -> str:
    lines = [line for line in complaint.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it did not say why"])[-1].removeprefix("ERROR: ")


def _tell(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
