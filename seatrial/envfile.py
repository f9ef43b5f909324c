"""The .env file, as Docker Compose reads it: values out, single assignments in, every other byte untouched."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Iterator

MODE = 0o600
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_ASSIGNMENT = re.compile(rb"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=(?P<value>.*)")


@dataclass(frozen=True)
class Assignment:
    """One line of .env that sets a variable: the value as it is written, quotes and comments included."""

    line: int
    key: str
    value: str


def read(path: Path) -> bytes:
    """Return the bytes of .env; nothing when there is no such file. Raises SeatrialError ENV_FILE."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except IsADirectoryError as error:
        raise SeatrialError(
            Code.ENV_FILE, f"{path.name} is a folder", hint=f"rmdir {path.name} && ./invoke setup"
        ) from error
    except OSError as error:
        raise SeatrialError(
            Code.ENV_FILE, f"{path.name} cannot be read: {error.strerror}", hint=f"ls -l {path.name}"
        ) from error


def assignments(text: bytes) -> Iterator[Assignment]:
    """Yield what each line sets, in order; of several for one key, Docker Compose takes the last."""
    for number, line in enumerate(text.removeprefix(BYTE_ORDER_MARK).split(b"\n"), start=1):
        match = _ASSIGNMENT.match(line)
        if match:
            value = match["value"].removesuffix(b"\r").decode("utf-8", "surrogateescape")
            yield Assignment(number, match["key"].decode("ascii"), value)


def values(path: Path) -> dict[str, str]:
    """Return every variable that .env sets, without interpolation. Raises SeatrialError ENV_FILE."""
    from io import StringIO  # noqa: PLC0415 - with python-dotenv, only for tasks that read .env

    from dotenv import dotenv_values  # noqa: PLC0415

    text = read(path)
    try:
        parsed = dotenv_values(stream=StringIO(text.decode("utf-8-sig")), interpolate=False)
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise SeatrialError(
            Code.ENV_FILE, f"{path.name} line {line} is not UTF-8", hint=f"save {path.name} as UTF-8"
        ) from error
    return {key: value or "" for key, value in parsed.items()}


def assign(path: Path, key: str, value: str) -> None:
    """Set a variable: in the last line that sets it, else in a new line at the end."""
    text = read(path)
    lines = text.split(b"\n")
    new = f"{key}={value}".encode()
    at = [assignment.line for assignment in assignments(text) if assignment.key == key]
    if at:
        ending = b"\r" if lines[at[-1] - 1].endswith(b"\r") else b""
        lines[at[-1] - 1] = new + ending
        write(path, b"\n".join(lines))
    else:
        separator = b"" if not text or text.endswith(b"\n") else b"\n"
        write(path, text + separator + new + b"\n")


def write(path: Path, text: bytes) -> None:
    """Replace .env at once, readable by its owner only; a link stays a link."""
    target = Path(os.path.realpath(path))
    handle, temporary = tempfile.mkstemp(prefix=".env.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(text)
        Path(temporary).chmod(MODE)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
