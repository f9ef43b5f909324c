"""How the production Redis is configured: what is in its file, on its command line, and in its list of users."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.compose.model import words
from seatrial.checks.users import faults
from seatrial.evidence import acl, redis_conf
from seatrial.evidence.redis import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence
    from seatrial.evidence.redis_conf import Directive

_OPENS: dict[str, tuple[str, str]] = {
    "protected-mode": (r"no", "protected mode is off"),
    "loadmodule": (r".*", "a module is loaded into the server"),
    "replicaof": (r"(?!no one).*", "it is a copy of another server, which decides what it holds"),
    "slaveof": (r"(?!no one).*", "it is a copy of another server, which decides what it holds"),
    "enable-debug-command": (r"yes|local", "DEBUG can be called"),
    "enable-module-command": (r"yes|local", "modules can be loaded at run time"),
    "enable-protected-configs": (r"yes|local", "protected settings can be changed at run time"),
    "unixsocketperm": (r"\d*[2367]", "everybody on the machine can write to its socket"),
    "acl-pubsub-default": (r"allchannels", "users see every channel unless they are told otherwise"),
    "requirepass": (r"", "the password is empty"),
    "tls-auth-clients": (r"no", "clients need no certificate"),
}
"""What must not be said, and what it does."""
_ASKED_BY_ENVIRONMENT = re.compile(r"(?:REDIS|VALKEY)\w*PASSWORD_FILE")


def configuration(evidence: Evidence) -> list[Directive]:
    """Return what the production Redis is told, its file first: what stands later counts."""
    services = evidence.services()
    evidence.needs("redis_service")
    name = evidence.settings.redis_service
    service = services.get(name, {})
    argv = [*words(service.get("entrypoint")), *words(service.get("command"))]
    file, added = redis_conf.of_command(argv, f"services.{name}.command")
    return [*_of_file(evidence, file), *added]


def _of_file(evidence: Evidence, path: str) -> list[Directive]:
    """Return what the file at a path of the container says: a mount, or a config of the model."""
    service = evidence.services().get(evidence.settings.redis_service, {})
    configs = evidence.json("compose.production", "").get("configs") or {}
    known = evidence.document("compose.mounts", "")
    given = [(mount.get("target"), str(mount.get("source") or ""), "") for mount in service.get("volumes") or []]
    for config in service.get("configs") or []:
        told = configs.get(config.get("source")) or {}
        place = config.get("target") or f"/{config.get('source')}"
        given.append((place, str(told.get("file") or ""), str(told.get("content") or "")))
    for target, source, content in given:
        if path and posixpath.normpath(str(target)) == posixpath.normpath(path):
            name = posixpath.relpath(source, str(evidence.settings.root)) if source else f"configs: {target}"
            return redis_conf.of_file(content or known.get(source, {}).get("text", ""), name)
    return []


@check(
    "compose.redis_config",
    sabotage=lambda e: e.with_service(
        e.settings.redis_service, lambda s: s.update(command=["redis-server", "--protected-mode", "no"])
    ),
    mend="aclfile from a secret, protected-mode yes, and nothing that loads code or copies another server",
)
def redis_config(evidence: Evidence) -> Iterator[Problem]:
    """Redis asks everybody who they are, loads no code, copies no other server, and its settings stay as they are.

    Each of these opens it as wide as no password at all, and none shows in a list of users.
    """
    told = configuration(evidence)
    evidence.seen["settings of Redis"] += len(told) + 1
    last = {directive.name: directive for directive in told}
    for directive in told:
        opens = _OPENS.get(directive.name)
        if opens and last[directive.name] is directive and re.fullmatch(opens[0], directive.value):
            yield Problem(opens[1], directive.where)
        if directive.name == "include":
            yield Problem(f"{directive.value} is read too, and nobody has judged it", directive.where)
    yield from _asks_nobody(evidence, told)


def _asks_nobody(evidence: Evidence, told: list[Directive]) -> Iterator[Problem]:
    name = evidence.settings.redis_service
    environment = evidence.services().get(name, {}).get("environment") or {}
    asks = {"aclfile", "requirepass", "user"} & {directive.name for directive in told}
    if not asks and not any(_ASKED_BY_ENVIRONMENT.fullmatch(variable) for variable in environment):
        yield Problem("nobody is asked for a password", f"services.{name}.command")


@check(
    "compose.redis_users",
    sabotage=lambda e: e.edited(
        "compose.acl", lambda files: {**files, "/run/secrets/redis_acl": "user default on nopass ~* &* +@all"}
    ),
    mend="./invoke setup renders the users again; edit none by hand",
)
def redis_users(evidence: Evidence) -> Iterator[Problem]:
    """The users that Redis is given are closed: `default` is off, each has a hashed password, one may do everything.

    The file decides who may do what, and nobody looks at it once it is written.
    """
    files: dict[str, str] = dict(evidence.document("compose.acl"))
    lines: dict[str, list[str]] = {}
    for directive in configuration(evidence):
        if directive.name == "user":
            lines.setdefault(directive.where.partition(":")[0], []).append(f"user {' '.join(directive.words)}")
    for where, text in [*files.items(), *((name, "\n".join(found)) for name, found in lines.items())]:
        users = acl.parse(text)
        evidence.seen["users"] += len(users)
        if DEFAULT not in users:
            yield Problem("the default user is not named, so it is on, without a password", where)
        for user in users.values():
            for problem in faults(user, evidence.settings.redis_users.get("admin", "")):
                yield Problem(problem, f"{where}: user {user.name}")
