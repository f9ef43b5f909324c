"""The client that `setup` makes: its token in secrets/client_token, of which config.json knows the SHA-256 only.

A config.json that says nothing but what the example says is setup's own, and is kept in step with the token. Any other
is the operator's: it is left as it is until `setup --rotate-token` asks for a change, and a configuration without
clients, which is open to whoever reaches it, goes on working.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError
from seatrial.secret_files import CLIENT_FILE, FOLDER_MODE

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.settings import Settings

CONFIG = "config/config.json"
CONFIG_EXAMPLE = "config/config.example.json"
CONFIG_MODE = 0o644
"""Readable by the service, which runs as another user. It holds no secret: tokens are in it as SHA-256."""
CLIENT = "local"
TOKEN = f"secrets/{CLIENT_FILE}"
TOKEN_MODE = 0o600
TOKEN_BYTES = 32
SHORTEST_TOKEN = 16
ROTATE = "./invoke setup --rotate-token"
RELOAD = "docker compose kill -s HUP facilitator"
_CLIENTS = re.compile(r'("clients"\s*:\s*\[)(\s*)(\]?)')


@dataclass(frozen=True)
class State:
    """What the token's file and config.json say of each other. The configuration was found valid before."""

    token: str
    text: str
    example: str

    @property
    def document(self) -> dict[str, Any]:
        """The configuration."""
        return dict(json.loads(self.text))

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each client's token, by the client's name."""
        entries = (self.document.get("auth") or {}).get("clients") or []
        return {entry["name"]: entry["tokenSha256"].lower() for entry in entries}

    @property
    def agrees(self) -> bool:
        """Whether the token is one that the configuration lets in."""
        return bool(self.token) and hashed(self.token) in self.hashes.values()

    @property
    def is_setups_own(self) -> bool:
        """Whether nobody has changed anything: our client aside, each key says what the example says.

        Keys that the example has got since are not missed.
        """
        document = self.document
        auth = document.get("auth") or {}
        if "clients" in auth:
            auth["clients"] = [entry for entry in auth["clients"] if entry["name"] != CLIENT]
        return _says_no_more(document, json.loads(self.example))


def hashed(token: str) -> str:
    """Return what the configuration knows of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def ensure(settings: Settings) -> list[str]:
    """Make the client where setup may; return what was done, a line for each, nothing when nothing was."""
    state = read(settings)
    did = _close(settings.path(TOKEN))
    if state.agrees or not state.is_setups_own:
        return did
    token = state.token or secrets.token_urlsafe(TOKEN_BYTES)
    if not state.token:
        did += _write_token(settings, token)
    _write_config(settings, _with_client(State(token, state.text, state.example)))
    return [*did, f"wrote client {CLIENT} to {CONFIG}: /verify and /settle want the token from the next start on"]


def rotate(settings: Settings) -> list[str]:
    """Make a new token and write its hash into config.json, whoever wrote that; return what was done."""
    state = read(settings)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    text = _with_client(State(token, state.text, state.example))
    did = _write_token(settings, token)
    _write_config(settings, text)
    return [
        *did,
        f"wrote the hash of the new token of client {CLIENT} to {CONFIG}",
        f"a service that runs takes the former token until it reads its configuration again: {RELOAD}",
    ]


def token(settings: Settings) -> str:
    """Return the token. Raises SeatrialError SECRETS when there is none or it lets nobody in."""
    state = read(settings)
    if not state.agrees:
        said = f"{TOKEN} is of no client in {CONFIG}" if state.token else f"there is no {TOKEN}"
        raise SeatrialError(Code.SECRETS, said, hint=f"{ROTATE} && {RELOAD}")
    return state.token


def standing(settings: Settings) -> tuple[bool, str, str]:
    """Return whether token and configuration are in step, in words, and what to type when they are not."""
    state = read(settings)
    path = settings.path(TOKEN)
    if state.agrees and path.exists() and stat.S_IMODE(path.stat().st_mode) & ~TOKEN_MODE:
        return False, f"{TOKEN} is open to others (mode {_mode(path)})", "./invoke setup"
    if state.agrees:
        name = next(name for name, sha256 in state.hashes.items() if sha256 == hashed(state.token))
        return True, f"{TOKEN} is the token of client {name}", ""
    if state.token:
        return False, f"{TOKEN} is the token of no client in {CONFIG}", f"{ROTATE}, or rm {TOKEN}"
    if CLIENT in state.hashes:
        return False, f"{CONFIG} has client {CLIENT}, but there is no {TOKEN}", ROTATE
    if state.hashes:
        return True, f"{CONFIG} has its own clients: {', '.join(state.hashes)}", ""
    return True, f"{CONFIG} has none: /verify and /settle are open to all who reach them; to close: {ROTATE}", ""


