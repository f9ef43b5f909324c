"""Parsers of what others wrote: whatever it is, they end, and raise nothing but what is expected."""

from __future__ import annotations

import contextlib
import io
import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from seatrial.evidence import acl, redis_conf
from seatrial.evidence.commands import cannot_fail, hides_redis_errors, ignores_http_errors
from seatrial.evidence.redis import read_reply
from seatrial.evidence.references import is_pinned
from seatrial.ports import is_loopback
from tests import good

RULES = (
    *("on", "off", "nopass", "resetpass", "reset", "allkeys", "~*", "%RW~x", "%", "(", ")", "(+@all", "~y)", "+", "-"),
    *("+@all", "-@all", "+config|get", ">", "<", "#", "!", "clearselectors", "&*", "user", "default", "\u00e9"),
)
ADDRESSES = ("", "127.0.0.1", "::1", "[::1]", "0", "0.0.0.0", "localhost", "::ffff:127.0.0.1", "1" * 400, "\ud800")
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(ADDRESSES)
MOUNTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["bind", "volume", "tmpfs", "npipe", "image", "cluster", ""]),
        "source": st.text(st.sampled_from("/.~ad:\\"), max_size=12),
        "target": st.text(st.sampled_from("/.~ad:\\"), max_size=12),
        "read_only": st.booleans(),
        "bind": st.fixed_dictionaries({}, optional={"propagation": st.sampled_from(["shared", "rshared", ""])}),
    },
)
PORTS = st.fixed_dictionaries({}, optional={"target": VALUES, "published": VALUES, "host_ip": VALUES, "mode": VALUES})
SHELL = st.lists(
    st.sampled_from(
        ["if", "then", "fi", "else", "exit", "0", "1", "||", "&&", ";", "|", "&", "curl", "redis-cli", "-e"]
    )
    | st.sampled_from(["-e", "PONG", "grep", "'", '"', "$(", ")", "\n", "-c", "sh", "true", "!", "{", "}"])
    | st.text(max_size=4),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@example([[], ["<0", ">secret", "user", ">more"]])
@given(st.lists(st.lists(st.sampled_from(RULES) | st.text(max_size=5), max_size=8), max_size=4))
def test_users_of_redis(lines: list[list[str]]) -> None:
    text = "\n".join(f"user {' '.join(words)}" for words in lines)
    for user in acl.parse(text).values():
        assert not (user.needs_no_password and user.passwords)
        assert isinstance(user.dangerous, list)
    assert acl.parse(acl.masked(text)).keys() == acl.parse(text).keys()


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=80), st.lists(st.text(max_size=10) | st.sampled_from(["--", "--a", "redis-server"]), max_size=6)
)
def test_settings_of_redis(text: str, words: list[str]) -> None:
    for directive in [*redis_conf.of_file(text, "f"), *redis_conf.of_command(words, "c")[1]]:
        assert directive.name == directive.name.lower()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"*3\r\n", b"$2\r\n", b"ab\r\n", b"*-1\r\n"])).map(b"".join))
def test_replies_of_redis(data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        assert isinstance(read_reply(io.BytesIO(data)), str)


@settings(max_examples=100, deadline=None)
@given(st.lists(PORTS, max_size=3), st.lists(MOUNTS, max_size=3), st.text(max_size=20))
def test_ports_mounts_and_users_of_a_model(
    ports: list[dict[str, object]], mounts: list[dict[str, object]], user: str
) -> None:
    for name in ("facilitator", "redis-prod"):
        evidence = good.evidence().with_service(
            name, lambda service: service.update(ports=ports, volumes=mounts, user=user, tmpfs=[user])
        )
        json.loads(evidence.documents["compose.production"])
        for check in ("ports", "host_folders", "data_volumes", "read_only", "user", "secret_files", "redis_config"):
            good.problems(f"compose.{check}", evidence)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40) | st.sampled_from(ADDRESSES))
def test_addresses_and_references(text: str) -> None:
    is_loopback(text)
    is_pinned(text)


@settings(max_examples=150, deadline=None)
@given(SHELL)
def test_scripts(words: list[str]) -> None:
    script = " ".join(words)
    cannot_fail(script)
    hides_redis_errors(script)
    ignores_http_errors(script)


def test_long_scripts_end() -> None:
    for piece in ("redis-cli -a ", "curl -", "grep -", "x | ", "if x; then ", "$(", "case PON ", "= ", "'"):
        script = piece * 3_000
        cannot_fail(script)
        hides_redis_errors(script)
        ignores_http_errors(script)
