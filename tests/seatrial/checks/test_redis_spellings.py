"""Replies and settings of Redis that break a promise, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from seatrial.evidence.redis import questions
from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

QUESTIONS = questions(good.settings())
USERS = """user admin on #0 ~* &* +@all
user default off resetchannels -@all
user facilitator on #0 ~x402:* resetchannels -@all +set +select +ping
user probe on #0 resetchannels -@all +ping"""


def users(old: str, new: str) -> Evidence:
    assert old in USERS
    return good.evidence().with_document("redis.users", USERS.replace(old, new, 1))


def settings(**changes: str) -> Evidence:
    words = good.evidence().document("redis.settings").split("\n")
    found = {
        **dict(zip(words[::2], words[1::2], strict=True)),
        **{key.replace("_", "-"): value for key, value in changes.items()},
    }
    return good.evidence().with_document("redis.settings", "\n".join(word for pair in found.items() for word in pair))


def check_of(name: str) -> str:
    """Return the check that judges the reply to a question."""
    who = name.partition(":")[0]
    by_subject = {
        "no password": "redis.no_password",
        "wrong password": "redis.wrong_password",
        "wrong password of admin": "redis.wrong_password",
        "unknown user": "redis.wrong_password",
        "default user": "redis.wrong_password",
        "service": "redis.right_password" if name == "service: PING" else "redis.least_privilege",
        "probe": "redis.right_password" if name == "probe: PING" else "redis.probe",
    }
    return by_subject[who]


@pytest.mark.parametrize(
    "reply",
    [
        "+OK",
        "",
        ":0",
        "-ERR unknown command",
        "-DENIED Redis is running in protected mode",
        "-LOADING",
        "-MISCONF x",
        "1\n2",
    ],
)
@pytest.mark.parametrize("question", [question.name for question in QUESTIONS])
def test_another_reply_to_any_question_is_seen(question: str, reply: str) -> None:
    assert good.problems(check_of(question), good.evidence().with_reply(question, reply))


@pytest.mark.parametrize("question", [question for question in QUESTIONS if question.expected != "+PONG"])
def test_an_open_door_is_seen(question: Any) -> None:
    assert good.problems(check_of(question.name), good.evidence().with_reply(question.name, "+PONG"))


@pytest.mark.parametrize(
    "evidence",
    [
        users("user default off", "user default on nopass"),
        users("user default off", "user default on #0"),
        users("user probe on #0", "user probe on nopass"),
        users("user probe on #0", "user probe on"),
        users("+set +select +ping", "+@all"),
        users("+set +select +ping", "+@all -flushall"),
        users("+set +select +ping", "+@admin"),
        users("+set +select +ping", "+@dangerous"),
        users("~x402:*", "~*"),
        users("~x402:*", "%R~* ~x402:*"),
        users("+set +select +ping", "+ping (~* +@all)"),
        users("user probe", "user guest"),
        users("user facilitator", "user guest on #0 -@all\nuser facilitator"),
        users(USERS.splitlines()[2] + "\n", ""),
    ],
)
def test_faults_of_users_are_seen(evidence: Evidence) -> None:
    assert good.problems("redis.users", evidence)


def test_planned_users() -> None:
    assert good.problems("redis.users", good.evidence().with_document("redis.users", USERS)) == []
    assert good.problems("redis.users", users("user probe on #0", "user probe off #0")) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"appendonly": "no"},
        {"appendfsync": "no"},
        {"appendfsync": "everysec"},
        {"maxmemory_policy": "allkeys-lru"},
        {"maxmemory_policy": "volatile-ttl"},
        {"maxmemory": "0"},
    ],
)
def test_faults_of_persistence_are_seen(changes: dict[str, str]) -> None:
    assert good.problems("redis.persistence", settings(**changes))


def test_settings_that_keep_everything() -> None:
    assert good.problems("redis.persistence", settings(appendfsync="always", maxmemory="1048576", save="")) == []
    assert good.problems("redis.persistence", good.evidence().with_document("redis.settings", "-NOPERM x"))


@pytest.mark.parametrize("codes", [{}, {"right": 0}, {"right": 0, "wrong": 0}, {"right": 1, "wrong": 1}, {"wrong": 1}])
def test_a_health_check_that_says_nothing_is_seen(codes: dict[str, int]) -> None:
    assert good.problems("redis.health_check", good.evidence().with_document("redis.health_check", codes))


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "", None, "192.0.2.1", "::1f"])
def test_a_port_of_redis_on_the_network_is_seen(address: str | None) -> None:
    evidence = good.evidence().edited(
        "trial.containers",
        lambda found: found["redis-prod"]["NetworkSettings"]["Ports"].update(
            {"6379/tcp": [{"HostIp": address, "HostPort": "1"}]}
        ),
    )
    assert good.problems("redis.loopback", evidence)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.9.9.9"])
def test_a_port_of_redis_on_loopback(address: str) -> None:
    evidence = good.evidence().edited(
        "trial.containers",
        lambda found: found["redis-prod"]["NetworkSettings"].update(
            Ports={"6379/tcp": [{"HostIp": address, "HostPort": "1"}], "26379/tcp": None}
        ),
    )
    assert good.problems("redis.loopback", evidence) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda model: model["networks"]["backend"].update(internal=False),
        lambda model: model["services"]["facilitator"].update(networks={"edge": None}),
        lambda model: model["services"]["redis-prod"].update(networks={"backend": None, "edge": None}),
    ],
)
def test_a_shared_network_with_a_way_out_is_seen(edit: Any) -> None:
    assert good.problems("redis.loopback", good.evidence().edited("trial.model", edit))


@pytest.mark.parametrize(
    "clients",
    [
        "",
        "id=1 user=admin",
        "id=1 user=default\nid=2 user=facilitator",
        "id=1 user=facilitator2",
        "id=1 name=user=facilitator user=probe",
    ],
)
def test_a_connection_as_somebody_else_is_seen(clients: str) -> None:
    assert good.problems("redis.service_user", good.evidence().with_document("redis.clients", clients))


def test_connections_as_planned() -> None:
    clients = "id=1 addr=x user=facilitator\nid=2 user=admin\nid=3 user=probe\n"
    assert good.problems("redis.service_user", good.evidence().with_document("redis.clients", clients)) == []


@pytest.mark.parametrize(
    "seen",
    [
        {"acknowledged": "-MISCONF x", "written": "a", "read": "a"},
        {"acknowledged": "+OK", "written": "a", "read": ""},
        {"acknowledged": "+OK", "written": "a", "read": "-NOAUTH"},
    ],
)
def test_a_lost_write_is_seen(seen: dict[str, str]) -> None:
    assert good.problems("redis.durability", good.evidence().with_document("redis.durability", seen))


def test_a_control_that_was_not_asked_is_seen() -> None:
    assert good.problems("redis.negative_control", good.evidence().with_document("redis.open_replies", {}))