def read(settings: Settings) -> State:
    """Return what the files say. The configuration must have been found valid (`workspace.check_config`)."""
    try:
        text = settings.path(CONFIG).read_text(encoding="utf-8")
        example = settings.path(CONFIG_EXAMPLE).read_text(encoding="utf-8")
    except OSError as error:
        raise SeatrialError(
            Code.CONFIG_FILE, f"{error.filename} cannot be read: {error.strerror}", hint="git status config"
        ) from error
    try:
        found = settings.path(TOKEN).read_bytes().decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        found = ""
    except OSError as error:
        raise SeatrialError(
            Code.SECRETS, f"{TOKEN} cannot be read: {error.strerror}", hint=f"ls -ld secrets {TOKEN}"
        ) from error
    return State(found if len(found) >= SHORTEST_TOKEN and re.fullmatch(r"[!-~]+", found) else "", text, example)


def with_only_client(text: str, name: str, token: str) -> str:
    """Return a configuration in which this client is the only one."""
    document = json.loads(text)
    document.setdefault("auth", {})["clients"] = [{"name": name, "tokenSha256": hashed(token)}]
    return json.dumps(document, indent=2)


def _says_no_more(document: object, example: object) -> bool:
    if isinstance(document, dict) and isinstance(example, dict):
        return all(key in example and _says_no_more(value, example[key]) for key, value in document.items())
    return document == example


def _with_client(state: State) -> str:
    """Return the configuration's text with our client's hash in it, everything else as it was written if possible."""
    wanted = copy.deepcopy(state.document)
    entry = {"name": CLIENT, "tokenSha256": hashed(state.token)}
    clients = wanted.setdefault("auth", {}).setdefault("clients", [])
    former = [known for known in clients if known["name"] == CLIENT]
    if former:
        text = state.text.replace(former[0]["tokenSha256"], entry["tokenSha256"])
        former[0].update(entry)
    else:
        text = _CLIENTS.sub(lambda found: _inserted(found, json.dumps(entry)), state.text, count=1)
        clients.insert(0, entry)
    if json.loads(text) == wanted:
        return text
    return json.dumps(wanted, indent=2) + "\n"


def _inserted(found: re.Match[str], entry: str) -> str:
    head, space, end = found.groups()
    return f"{head}{entry}]" if end else f"{head}{space}{entry},{space or ' '}"


def _write_token(settings: Settings, token: str) -> list[str]:
    path = settings.path(TOKEN)
    is_new = not path.exists()
    try:
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, TOKEN_MODE), "w") as sink:
            path.chmod(TOKEN_MODE)
            sink.write(token)
    except OSError as error:
        raise SeatrialError(
            Code.SECRETS, f"{TOKEN} cannot be written: {error.strerror}", hint=f"ls -ld secrets {TOKEN}"
        ) from error
    return [f"{'wrote' if is_new else 'rewrote'} {TOKEN}"]


def _write_config(settings: Settings, text: str) -> None:
    """Write in place: a container mounts this very file, and would go on seeing one that was replaced."""
    try:
        with settings.path(CONFIG).open("r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()
    except OSError as error:
        raise SeatrialError(
            Code.CONFIG_FILE, f"{CONFIG} cannot be written: {error.strerror}", hint=f"ls -l {CONFIG}"
        ) from error


def _close(path: Path) -> list[str]:
    if not path.is_file() or not stat.S_IMODE(path.stat().st_mode) & ~TOKEN_MODE:
        return []
    was = _mode(path)
    path.chmod(TOKEN_MODE)
    return [f"{TOKEN} had mode {was}: now {TOKEN_MODE:04o}"]


def _mode(path: Path) -> str:
    return f"{stat.S_IMODE(path.stat().st_mode):04o}"
