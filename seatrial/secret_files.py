"""The secrets folder: one file a secret, as containers mount them, and Redis's users made from the same passwords."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from typing import TYPE_CHECKING

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.settings import Settings

FOLDER_MODE = 0o700
FILE_MODE = 0o644
"""Compose mounts a file secret with the host's owner and mode, so others must read it; the folder keeps them out."""
SERVICE_FILE, PROBE_FILE, ADMIN_FILE = "redis_password", "redis_probe_password", "redis_admin_password"
SECRET_FILES = (SERVICE_FILE, PROBE_FILE, ADMIN_FILE)
ACL_FILE = "redis.acl"
CLIENT_FILE = "client_token"
"""Not a secret of Redis, and mounted into no container: `seatrial.clients` makes it."""
PASSWORD_BYTES = 32
SHORTEST_PASSWORD = 16

SERVICE_COMMANDS = ("set", "get", "mset", "select", "ping", "fcall|x402_settle")
"""What the service asks of Redis (service/store.py says so); AUTH needs no permission.

The one function, and the MSET in it, are for mode `ledger`. Until the administrator loads it there is nothing to call,
and what it does is done with this user's own commands and keys.
"""
SERVICE_KEYS = "x402:*"
USERS = {"facilitator": SERVICE_FILE, "probe": PROBE_FILE, "admin": ADMIN_FILE}


def write_secrets(folder: Path, redis_password: str) -> list[str]:
    """Render the secrets into a folder; return what was done, a line for each, nothing when nothing was.

    The passwords of `probe` and `admin` are generated once and kept. A file whose content differs is rewritten in
    place: containers mount single files, and would go on seeing a file that was replaced.
    """
    did: list[str] = []
    try:
        did += _make_folder(folder)
        passwords = {SERVICE_FILE: redis_password}
        for name in (PROBE_FILE, ADMIN_FILE):
            kept = _text(folder / name)
            passwords[name] = kept if _usable(kept) else secrets.token_urlsafe(PASSWORD_BYTES)
        for name, text in {**passwords, ACL_FILE: acl(passwords)}.items():
            did += _write(folder / name, text)
    except OSError as error:
        raise SeatrialError(
            Code.SECRETS,
            f"{folder.name} cannot be written: {error.filename}: {error.strerror}",
            hint=f"ls -la {folder}",
        ) from error
    return did


def passwords(folder: Path) -> dict[str, str]:
    """Return the password of each user of Redis. Raises SeatrialError SECRETS when one is missing."""
    try:
        return {user: _text(folder / name) for user, name in USERS.items()}
    except OSError as error:
        raise SeatrialError(Code.SECRETS, f"{error.filename}: {error.strerror}", hint="./invoke setup") from error


def of_project(settings: Settings) -> dict[str, str]:
    """Return the password of each user of the project's Redis, the service's first.

    Raises SeatrialError SECRETS when one is missing.
    """
    if settings.managed:
        return passwords(settings.path("secrets"))
    found = {}
    for role, name in settings.redis_passwords.items():
        try:
            found[settings.redis_users.get(role, role)] = settings.path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SeatrialError(Code.SECRETS, f"{name}: {error}", hint="redis_passwords in [tool.seatrial]") from error
    return found


def problems(folder: Path, redis_password: str) -> list[str]:
    """Return what is wrong with a secrets folder, a line for each. Nothing is changed, no value is shown."""
    if not folder.is_dir():
        return [f"there is no folder {folder.name}"]
    found = []
    if stat.S_IMODE(folder.stat().st_mode) != FOLDER_MODE:
        found.append(f"{folder.name} has mode {_mode(folder)} instead of {FOLDER_MODE:04o}")
    for name in (*SECRET_FILES, ACL_FILE):
        file = folder / name
        if not file.is_file():
            found.append(f"{folder.name}/{name} is missing")
        elif stat.S_IMODE(file.stat().st_mode) != FILE_MODE:
            found.append(f"{folder.name}/{name} has mode {_mode(file)} instead of {FILE_MODE:04o}")
    if any(line.endswith("is missing") for line in found):
        return found
    try:
        passwords = {name: _text(folder / name) for name in SECRET_FILES}
        if passwords[SERVICE_FILE] != redis_password:
            found.append(f"{folder.name}/{SERVICE_FILE} is not the REDIS_PASSWORD that is set")
        found += [f"{folder.name}/{name} holds no password" for name in SECRET_FILES if not _usable(passwords[name])]
        if _text(folder / ACL_FILE) != acl(passwords):
            found.append(f"{folder.name}/{ACL_FILE} is out of step with the passwords")
    except OSError as error:
        found.append(f"{error.filename} cannot be read: {error.strerror}")
    return found


def acl(passwords: dict[str, str]) -> str:
    """Return Redis's users: nobody without a password, each no more than it needs, no password in clear."""
    commands = " ".join(f"+{command}" for command in SERVICE_COMMANDS)
    service, probe, admin = (_hashed(passwords[name]) for name in SECRET_FILES)
    return (
        "user default off resetpass resetkeys resetchannels -@all\n"
        f"user facilitator on {service} resetkeys ~{SERVICE_KEYS} resetchannels -@all {commands}\n"
        f"user probe on {probe} resetkeys resetchannels -@all +ping\n"
        f"user admin on {admin} ~* &* +@all\n"
    )


def _hashed(password: str) -> str:
    return "#" + hashlib.sha256(password.encode()).hexdigest()


def _usable(password: str) -> bool:
    return len(password) >= SHORTEST_PASSWORD and password.isascii() and not any(map(str.isspace, password))


def _make_folder(folder: Path) -> list[str]:
    if not folder.exists():
        folder.mkdir(mode=FOLDER_MODE, parents=True)
        folder.chmod(FOLDER_MODE)
        return []
    if not folder.is_dir():
        raise SeatrialError(Code.SECRETS, f"{folder.name} is not a folder", hint=f"mv {folder.name} {folder.name}.old")
    if stat.S_IMODE(folder.stat().st_mode) == FOLDER_MODE:
        return []
    was = _mode(folder)
    folder.chmod(FOLDER_MODE)
    return [f"{folder.name} had mode {was}: now {FOLDER_MODE:04o}"]


def _write(file: Path, text: str) -> list[str]:
    shown = f"{file.parent.name}/{file.name}"
    if file.is_dir():
        raise SeatrialError(
            Code.SECRETS,
            f"{shown} is a folder: Docker makes one when the file that a container mounts is missing",
            hint=f"rmdir {shown} && ./invoke setup",
        )
    did = []
    is_new = not file.exists()
    if is_new or _text(file) != text:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, FILE_MODE), "wb") as sink:
            sink.write(text.encode())
            sink.truncate()
        did.append(f"{'wrote' if is_new else 'rewrote'} {shown}")
    if stat.S_IMODE(file.stat().st_mode) != FILE_MODE:
        was = _mode(file)
        file.chmod(FILE_MODE)
        did += [] if is_new else [f"{shown} had mode {was}: now {FILE_MODE:04o}"]
    return did


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError):
        return ""


def _mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"
