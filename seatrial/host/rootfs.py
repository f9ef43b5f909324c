"""Base images from Debian's packages, for machines that no registry answers: two recipes and how they are made."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import process
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt, daemon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OWN_NAME = "seatrial/"
"""Where the name of every image starts that is made here. Such a name is never asked of a registry."""
BUILD_SECONDS = 900
FILE_TIME = 1_754_697_600
"""The latest time that a file in a base carries, so that the same packages make the same files."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Debian's own way to leave documentation out; who wrote what under which licence stays.
_EXCLUDED = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
)
# This machine's mirrors, proxies, name and name servers are nobody's business, nothing here needs a set-uid program,
# and caches and logs only add bytes. $1 is the new root folder.
_CLEAN = """
rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/* "$1"/etc/apt/apt.conf.d/99mmdebstrap
rm -rf "$1"/etc/resolv.conf "$1"/etc/hostname "$1"/var/lib/apt "$1"/var/cache/* "$1"/var/log/* "$1"/tmp/* "$1"/run/*
find "$1" -xdev -type f -perm /6000 -exec chmod a-s {} +
"""
# Each base makes its archive, then its image; two of them at once, each with its own log and exit code.
_SIDE_BY_SIDE = 'for each in "$@"; do (cd "$each" && sh ./make >log 2>&1; echo $? >code) & done; wait'


@dataclass(frozen=True)
class Recipe:
    """How one base image is made from a Debian release."""

    image: str
    release: str
    packages: tuple[str, ...]
    changes: tuple[str, ...]
    options: tuple[str, ...] = ()
    """Further options of mmdebstrap."""
    before: str = ""
    """Shell, before any package but the essential ones is unpacked."""
    after: str = ""
    """Shell, when all packages are installed; it fails when the base is not what it is meant to be."""


RECIPES = {
    "PYTHON_IMAGE": Recipe(
        image=f"{OWN_NAME}python:3.13-trixie",
        release="trixie",
        packages=("python3", "python3-venv", "ca-certificates"),
        changes=(f"ENV PATH={PATH}", "ENV LANG=C.UTF-8", 'CMD ["python3"]'),
        after="""
            ln -s /usr/bin/python3 "$1"/usr/local/bin/python
            chroot "$1" python -c 'import sys, ssl, venv; sys.exit(sys.version_info[:2] != (3, 13))'
        """,
    ),
    "REDIS_IMAGE": Recipe(
        image=f"{OWN_NAME}redis:7-bookworm",
        release="bookworm",
        packages=("redis-server",),
        # Merged by mmdebstrap instead of by Debian 12's usrmerge package, which brings 48 MB of Perl.
        options=("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",),
        changes=(
            f"ENV PATH={PATH}",
            "ENV LANG=C.UTF-8",
            "WORKDIR /data",
            "VOLUME /data",
            "EXPOSE 6379",
            "USER 999:999",
            'CMD ["redis-server"]',
        ),
        # The same uid and gid as in the official image: volumes can move from one to the other.
        before="""
            echo 'redis:x:999:999::/data:/usr/sbin/nologin' >>"$1"/etc/passwd
            echo 'redis:x:999:' >>"$1"/etc/group
            echo 'redis:*:1::::::' >>"$1"/etc/shadow
        """,
        after="""
            install -d -o 999 -g 999 -m 0755 "$1"/data
            rm -rf "$1"/etc/redis "$1"/var/lib/redis
            chroot "$1" redis-server --version | grep -q 'v=7\\.'
        """,
    ),
}


def build(recipes: Sequence[Recipe], *, allow_install: bool, note: Callable[[str], None]) -> None:
    """Make base images from Debian's packages, side by side, and put them into the local store.

    Raises SeatrialError BASE_IMAGE when this machine cannot, or when a base did not come out.
    """
    prefix = _prepared(allow_install=allow_install, note=note)
    sources = {recipe.release: _sources(recipe.release) for recipe in recipes}
    options = apt.fetch_options()
    with _folder() as folder:
        places = []
        for recipe in recipes:
            place = folder / recipe.release
            place.mkdir()
            place.chmod(folder.stat().st_mode)
            (place / "packages.sources").write_text(sources[recipe.release], encoding="utf-8")
            (place / "make").write_text(script(recipe, prefix, options), encoding="utf-8")
            places.append(place)
        process.run(
            ["sh", "-c", _SIDE_BY_SIDE, "sh", *map(str, places)],
            env={"TMPDIR": str(folder), "SOURCE_DATE_EPOCH": str(FILE_TIME), "LC_ALL": "C.UTF-8"},
            timeout_seconds=BUILD_SECONDS,
        )
        for recipe, place in zip(recipes, places, strict=True):
            _require_made(recipe, place)


