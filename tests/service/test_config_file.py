import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.config import Config
from service.config_file import ConfigError, load, parse
from tests.service.facilitator_harness import ROOT, document

EXAMPLE = document()


def problems_of(text: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text if isinstance(text, str) else json.dumps(text))
    return list(caught.value.problems)


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Give the example with one value replaced."""
    copy = deepcopy(EXAMPLE)
    *parents, last = path
    at: Any = copy
    for key in parents:
        at = at[key]
    at[last] = value
    return copy


def test_the_example_is_valid() -> None:
    config = load(ROOT / "config" / "config.example.json")
    assert config.server.port == 3000
    assert config.redis.username == "facilitator"
    assert str(config.redis.password_file) == "/run/secrets/redis_password"
    assert config.redis.timeout_seconds == 1.0
    assert config.kinds[0].network == "eip155:84532"
    assert config.kinds[0].domain_name == "USDC"


def test_only_redis_and_kinds_are_required() -> None:
    config = parse(json.dumps({"redis": {"host": "r"}, "kinds": EXAMPLE["kinds"]}))
    example = parse(json.dumps(EXAMPLE))
    assert config.server == example.server
    assert config.settlement == example.settlement
    assert (config.log_level, config.clients) == (example.log_level, example.clients)
    assert (config.redis.port, config.redis.username, config.redis.password_file) == (6379, None, None)


def test_null_stands_for_no_user_and_no_password() -> None:
    config = parse(json.dumps(document(redis={"host": "r", "username": None, "passwordFile": None})))
    assert (config.redis.username, config.redis.password_file) == (None, None)


def test_clients_are_read_and_their_digests_made_lower_case() -> None:
    config = parse(json.dumps(document(auth={"clients": [{"name": "shop", "tokenSha256": "AB" * 32}]})))
    assert (config.clients[0].name, config.clients[0].token_sha256) == ("shop", "ab" * 32)


def test_all_problems_are_told_at_once() -> None:
    wrong = document(
        server={"port": "3000", "prot": 1},
        redis={"port": 0},
        kinds=[{"scheme": "upto", "network": "base", "asset": "0x1", "domain": {"name": ""}, "payTo": ["0x2", 3]}],
    )
    assert problems_of(wrong) == [
        "kinds[0].asset: must be a 20-byte address, 0x and 40 hex digits, and not zero",
        "kinds[0].domain.name: must be 1 to 64 characters, no control characters",
        "kinds[0].domain.version: is required",
        "kinds[0].network: must be a CAIP-2 network such as eip155:84532, or ledger:<name> in lower case",
        "kinds[0].payTo[0]: must be a 20-byte address, 0x and 40 hex digits, and not zero",
        "kinds[0].payTo[1]: must be a 20-byte address, 0x and 40 hex digits, and not zero",
        "kinds[0].scheme: must be one of exact",
        "redis.host: is required",
        "redis.port: must be a whole number from 1 to 65535",
        "server.port: must be a whole number from 0 to 65535",
        "server.prot: unknown key (known: drainSeconds, host, maxBodyBytes, maxConnections, port)",
    ]


SINGLE: dict[tuple[str | int, ...], list[Any]] = {
    ("server", "host"): ["localhost", "", 1, None, "0.0.0.0/0", "256.1.1.1"],
    ("server", "port"): [-1, 65536, 3000.0, "3000", True, None, 10**400],
    ("server", "maxConnections"): [0, 10_001],
    ("server", "maxBodyBytes"): [1023, 1_048_577],
    ("server", "drainSeconds"): [-1, 301],
    ("logging", "level"): ["INFO", "trace", 1, None],
    ("redis", "host"): ["", "a b", "redis:6379", "redis://r", "-a", "a..b", "a" * 64, 1, None],
    ("redis", "db"): [-1, 10_000],
    ("redis", "username"): ["", "a b", "é", 1],
    ("redis", "passwordFile"): ["", "relative", "/a\nb", 1, None],
    ("redis", "tls"): [0, "false", None],
    ("redis", "timeoutMs"): [9, 60_001, 1.5],
    ("settlement", "mode"): ["chain", None],
    ("settlement", "retentionSeconds"): [59],
    ("settlement", "maxWindowSeconds"): [0, 6],
    ("settlement", "skewSeconds"): [-1],
    ("kinds", 0, "network"): ["eip155:", "eip155:01", "eip155:0x1", "EIP155:1", "solana:x", "ledger:", "ledger:A"],
    ("kinds", 0, "asset"): ["0x" + "0" * 40, "0X" + "1" * 40, "1" * 40, "0x" + "1" * 39, "0x" + "g" * 40],
    ("kinds", 0, "domain"): [None, [], "USDC"],
    ("kinds", 0, "domain", "name"): ["", "a\n", "a" * 65, "\ud800", 1],
    ("kinds", 0, "payTo"): [[], None, "0x" + "1" * 40, {}],
    ("kinds",): [[], None, {}, "x"],
    ("auth", "clients"): [None, {}, "x"],
    ("auth", "requestsPerSecond"): [-1, 1.5, "1", None],
    ("redis",): [None, [], "redis://"],
}


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in SINGLE.items() for value in values])
def test_one_wrong_value_is_one_problem_at_its_path(path: tuple[str | int, ...], value: object) -> None:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]
    (problem,) = problems_of(changed(path, value))
    assert problem.startswith(f"{text}: ")


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "::", "::1"])
def test_addresses_to_listen_on(host: str) -> None:
    assert parse(json.dumps(document(server={"host": host}))).server.host == host


@pytest.mark.parametrize("host", ["redis-prod", "redis_prod", "a.b-c.example", "10.0.0.1", "::1", "r"])
def test_hosts_of_redis(host: str) -> None:
    assert parse(json.dumps(document(redis={"host": host}))).redis.host == host


MODES = {"record": "eip155:1", "ledger": "ledger:shop"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("network", MODES.values())
def test_a_network_is_settled_in_its_own_mode_only(mode: str, network: str) -> None:
    text = changed(("kinds", 0, "network"), network)
    text["settlement"] = {"mode": mode}
    if network == MODES[mode]:
        assert parse(json.dumps(text)).kinds[0].network == network
    else:
        (problem,) = problems_of(text)
        assert problem.startswith(f"kinds[0].network: is not for settlement.mode {mode}")


def test_an_inline_password_is_refused_and_not_repeated() -> None:
    (problem,) = problems_of(document(redis={"host": "r", "password": "hunter2"}))
    assert problem.startswith("redis.password: may not be written here")
    assert "passwordFile" in problem
    assert "hunter2" not in problem


def test_a_token_written_in_place_of_its_digest_is_not_repeated() -> None:
    (problem,) = problems_of(document(auth={"clients": [{"name": "shop", "tokenSha256": "hunter2"}]}))
    assert problem == "auth.clients[0].tokenSha256: must be the SHA-256 of the token, 64 hex digits"


def test_a_user_needs_a_password_file() -> None:
    (problem,) = problems_of(document(redis={"host": "r", "username": "u"}))
    assert problem == "redis.passwordFile: is required with a username"


def test_repeated_keys_are_refused_wherever_they_are() -> None:
    text = (
        json.dumps(EXAMPLE)
        .replace('"port": 3000', '"port": 3000, "port": 3001')
        .replace('"version"', '"name": "x", "version"')
    )
    assert problems_of(text) == [
        "kinds[0].domain.name: is written more than once",
        "server.port: is written more than once",
    ]


def test_unknown_keys_are_refused_at_the_top_too() -> None:
    (problem,) = problems_of(document(cors={}))
    assert problem == "cors: unknown key (known: auth, kinds, logging, redis, server, settlement)"


def test_an_odd_key_does_not_break_the_line() -> None:
    (problem,) = problems_of(document(server={'a"\n\u202e' + "x" * 500: 1}))
    assert problem.isascii()
    assert problem.isprintable()
    assert problem.startswith(r'server["a\"\n\u202exxx')
    assert len(problem) < 200


def test_twins_are_told_with_both_places() -> None:
    client = {"name": "shop", "tokenSha256": "a" * 64}
    kind = EXAMPLE["kinds"][0]
    twin = {**kind, "asset": "0x" + kind["asset"][2:].upper()}
    assert problems_of(document(auth={"clients": [client, client]}, kinds=[kind, twin])) == [
        "auth.clients[1].name: is the same as in auth.clients[0]",
        "auth.clients[1].tokenSha256: is the same as in auth.clients[0]",
        "kinds[1].asset: is the same as in kinds[0]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nonsense",
        "{'a': 1}",
        '{"a": NaN}',
        '{"a": -Infinity}',
        "\ufeff{}",
        "[" * 60_000,
        "1" * 5000,
        '{"a": 1,}',
    ],
)
def test_what_is_not_json_is_one_problem(text: str) -> None:
    (problem,) = problems_of(text)
    assert problem.startswith("not JSON: ") or problem == "the document: must be an object"


@pytest.mark.parametrize("text", ["[]", "1", "null", '"x"', "true"])
def test_a_document_must_be_an_object(text: str) -> None:
    assert problems_of(text) == ["the document: must be an object"]


def file_problem(path: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    return problem


def test_files_that_cannot_be_read_are_told_apart(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    latin = tmp_path / "latin"
    latin.write_bytes(b'{"a": "\xe9"}')
    large = tmp_path / "large"
    large.write_bytes(b" " * 65537)
    assert file_problem(tmp_path / "none") == "cannot be read: No such file or directory"
    assert file_problem(tmp_path / "large" / "x") == "cannot be read: Not a directory"
    assert file_problem(tmp_path).startswith("is a directory")
    assert file_problem(fifo) == "is not a regular file"
    assert file_problem(latin) == "is not UTF-8 (byte 7)"
    assert file_problem(large) == "is larger than 65536 bytes"


def test_a_file_of_the_full_size_is_read(tmp_path: Path) -> None:
    path = tmp_path / "full"
    path.write_text(json.dumps(EXAMPLE).ljust(65536))
    assert isinstance(load(path), Config)


def problems_or_none(text: str) -> tuple[str, ...] | None:
    try:
        parse(text)
    except ConfigError as error:
        return error.problems
    return None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
places = st.sampled_from([*SINGLE, *((section,) for section in EXAMPLE), ("extra",)])


@settings(max_examples=300)
@given(st.lists(st.tuples(places, anything), min_size=1, max_size=4))
def test_any_document_is_read_or_refused(changes: list[tuple[tuple[str | int, ...], Any]]) -> None:
    text = deepcopy(EXAMPLE)
    for path, value in changes:
        at: Any = text
        for key in path[:-1]:
            try:
                at = at[key]
            except (KeyError, IndexError, TypeError):
                break
        if isinstance(at, dict):
            at[path[-1]] = value
    problems = problems_or_none(json.dumps(text))
    assert problems is None or problems
    assert all(problem.isprintable() for problem in problems or ())


@settings(max_examples=300)
@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    assert problems_of(text)
