"""What opens a Redis by its configuration file or its list of users, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

HASH = "#" + "0" * 64
CLOSED = f"user default off\nuser facilitator on {HASH} ~x402:* -@all +set\nuser admin on {HASH} ~* &* +@all\n"


def conf(line: str) -> Evidence:
    """Return good evidence whose redis.conf has one more line."""

    def edit(mounts: dict[str, dict[str, str]]) -> None:
        (source,) = [path for path in mounts if path.endswith("redis.conf")]
        mounts[source]["text"] += f"\n{line}\n"

    return good.evidence().edited("compose.mounts", edit)


def acl(text: str) -> Evidence:
    return good.evidence().with_document("compose.acl", {"/run/secrets/redis_acl": text})


@pytest.mark.parametrize(
    "line",
    [
        "protected-mode no",
        "PROTECTED-MODE no",
        "  protected-mode   No",
        'protected-mode "no"',
        "loadmodule /usr/lib/redis/evil.so",
        "replicaof other 6379",
        "slaveof other 6379",
        "enable-debug-command yes",
        "enable-debug-command local",
        "enable-module-command yes",
        "enable-protected-configs yes",
        "unixsocketperm 777",
        "unixsocketperm 0666",
        "include /etc/redis/more.conf",
        "requirepass ''",
        "acl-pubsub-default allchannels",
        "tls-auth-clients no",
    ],
)
def test_a_line_that_opens_redis_is_seen(line: str) -> None:
    assert good.problems("compose.redis_config", conf(line))


@pytest.mark.parametrize(
    "line",
    [
        "# protected-mode no",
        "replicaof no one",
        "protected-mode no\nprotected-mode yes",
        "unixsocketperm 700",
        "rename-command CONFIG ''",
        "bind * -::*",
        "save 60 1",
        "tls-auth-clients optional",
        "unbalanced 'quote",
    ],
)
def test_a_line_that_opens_nothing(line: str) -> None:
    assert good.problems("compose.redis_config", conf(line)) == []


def test_a_file_without_its_users_is_seen() -> None:
    evidence = good.evidence().edited(
        "compose.mounts",
        lambda mounts: [facts.update(text="port 6379\n") for facts in mounts.values()] and None,
    )
    assert any("nobody is asked" in line for line in good.problems("compose.redis_config", evidence))


@pytest.mark.parametrize(
    "rules",
    [
        f"on {HASH} +@all",
        f"on {HASH} allcommands",
        f"on {HASH} ALLCOMMANDS -flushall",
        f"on {HASH} +@all -@dangerous +config|get",
        f"on {HASH} ~*",
        f"on {HASH} allkeys",
        f"on {HASH} AllKeys",
        f"on {HASH} ~**",
        f"on {HASH} ~?*",
        f"on {HASH} %RW~*",
        f"on {HASH} %r~*",
        f"on {HASH} %W~*",
        f"on {HASH} ~x402:* (~* +get)",
        f"on {HASH} ~x402:* (+@all ~y:*)",
        f"on {HASH} -@all +@admin",
        f"on {HASH} -@all +@dangerous",
        f"on {HASH} -@all +@keyspace",
        f"on {HASH} -@all +flushall",
        f"on {HASH} -@all +ACL",
        f"on {HASH} -@all +config|set",
        f"on {HASH} nopass ~x402:*",
        f"on nopass {HASH} nopass",
        "on >written-out ~x402:*",
        f"off nopass {HASH} on nopass",
        f"resetpass {HASH} nopass on",
        f"reset on {HASH} ~* -@all +get",
    ],
)
def test_rules_that_open_a_user_are_seen(rules: str) -> None:
    assert good.problems("compose.redis_users", acl(f"{CLOSED}user probe {rules}\n"))


@pytest.mark.parametrize(
    "rules",
    [
        f"on {HASH} ~x402:* -@all +get",
        f"on {HASH} ~* resetkeys ~x402:* +@all -@all +get",
        f"on {HASH} %R~x402:* +@read -@dangerous",
        f"off {HASH} ~* +@all",
        f"on nopass resetpass {HASH} -@all +ping",
        f"on >a <a {HASH} +ping",
        f"on {HASH} +@all -@all +get (+set ~x402:*) clearselectors",
        f"on {HASH} +@all -@admin -@dangerous",
        f"on nopass {HASH} +ping",
        f"~* +@all on {HASH} reset on {HASH} +ping",
        f"on {HASH} (~* +@all) clearselectors +ping",
        f"on {HASH} sanitize-payload &* +ping",
    ],
)
def test_rules_that_keep_a_user_closed(rules: str) -> None:
    assert good.problems("compose.redis_users", acl(f"{CLOSED}user probe {rules}\n")) == []


@pytest.mark.parametrize(
    "text",
    [
        CLOSED.replace("user default off\n", ""),
        CLOSED.replace("user default off", "USER default on"),
        CLOSED + "user default on nopass ~* &* +@all\n",
        CLOSED + f"user default on {HASH}\n",
        CLOSED.replace("user default off", "user default reset on"),
        "",
        "# user default off\n",
    ],
)
def test_a_default_user_that_is_on_is_seen(text: str) -> None:
    assert good.problems("compose.redis_users", acl(text))


@pytest.mark.parametrize(
    "line", ["user guest on nopass ~* +@all", "user default on >x", "user guest on >x ~* &* +@all", "USER a on nopass"]
)
def test_a_user_line_in_the_configuration_is_seen(line: str) -> None:
    assert good.problems("compose.redis_users", conf(line))


def test_a_user_on_the_command_line_is_seen() -> None:
    evidence = good.evidence().with_service(
        "redis-prod",
        lambda s: s.update(command=["redis-server", "/etc/redis/redis.conf", "--user", "guest", "on", "nopass"]),
    )
    assert good.problems("compose.redis_users", evidence)
