"""Users as a container runtime resolves them: through the image's own passwd and group."""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAXIMUM_ID = 2**31 - 1
_MAXIMUM_DIGITS = 10
_HASH = re.compile(r"[$_]|[./0-9A-Za-z]{13}$")
"""How a password's hash begins, or what it is in its oldest form. Anything else locks an account."""
_HIDDEN_HASH = "$hidden$"


@dataclass(frozen=True)
class Account:
    """Who a process runs as. None where the image's own files do not tell; `groups` are those it joins besides."""

    written: str
    uid: int | None
    gid: int | None
    groups: tuple[int, ...] = ()


def resolve(written: str, passwd: str, group: str) -> Account:
    """Return the ids that a USER means, as runc finds them.

    A number is itself, a name is looked up in passwd, and the first line that fits counts. Without a group the passwd
    line gives it, else it is 0, and the process joins each group whose line lists the user. A number that cannot be
    read in passwd or group counts as 0.
    """
    user, _, group_name = written.partition(":")
    users, groups = _rows(passwd, columns=4), _rows(group, columns=4)
    number = _number(user)
    if number is not None or not user:
        row = next((row for row in users if _id(row[2]) == (number or 0)), None)
    else:
        row = next((row for row in users if row[0] == user), None)
    uid = _id(row[2]) if row else number if user else 0
    gid: int | None = _id(row[3]) if row else None if uid is None else 0
    if not group_name:
        joined = tuple(_id(line[2]) for line in groups if row and row[0] in line[3].split(","))
        return Account(written, uid, gid, joined)
    gid = _number(group_name)
    if gid is None:
        gid = next((_id(line[2]) for line in groups if line[0] == group_name), None)
    return Account(written, uid, gid)


def without_hashes(shadow: str) -> str:
    """Return the lines of a shadow file without its hashes, which belong neither into a cache nor into a report.

    What is left of a password is whether there is none, one, or one that nobody can have.
    """
    rows = [fields for fields in (line.strip().split(":") for line in shadow.split("\n")) if len(fields) > 1]
    return "".join(f"{name}:{_HIDDEN_HASH if is_hash(password) else password and '*'}\n" for name, password, *_ in rows)


def is_hash(password: str) -> bool:
    """Whether a password field holds a password's hash, so that somebody can log in with it."""
    return bool(_HASH.match(password))


def _rows(text: str, *, columns: int) -> list[list[str]]:
    """Return the lines of a passwd-like file; missing columns are empty, as for runc."""
    rows = [line.strip().split(":") for line in text.split("\n") if line.strip()]
    return [[*fields, *[""] * (columns - len(fields))] for fields in rows]


def _number(text: str) -> int | None:
    """Return a number as Go reads it: `0`, `00`, `+0` and `-0` are one. None for what cannot be an id."""
    if not re.fullmatch(r"[+-]?[0-9]+", text) or len(text.lstrip("+-0")) > _MAXIMUM_DIGITS:
        return None
    return int(text) if 0 <= int(text) <= _MAXIMUM_ID else None


def _id(text: str) -> int:
    return _number(text) or 0
