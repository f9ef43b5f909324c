"""Users as a container runtime resolves them: through the image's own passwd and group."""

from __future__ import annotations

from dataclasses import dataclass

_MAXIMUM_ID = 2**31 - 1


@dataclass(frozen=True)
class Account:
    """Who a process runs as. None where the image's own files do not tell."""

    written: str
    uid: int | None
    gid: int | None


def resolve(written: str, passwd: str, group: str) -> Account:
    """Return the ids that a USER means, as runc finds them.

    A name is looked up in passwd; a number is itself, and its group comes from passwd when listed, else it is 0.
    A user given without a group takes the group of its passwd line.
    """
    user, has_group, group_name = written.partition(":")
    users = _table(passwd, columns=4)
    groups = _table(group, columns=3)
    if not user:
        uid: int | None = 0
        gid: int | None = 0
    else:
        row = users.get(user) or next((row for row in users.values() if _number(user) == _number(row[2])), None)
        if row is not None:
            uid, gid = _number(row[2]), _number(row[3])
        else:
            uid = _number(user)
            gid = 0 if uid is not None else None
    if has_group and group_name:
        named = groups.get(group_name)
        gid = _number(named[2]) if named is not None else _number(group_name)
    return Account(written, uid, gid)


def _table(text: str, *, columns: int) -> dict[str, list[str]]:
    """Return the lines of a passwd-like file by name; the first of two with one name counts, as for libc."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        fields = line.strip().split(":")
        if len(fields) >= columns and fields[0] and not fields[0].startswith("#"):
            found.setdefault(fields[0], fields)
    return found


def _number(text: str) -> int | None:
    digits = text.removeprefix("+")
    if digits.isascii() and digits.isdigit() and int(digits) <= _MAXIMUM_ID:
        return int(digits)
    return None