def script(recipe: Recipe, prefix: Sequence[str], apt_options: Sequence[str]) -> str:
    """Return the shell script that makes a base in the current folder."""
    mmdebstrap = [
        *prefix,
        "--variant=essential",
        *recipe.options,
        f"--include={','.join(recipe.packages)}",
        *(f"--dpkgopt={option}" for option in _EXCLUDED),
        *(f"--aptopt={option}" for option in apt_options),
        f"--essential-hook=set -e{recipe.before or '; :'}",
        f"--customize-hook=set -e{recipe.after}{_CLEAN}",
        recipe.release,
        "root.tar",
        "packages.sources",
    ]
    message = f"made by seatrial from packages of Debian {recipe.release}"
    changes = [word for change in recipe.changes for word in ("--change", change)]
    imported = ["docker", "import", "--message", message, *changes, "root.tar", recipe.image]
    return f"set -eu\n{shlex.join(mmdebstrap)}\n{shlex.join(imported)}\n"


def _require_made(recipe: Recipe, place: Path) -> None:
    with suppress(OSError):
        if (place / "code").read_text(encoding="ascii").strip() == "0":
            return
    lines = (place / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
    raise SeatrialError(
        Code.BASE_IMAGE,
        "\n".join([f"{recipe.image} could not be built from Debian's packages", *lines]),
        hint="mend what the lines above name, then ./invoke setup",
    )


def _prepared(*, allow_install: bool, note: Callable[[str], None]) -> list[str]:
    """Return how mmdebstrap is called here, after installing it where that is wanted and possible."""
    if process.find("mmdebstrap") is None:
        if not (allow_install and apt.is_root() and apt.is_debian_family(apt.os_release())):
            raise _impossible(
                "mmdebstrap is not installed", "apt-get install mmdebstrap, or ./invoke setup --engine as root"
            )
        note("installing mmdebstrap")
        if "mmdebstrap" not in apt.candidates(["mmdebstrap"]):
            apt.update()
        apt.install(["mmdebstrap"])
    if apt.is_root():
        # In a mount namespace of its own, what mmdebstrap mounts goes with it, however it ends.
        apart = ["unshare", "--mount"]
        may = process.find("unshare") and process.run([*apart, "true"], timeout_seconds=10, check=False).ok
        return [*(apart if may else ()), "mmdebstrap", "--mode=root"]
    if process.find("newuidmap"):
        return ["mmdebstrap", "--mode=unshare"]
    raise _impossible(
        "mmdebstrap needs root here", "run ./invoke setup as root, or apt-get install uidmap for user namespaces"
    )


def _sources(release: str) -> str:
    codename = apt.os_release().get("VERSION_CODENAME", "")
    found = apt.translated(apt.archive_sources(), codename, release)
    if not found:
        apt.update()
        found = apt.translated(apt.archive_sources(), codename, release)
    if not found:
        raise _impossible("apt knows no mirror of Debian", "name a Debian mirror in apt's sources")
    return "\n".join(source.text() for source in found)


def _impossible(why: str, hint: str) -> SeatrialError:
    return SeatrialError(
        Code.BASE_IMAGE,
        f"no registry answers, and base images cannot be built from Debian's packages: {why}",
        hint=f"{hint}; or `docker load` the images",
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a temporary folder on a disk, and remove it, and those that killed runs left."""
    parent = Path(os.environ.get("TMPDIR") or "/var/tmp")  # noqa: S108 - mkdtemp makes a folder of our own in it
    for left in parent.glob("seatrial-bases-*-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not daemon.alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"seatrial-bases-{os.getpid()}-", dir=parent))
    # In user namespaces another uid than ours works in it.
    folder.chmod(0o700 if apt.is_root() else 0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
