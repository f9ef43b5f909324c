"""What an operator keeps beside the code: config/config.json, .env, secrets/. Made when missing, mended, judged."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
from typing import TYPE_CHECKING

from seatrial import clients, envfile
from seatrial.clients import CONFIG, CONFIG_EXAMPLE, CONFIG_MODE
from seatrial.errors import Code, SeatrialError
from seatrial.secret_files import CLIENT_FILE, SECRET_FILES, problems, write_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from seatrial.settings import Settings

__all__ = [
    "CONFIG",
    "CONFIG_EXAMPLE",
    "check_config",
    "check_secrets",
    "env_faults",
    "file_faults",
    "load_env",
    "password_fault",
    "prepare",
    "redis_password",
    "secret_values",
    "write_secrets",
]

PASSWORD = "REDIS_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_BYTES = 32
LEAST_CHARACTERS = 16
LEAST_DIFFERENT = 6
WEAK = re.compile(
    r"(?:change|replace|password|passwd|passwort|p4ssw0rd|secret|redis|example|default|admin|letmein|qwerty|12345|abcde)"
)
"""What the passwords of examples and of word lists are made of."""
LEFT_OF_WEAK = 12
"""Characters that must be left when all weak words are taken out."""
NEEDS_QUOTES = re.compile(r"[\s\"'`$#\\]|[^\x21-\x7e]")
SECRET_NAME = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)(?:_|$)")
SHORTEST_SECRET = 8


def prepare(settings: Settings) -> list[str]:
    """Make and mend config.json, .env and secrets/; return what was done, a line for each, nothing when nothing was.

    Raises SeatrialError CONFIG_FILE, ENV_FILE or SECRETS where only a person can decide.
    """
    if not settings.managed:
        return []
    did = _prepare_config(settings)
    did += _prepare_env(settings)
    did += write_secrets(settings.path("secrets"), redis_password(settings))
    check_config(settings)
    return did + clients.ensure(settings)


def check_config(settings: Settings) -> None:
    """Let the service judge config/config.json. Raises SeatrialError CONFIG_FILE with every problem."""
    if str(settings.root) not in sys.path:
        sys.path.append(str(settings.root))
    from service.config_file import ConfigError, load  # noqa: PLC0415 - the service's code, only where it is needed

    path = settings.path(CONFIG)
    if path.is_dir():
        raise SeatrialError(
            Code.CONFIG_FILE,
            f"{CONFIG} is a folder: Docker makes one when the file that a container mounts is missing",
            hint=f"rmdir {CONFIG} && ./invoke setup",
        )
    if not path.exists():
        raise SeatrialError(Code.CONFIG_FILE, f"there is no {CONFIG}", hint="./invoke setup")
    try:
        load(path)
    except ConfigError as error:
        raise SeatrialError(
            Code.CONFIG_FILE,
            "\n".join([f"{CONFIG} cannot be used:", *(f"  {problem}" for problem in error.problems)]),
            hint=f"mend {CONFIG}; {CONFIG_EXAMPLE} shows every key",
        ) from error
    if not path.stat().st_mode & stat.S_IROTH:
        raise SeatrialError(
            Code.CONFIG_FILE,
            f"{CONFIG} cannot be read by the service, which runs as another user",
            hint=f"chmod 644 {CONFIG}",
        )


def load_env(settings: Settings) -> dict[str, str]:
    """Return what .env sets, without interpolation; nothing when there is no .env."""
    return envfile.values(settings.path(".env"))


def redis_password(settings: Settings) -> str:
    """Return REDIS_PASSWORD: of the environment, else of .env.

    Raises SeatrialError ENV_FILE when it is missing, weak, or written so that not all read it alike.
    """
    path = settings.path(".env")
    given = os.environ.get(PASSWORD)
    faults = file_faults(path) if given else env_faults(path)
    if given and (fault := password_fault(given)):
        faults.append((f"{PASSWORD} in the environment {fault}", f"unset {PASSWORD} && ./invoke setup"))
    if faults:
        raise SeatrialError(Code.ENV_FILE, "\n".join(what for what, _ in faults), hint=faults[0][1])
    return given or load_env(settings)[PASSWORD]


def password_fault(password: str) -> str:
    """Say why a password cannot be used, without showing it; nothing when it can."""
    faults = (
        (not password, "is empty"),
        ("$" in password, "has a $ in it, which Docker Compose would take for a variable"),
        (NEEDS_QUOTES.search(password), "has a space, quote, #, backslash or other character that not all read alike"),
        (len(password) < LEAST_CHARACTERS, f"is shorter than {LEAST_CHARACTERS} characters"),
        (len(set(password)) < LEAST_DIFFERENT, f"is made of fewer than {LEAST_DIFFERENT} different characters"),
        (len(WEAK.sub("", password.lower())) < LEFT_OF_WEAK, "is a well-known one, or made of such"),
    )
    return next((fault for holds, fault in faults if holds), "")


def env_faults(path: Path) -> list[tuple[str, str]]:
    """Return what is wrong with .env, each with its line and the command that mends it. No value is in them."""
    faults = file_faults(path)
    found = [assignment for assignment in envfile.assignments(envfile.read(path)) if assignment.key == PASSWORD]
    if not found:
        faults.append((f"{path.name} sets no {PASSWORD}", "./invoke setup"))
    if len(found) > 1:
        lines = ", ".join(str(assignment.line) for assignment in found)
        faults.append((f"{path.name} sets {PASSWORD} {len(found)} times (lines {lines})", f"leave one {PASSWORD}"))
    for assignment in found:
        fault = password_fault(assignment.value)
        if fault:
            mend = f"sed -i '{assignment.line}d' {path.name} && ./invoke setup  # a password is generated"
            faults.append((f"{path.name} line {assignment.line}: {PASSWORD} {fault}", mend))
    return faults


def file_faults(path: Path) -> list[tuple[str, str]]:
    """Return how .env is saved so that not all read it alike: a byte order mark, line ends of Windows."""
    text = envfile.read(path)
    faults = []
    if text.startswith(envfile.BYTE_ORDER_MARK):
        faults.append(
            (f"{path.name} line 1 begins with a byte order mark", f"sed -i '1s/^\\xEF\\xBB\\xBF//' {path.name}")
        )
    if b"\r\n" in text:
        line = text[: text.index(b"\r\n")].count(b"\n") + 1
        faults.append((f"{path.name} line {line} ends as on Windows (CR LF)", f"sed -i 's/\\r$//' {path.name}"))
    return faults


def check_secrets(settings: Settings) -> list[str]:
    """Return what is wrong with secrets/, a line for each: missing, open to others, out of step with .env."""
    try:
        password = redis_password(settings)
    except SeatrialError as error:
        return [error.what]
    return problems(settings.path("secrets"), password)


def secret_values(settings: Settings) -> list[tuple[str, str]]:
    """Return every value that must never show up anywhere, with its name.

    These are the passwords, the client's token, and what .env sets under the name of a secret. Raises SeatrialError
    SECRETS when a file of them cannot be read.
    """
    environment = load_env(settings)
    named = {**environment, PASSWORD: os.environ.get(PASSWORD) or environment.get(PASSWORD, "")}
    found = {value: name for name, value in named.items() if SECRET_NAME.search(name.upper())}
    with _refused(settings):
        for file in _secret_files(settings):
            text = file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""
            if not re.search(r"\s", text):
                found.setdefault(text, str(file.relative_to(settings.root)))
    return [(name, value) for value, name in found.items() if len(value) >= SHORTEST_SECRET]


def password_faults(settings: Settings) -> list[str]:
    """Return what is wrong with the passwords of Redis, a line for each; no value is in them."""
    if settings.managed:
        return [what for what, _ in env_faults(settings.path(".env"))]
    found = []
    for name in settings.redis_passwords.values():
        file = settings.path(name)
        text = file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else ""
        if fault := password_fault(text):
            found.append(f"{name} {fault}")
    return found


def _secret_files(settings: Settings) -> list[Path]:
    """Return the files that hold a secret each: those of the closed folder, and those that the settings name."""
    if settings.managed:
        return [settings.path("secrets") / name for name in (*SECRET_FILES, CLIENT_FILE)]
    folder = settings.path("secrets")
    own = sorted(file for file in folder.iterdir() if file.is_file()) if folder.is_dir() else []
    return [*own, *(settings.path(name) for name in settings.redis_passwords.values())]


def secret_places(settings: Settings) -> list[Path]:
    """Return the files that `secret_values` reads; nothing when the environment holds one, which no file tells."""
    if os.environ.get(PASSWORD):
        return []
    with _refused(settings):
        return [settings.path(".env"), *_secret_files(settings)]


@contextlib.contextmanager
def _refused(settings: Settings) -> Iterator[None]:
    """Turn what cannot be read into an error: what is not known cannot be looked for."""
    try:
        yield
    except OSError as error:
        folder = settings.path("secrets")
        raise SeatrialError(
            Code.SECRETS, f"{error.filename} cannot be read: {error.strerror}", hint=f"sudo chown -R $USER {folder}"
        ) from error


def _prepare_config(settings: Settings) -> list[str]:
    path = settings.path(CONFIG)
    if path.exists():
        return []
    example = settings.path(CONFIG_EXAMPLE)
    try:
        path.write_bytes(example.read_bytes())
        path.chmod(CONFIG_MODE)
    except OSError as error:
        raise SeatrialError(
            Code.CONFIG_FILE,
            f"{CONFIG} cannot be made from {CONFIG_EXAMPLE}: {error.strerror}",
            hint="git status config",
        ) from error
    return [f"wrote {CONFIG} from {CONFIG_EXAMPLE}: look through it before production"]


def _prepare_env(settings: Settings) -> list[str]:
    path = settings.path(".env")
    did = []
    text = envfile.read(path)
    sets_password = any(assignment.key == PASSWORD for assignment in envfile.assignments(text))
    if not sets_password and not os.environ.get(PASSWORD):
        envfile.assign(path, PASSWORD, secrets.token_urlsafe(PASSWORD_BYTES))
        did.append(f"wrote a generated {PASSWORD} to .env")
    if path.exists() and stat.S_IMODE(path.stat().st_mode) & ~envfile.MODE:
        try:
            path.chmod(envfile.MODE)
        except OSError as error:
            raise SeatrialError(
                Code.ENV_FILE, f".env is open to others: {error.strerror}", hint="sudo chmod 600 .env"
            ) from error
        did.append(".env was open to others: now 0600")
    return did
