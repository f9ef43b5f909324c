"""What lies in the image's layers, what was deleted again included."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.evidence import Evidence, entries_of
from seatrial.evidence.accounts import Account, resolve
from seatrial.evidence.secrets import PUBLIC_CERTIFICATES, SECRET_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVINGS = re.compile(
    r"""(?:^|/)(?:
        \.git|\.hg|\.svn|\.gitignore|\.dockerignore|Dockerfile|docker-compose[^/]*
      | \.github|\.gitlab-ci\.yml|\.gitmodules|\.gitattributes
      | \.pytest_cache|\.mypy_cache|\.ruff_cache|\.hypothesis|\.tox|\.nox|\.coverage[^/]*|htmlcov
      | \.cache|\.npm|var/cache/apt/.+\.deb|var/lib/apt/lists/.+
      | objects/[0-9a-f]{2}/[0-9a-f]{38}(?:[0-9a-f]{24})?|objects/pack/pack-[0-9a-f]+\.(?:pack|idx|rev)
      | \.idea|\.vscode|\.DS_Store|[^/]*\.(?:swp|swo|orig|rej|bak|log)|[^/]+~|\.[a-z]+_history
      | (?:tests?)(?=/.*\.pyc?$)|conftest\.py|test_[^/]*\.py|[^/]*_test\.py
    )(?:/|$)""",
    re.VERBOSE,
)
_SETUID, _SETGID, _STICKY, _GROUP_WRITE, _OTHER_WRITE = 0o4000, 0o2000, 0o1000, 0o020, 0o002


@check(
    "layers.no_secrets",
    sabotage=lambda e: e.with_files({"app/.env": b"REDIS_PASSWORD=example", "app/.wh..env": b""}),
    mend="remove the file from the step that added it (a later rm does not), rebuild, and change the secret",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No layer holds a secret file, a private key, a token or a value of the project's own secrets.

    A file that a later layer deletes is still in the image, for everyone who unpacks it. The project's own values are
    looked for as they are, in base64, in hexadecimal, URL-encoded and in UTF-16; in contents, names and extended
    attributes; in compressed files and archives, one inside the other; and credentials in the addresses that package
    clients are configured with.
    """
    # Of an image of which nobody knows the base every layer is judged alike.
    base = evidence.base_layer_count() if "image.base_layers" in evidence.documents else 0
    for number, entry in entries_of(evidence.layers()):
        where = f"layer {number}: /{entry.path}"
        for leak in entry.leaks:
            yield Problem(f"the file holds {leak}", where)
        if number <= base or entry.kind not in {"file", "symlink", "hardlink"}:
            continue
        if SECRET_FILE.search(entry.path) and not PUBLIC_CERTIFICATES.search(entry.path):
            yield Problem("a file that holds secrets by its name", where)


@check(
    "layers.readable",
    sabotage=lambda e: e.with_files({"app/old.7z": b"7z\xbc\xaf\x27\x1c" + bytes(32)}),
    mend="leave out what is packed so, or pack it with gzip, xz, zstd, zip or tar; build damaged files anew",
)
def readable(evidence: Evidence) -> Iterator[Problem]:
    """Every layer is examined to its end, packed files included, and its names mean one thing to everybody.

    What cannot be opened cannot be known to hold no secret: a bomb, an encrypted archive, a damaged one. A name that
    leads out of the image, or is there twice in one layer, gives different files to different programs.
    """
    base = evidence.base_layer_count()
    for number, layer in enumerate(evidence.layers(), start=1):
        seen: dict[str, str] = {}
        for entry in layer.entries:
            where = f"layer {number}: /{entry.path}"
            for reason in entry.unread:
                yield Problem(f"not examined to its end: {reason}", where)
            if _leads_out(entry.path) or (entry.kind == "hardlink" and _leads_out(entry.link)):
                yield Problem("its name leads out of the image", where)
            if number > base and entry.path in seen and {entry.kind, seen[entry.path]} != {"folder"}:
                yield Problem("the layer holds it twice", where)
            seen[entry.path] = entry.kind


def _leads_out(path: str) -> bool:
    return path == ".." or path.startswith("../")


@check(
    "layers.no_privilege",
    sabotage=lambda e: e.with_files({"app/helper": b"#!/bin/sh"}, mode=0o4755),
    mend="remove the bit or the capability in the step that adds the file",
)
def no_privilege(evidence: Evidence) -> Iterator[Problem]:
    """Nothing on top of the base image is setuid or setgid, has file capabilities, or is a device.

    Each gives a process rights that the container's user was not meant to have.
    """
    for number, entry in entries_of(evidence.payload()):
        where = f"payload layer {number}: /{entry.path}"
        if entry.kind in {"file", "hardlink"} and entry.mode & (_SETUID | _SETGID):
            yield Problem(f"the file is setuid or setgid ({entry.mode:04o})", where)
        if entry.has_capabilities:
            yield Problem("the file has capabilities", where)
        if entry.kind == "device":
            yield Problem("there is a device node", where)


@check(
    "layers.no_world_writable",
    sabotage=lambda e: e.with_files({"app/shared.txt": b""}, mode=0o666),
    mend="take the write permission of others away in the step that adds the file",
)
def no_world_writable(evidence: Evidence) -> Iterator[Problem]:
    """Nothing is writable by everyone, except folders with the sticky bit.

    What everyone can write, an intruder can prepare for someone else to run.
    """
    for path, entry in evidence.files().items():
        # A device is judged by layers.no_privilege; those of a base image lie under the /dev that the engine mounts.
        if entry.kind in {"symlink", "device"} or not entry.mode & _OTHER_WRITE:
            continue
        if entry.kind == "folder" and entry.mode & _STICKY:
            continue
        yield Problem(f"it is writable by everyone ({entry.mode:04o})", f"/{path}")


def _account(evidence: Evidence) -> Account:
    """Return who the image runs as."""
    files = evidence.files()
    passwd, group = (files[name].text if name in files else "" for name in ("etc/passwd", "etc/group"))
    return resolve(str(evidence.image_config().get("User") or ""), passwd, group)


@check(
    "layers.code_read_only",
    sabotage=lambda e: e.with_files({"app/hook.py": b""}, uid=_account(e).uid or 0, gid=0, mode=0o644),
    mend="copy the payload as root (no --chown) and without write permission for others",
)
def code_read_only(evidence: Evidence) -> Iterator[Problem]:
    """The service can write none of the files that were added to the base image.

    A service that can change its own code keeps an intruder after a restart.
    """
    account = _account(evidence)
    for number, entry in entries_of(evidence.payload()):
        if entry.kind not in {"file", "folder", "hardlink"}:
            continue
        # An owner can give itself whatever permission is missing.
        owns = entry.uid == account.uid
        shares = entry.gid in {account.gid, *account.groups} and entry.mode & _GROUP_WRITE
        if owns or shares:
            yield Problem("the service's own user can change it", f"payload layer {number}: /{entry.path}")


@check(
    "layers.no_leavings",
    sabotage=lambda e: e.with_files({"app/tests/test_app.py": b"assert True"}),
    mend="copy only what the service needs, or remove the rest in the step that adds it",
)
def no_leavings(evidence: Evidence) -> Iterator[Problem]:
    """Nothing on top of the base image is version control data, a test, a cache or something an editor left.

    None of it is needed to run, and all of it tells an intruder something.
    """
    for number, entry in entries_of(evidence.payload()):
        if LEAVINGS.search(entry.path):
            yield Problem("a development file is in the image", f"payload layer {number}: /{entry.path}")
