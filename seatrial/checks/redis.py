"""Who gets what from the production Redis. Every reply was given by a real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.users import faults
from seatrial.evidence import MissingEvidence, acl
from seatrial.evidence.redis import DEFAULT, Question, questions
from seatrial.ports import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_OPEN = "+PONG"


def _asked(evidence: Evidence, *subjects: str) -> list[Question]:
    """Return the questions about some subjects."""
    begin = tuple(f"{subject}:" for subject in subjects)
    return [question for question in questions(evidence.settings) if question.name.startswith(begin)]


def _judge(evidence: Evidence, asked: list[Question], where: str) -> Iterator[Problem]:
    """Compare each reply with what the question expects."""
    for question in asked:
        reply = evidence.reply(question.name)
        if not reply.startswith(question.expected):
            yield Problem(f"{question.asks}: {reply.splitlines()[0] if reply else '(nothing)'}", where)


def _user(evidence: Evidence, role: str) -> str:
    """Return the name of a user of Redis. Raises MissingEvidence when the settings name none for that role."""
    name = evidence.settings.redis_users.get(role, "")
    evidence.document("redis.replies", "")
    if not name:
        raise MissingEvidence(f"redis_users in [tool.seatrial] names no {role}")
    return name


@check(
    "redis.no_password",
    sabotage=lambda e: e.with_reply("no password: PING", _OPEN),
    mend="`user default off` in the ACL file",
)
def no_password(evidence: Evidence) -> Iterator[Problem]:
    """Without a password every command is refused with NOAUTH.

    Whoever reaches the port would otherwise own every payment record.
    """
    yield from _judge(evidence, _asked(evidence, "no password"), evidence.settings.redis_service)


@check(
    "redis.wrong_password",
    sabotage=lambda e: e.with_reply("wrong password: PING", _OPEN),
    mend="give every user in the ACL file a password (#hash), and none `nopass`",
)
def wrong_password(evidence: Evidence) -> Iterator[Problem]:
    """A wrong password, an unknown user and the default user are refused with WRONGPASS.

    A user with `nopass` takes any password, and looks as if it were protected.
    """
    asked = _asked(evidence, "wrong password", "wrong password of admin", "unknown user", "default user")
    yield from _judge(evidence, asked, evidence.settings.redis_service)


@check(
    "redis.right_password",
    sabotage=lambda e: e.with_reply("service: PING", "-WRONGPASS invalid username-password pair or user is disabled."),
    mend="./invoke setup renders secrets/ from .env again; then ./invoke up --prod",
)
def right_password(evidence: Evidence) -> Iterator[Problem]:
    """With their right passwords the service and the probe are let in.

    A Redis that refuses everyone would pass every other question.
    """
    for question in _asked(evidence, "service", "probe"):
        if question.expected == _OPEN and (reply := evidence.reply(question.name)) != _OPEN:
            yield Problem(f"{question.name}: {reply}", evidence.settings.redis_service)


@check(
    "redis.least_privilege",
    sabotage=lambda e: e.with_reply("service: CONFIG GET dir", "dir\n/data"),
    mend="give the user -@all and only the commands and keys that it needs",
)
def least_privilege(evidence: Evidence) -> Iterator[Problem]:
    """The service's user may run only its own commands on its own keys.

    With CONFIG or MODULE an intruder in the service would own the server, with FLUSHALL every nonce could be used
    again.
    """
    asked = [question for question in _asked(evidence, "service") if question.expected != _OPEN]
    yield from _judge(evidence, asked, _user(evidence, "service"))


@check(
    "redis.probe",
    sabotage=lambda e: e.with_reply(f"probe: GET {e.settings.redis_keys}canary", "1"),
    mend="`user probe on #hash -@all +ping`",
)
def probe(evidence: Evidence) -> Iterator[Problem]:
    """The health check's user may only PING.

    Its password lies in the Redis container, where the service's own does not.
    """
    asked = [question for question in _asked(evidence, "probe") if question.expected != _OPEN]
    yield from _judge(evidence, asked, _user(evidence, "probe"))


@check(
    "redis.users",
    sabotage=lambda e: e.edited("redis.users", lambda text: text + "\nuser guest on nopass ~* &* +@all"),
    mend="remove the user from the ACL file, or add it to what is planned",
)
def users(evidence: Evidence) -> Iterator[Problem]:
    """Redis knows the planned users and no other; each has a password, and `default` is off.

    One more user is one more way in, and nobody changes its password.
    """
    found = acl.parse(evidence.document("redis.users", ""))
    evidence.seen["users"] += len(found)
    planned, admin = set(evidence.settings.redis_users.values()), evidence.settings.redis_users.get("admin", "")
    for name in sorted(set(found) ^ {DEFAULT, *planned}):
        yield Problem("the user is not planned" if name in found else "the user is missing", f"user {name}")
    for name, user in found.items():
        for fault in faults(user, admin):
            yield Problem(fault, f"user {name}")
        if user.is_on and not user.is_open and not user.passwords:
            yield Problem("the user has no password", f"user {name}")


@check(
    "redis.health_check",
    sabotage=lambda e: e.edited("redis.health_check", lambda codes: {**codes, "wrong": 0}),
    mend="redis-cli -e --user probe ping | grep -qx PONG, the password from /run/secrets",
)
def health_check(evidence: Evidence) -> Iterator[Problem]:
    """Redis's health check is green with the right password and red with a wrong one.

    A check that stays green without authentication hides a stack that cannot work.
    """
    codes = evidence.document("redis.health_check", "")
    where = f"{evidence.settings.redis_service}: health check"
    evidence.seen["health checks"] += len(codes)
    if codes.get("right") != 0:
        yield Problem(f"with the right password it ends with {codes.get('right', 'nothing: there is none')}", where)
    if codes.get("wrong", 0) == 0:
        yield Problem("with a wrong password it stays green", where)


def _opened(evidence: Evidence) -> Evidence:
    """Publish Redis on every address."""
    evidence.needs("redis_service")
    name, inside = evidence.settings.redis_service, f"{evidence.settings.redis_port}/tcp"
    binding = {"HostIp": "0.0.0.0", "HostPort": "6380"}  # noqa: S104 - the fault
    return evidence.edited(
        "trial.containers", lambda found: found[name]["NetworkSettings"]["Ports"].update({inside: [binding]})
    )


@check(
    "redis.loopback",
    sabotage=_opened,
    mend="publish it on 127.0.0.1, and put it on an internal network with the service",
)
def loopback(evidence: Evidence) -> Iterator[Problem]:
    """Redis is reached on loopback only, and meets the service on a network without a way out.

    A password is the second line; the first is that nobody can knock.
    """
    container = evidence.container(evidence.settings.redis_service)
    for inside, bindings in (container["NetworkSettings"].get("Ports") or {}).items():
        for binding in bindings or []:
            if not is_loopback(str(binding.get("HostIp") or "")):
                yield Problem(
                    f"{inside} is published on {binding.get('HostIp') or 'every address'}",
                    evidence.settings.redis_service,
                )
    evidence.needs("service")
    model = evidence.json("trial.model", "")
    services = model["services"]
    shared = set(services[evidence.settings.service].get("networks") or {}) & set(
        services[evidence.settings.redis_service].get("networks") or {}
    )
    if not shared:
        yield Problem("the service and Redis share no network", "networks")
    for name in shared:
        if not (model["networks"].get(name) or {}).get("internal"):
            yield Problem("the network that both share is not internal", f"networks.{name}")


@check(
    "redis.service_user",
    sabotage=lambda e: e.edited(
        "redis.clients", lambda text: text.replace(f" user={e.settings.redis_users['service']}", " user=somebody")
    ),
    mend='"username": "facilitator" and passwordFile in config/config.json',
)
def service_user(evidence: Evidence) -> Iterator[Problem]:
    """The service's own connection is authenticated as its user.

    A service that connects as somebody else makes the limits of its user worthless.
    """
    clients = [
        dict(re.findall(r"(\S+?)=(\S*)", line)) for line in evidence.document("redis.clients", "").splitlines() if line
    ]
    evidence.seen["connections"] += len(clients)
    # A connection that has said nothing yet, or is just saying who it is, is listed as `default` too.
    names = [client.get("user") for client in clients if client.get("cmd") not in {"NULL", "auth", "hello"}]
    user = _user(evidence, "service")
    if user not in names:
        yield Problem(f"no connection is authenticated as {user}", evidence.settings.redis_service)
    for name in sorted({str(name) for name in names} - set(evidence.settings.redis_users.values())):
        yield Problem(f"there is a connection as {name}", evidence.settings.redis_service)


@check(
    "redis.persistence",
    sabotage=lambda e: e.edited("redis.settings", lambda text: text.replace("appendonly\nyes", "appendonly\nno")),
    mend="appendonly yes, appendfsync always, maxmemory-policy noeviction in config/redis.conf",
)
def persistence(evidence: Evidence) -> Iterator[Problem]:
    """Redis writes every change to disk and evicts nothing.

    A claim that is forgotten can be made again: the same payment would be accepted twice.
    """
    words = evidence.document("redis.settings", "").split("\n")
    settings = dict(zip(words[::2], words[1::2], strict=False))
    evidence.seen["settings"] += len(settings)
    where = evidence.settings.redis_service
    volumes = evidence.json("trial.model", "")["services"][where].get("volumes") or []
    kept = [str(mount.get("target")).rstrip("/") for mount in volumes if mount.get("type") == "volume"]
    if not any(f"{settings.get('dir')}/".startswith(f"{folder}/") for folder in kept):
        yield Problem(f"it writes to {settings.get('dir')}, which is on no volume", where)
    if settings.get("appendonly") != "yes":
        yield Problem("appendonly is off", f"{where}: appendonly")
    if settings.get("appendfsync") != "always":
        yield Problem(f"appendfsync is {settings.get('appendfsync')}", f"{where}: appendfsync")
    if settings.get("maxmemory-policy") != "noeviction":
        yield Problem(f"maxmemory-policy is {settings.get('maxmemory-policy')}", f"{where}: maxmemory-policy")
    if settings.get("maxmemory") in {None, "0"}:
        yield Problem(
            "there is no maxmemory: the container's limit would kill the server instead", f"{where}: maxmemory"
        )


@check(
    "redis.durability",
    sabotage=lambda e: e.edited("redis.durability", lambda d: {**d, "read": ""}),
    mend="appendonly yes, and /data on a named volume",
)
def durability(evidence: Evidence) -> Iterator[Problem]:
    """A write that was acknowledged is still there after kill -9.

    It was written to the trial's Redis, which was then killed and started again.
    """
    seen = evidence.document("redis.durability", "acknowledged writes")
    if seen["acknowledged"] != "+OK":
        yield Problem(f"the write was answered with {seen['acknowledged']}", evidence.settings.redis_service)
    elif seen["read"] != seen["written"]:
        yield Problem("the acknowledged write is gone after kill -9", evidence.settings.redis_service)


@check(
    "redis.negative_control",
    sabotage=lambda e: e.edited("redis.open_replies", lambda _: {q.name: q.expected for q in questions(e.settings)}),
    mend="a defect of seatrial: the questions do not tell an open Redis from a closed one",
)
def negative_control(evidence: Evidence) -> Iterator[Problem]:
    """A Redis without a password fails these very questions.

    It was started beside the trial stack and asked the same: questions that an open server passes prove nothing.
    """
    open_replies = evidence.document("redis.open_replies", "")
    evidence.seen["replies"] += len(open_replies)
    for question in _asked(evidence, "no password"):
        if not question.harmless:
            continue
        if question.name not in open_replies:
            yield Problem(f"an open Redis was not asked: {question.asks}", "open-redis")
        elif open_replies[question.name].startswith(question.expected):
            yield Problem(f"an open Redis passes the question {question.asks}", "open-redis")
