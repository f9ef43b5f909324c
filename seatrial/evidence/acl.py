"""Users of Redis as it understands them: rules are applied in order, and a later one undoes an earlier."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_CATEGORIES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("config", "acl", "module", "debug", "shutdown", "replicaof"), frozenset({"admin", "dangerous"})),
    **dict.fromkeys(("monitor", "save", "bgrewriteaof", "slaveof"), frozenset({"admin", "dangerous"})),
    **dict.fromkeys(("flushall", "flushdb"), frozenset({"keyspace", "write", "dangerous"})),
    "keys": frozenset({"keyspace", "read", "dangerous"}),
    "migrate": frozenset({"keyspace", "write", "dangerous"}),
}
"""Commands that own the server or see past a user's own keys, with what Redis counts them among."""
_NAMES = {"allkeys": "~*", "allcommands": "+@all", "nocommands": "-@all", "allchannels": "&*"}
_RESET = ("resetpass", "resetkeys", "resetchannels", "off", "clearselectors", "-@all")
_KEYS = re.compile(r"(?:~|%[RWrw]{1,2}~)(.*)", re.DOTALL)
_ALL_KEYS = re.compile(r"(?:\?\*|\*)[*?]*")


@dataclass
class Grant:
    """Commands and keys that go together: the user's own, or those of a selector."""

    keys: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    """What was said of commands, in order, lower case."""

    def may(self, command: str) -> bool:
        """Whether a command is allowed in any of its forms."""
        allowed = False
        groups = {"all", *_CATEGORIES.get(command, ())}
        for rule in self.rules:
            name = rule[1:]
            is_meant = name[1:] in groups if name.startswith("@") else name.partition("|")[0] == command
            if is_meant and (rule[0] == "+" or "|" not in name):
                allowed = rule[0] == "+"
        return allowed

    @property
    def has_all_keys(self) -> bool:
        """Whether a pattern is one that every key fits."""
        return any(_ALL_KEYS.fullmatch(pattern) for pattern in self.keys)


@dataclass
class User:
    """A user, once all of its rules are applied."""

    name: str
    is_on: bool = False
    needs_no_password: bool = False
    passwords: set[str] = field(default_factory=set)
    own: Grant = field(default_factory=Grant)
    selectors: list[Grant] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether anybody can be this user. One that is on without any password is refused to everyone."""
        return self.is_on and self.needs_no_password

    @property
    def shows_password(self) -> bool:
        """Whether a password is written out instead of its hash."""
        return any(password.startswith(">") for password in self.passwords)

    @property
    def dangerous(self) -> list[str]:
        """Commands that it may run and that only an administrator needs."""
        grants = [self.own, *self.selectors]
        return [command for command in _CATEGORIES if any(grant.may(command) for grant in grants)]

    @property
    def has_all_keys(self) -> bool:
        """Whether it reaches every key."""
        return any(grant.has_all_keys for grant in (self.own, *self.selectors))


def parse(text: str) -> dict[str, User]:
    """Return the users of an ACL file, of `user` lines, or of ACL LIST. A user that is written twice adds up."""
    users: dict[str, User] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0].lower() == "user":
            user = users.setdefault(words[1], User(words[1]))
            for rule in _joined(words[2:]):
                _apply(user, rule)
    return users


def masked(text: str) -> str:
    """Return an ACL file without its passwords and hashes. A user's name may look like a password."""
    without_hashes = re.sub(r"([#!])[0-9a-fA-F]{64}", r"\g<1>" + "0" * 64, text)
    return "".join(
        re.sub(r"^(\s*(?i:user)\s+\S+)|(?<!\S)([<>])\S+", lambda found: found[1] or f"{found[2]}hidden", line)
        for line in without_hashes.splitlines(keepends=True)
    )


def _joined(words: list[str]) -> list[str]:
    """Return rules with each selector in one piece."""
    found: list[str] = []
    inside = False
    for word in words:
        if inside:
            found[-1] += f" {word}"
        else:
            found.append(word)
        inside = (inside or word.startswith("(")) and not word.endswith(")")
    return found


def _apply(user: User, written: str) -> None:
    rule = _NAMES.get(written.lower(), written)
    word = rule.lower()
    if word == "reset":
        for part in _RESET:
            _apply(user, part)
    elif word in {"on", "off"}:
        user.is_on = word == "on"
    elif word in {"nopass", "resetpass"}:
        user.needs_no_password, user.passwords = word == "nopass", set()
    elif word == "clearselectors":
        user.selectors = []
    elif rule[0] in "#>":
        user.needs_no_password = False
        user.passwords.add(rule)
    elif rule[0] in "<!":
        user.passwords.discard((">" if rule[0] == "<" else "#") + rule[1:])
    else:
        _give(user, rule)


def _give(user: User, rule: str) -> None:
    if rule[0] != "(":
        _grant(user.own, rule)
        return
    user.selectors.append(Grant())
    for part in rule.strip("()").split():
        _grant(user.selectors[-1], _NAMES.get(part.lower(), part))


def _grant(grant: Grant, rule: str) -> None:
    keys = _KEYS.fullmatch(rule)
    if rule.lower() == "resetkeys":
        grant.keys = []
    elif keys is not None:
        grant.keys.append(keys[1])
    elif rule[:1] in {"+", "-"}:
        grant.rules.append(rule.lower())
