"""Whatever the body: a payment, or a refusal that says where; never anything else."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.protocol.payment import Payment, VersionError, parse_request
from service.protocol.strict_json import MAX_DEPTH, MalformedError, same
from tests.service.buyer import AUTHORIZATION, SIGNATURE, body, document, paid, put

DECIMALS = [AUTHORIZATION + key for key in ("value", "validAfter", "validBefore")] + ["paymentRequirements.amount"]
ADDRESSES = [AUTHORIZATION + "from", AUTHORIZATION + "to", "paymentRequirements.asset", "paymentPayload.accepted.payTo"]
NOT_DECIMAL: list[Any] = [
    "",
    " ",
    "1e4",
    "1_000",
    " 10 ",
    "10\n",
    "+1",
    "-1",
    "01",
    "00",
    "0x10",
    "1.0",
    "\u0663",
    "\uff11",
    "\u00b2",
    "1\u200b",
]
NOT_DECIMAL += [str(2**256), "9" * 78, "9" * 5000, 10_000, 1.0, True, None, [], {}, ...]
NOT_ADDRESS: list[Any] = [
    "",
    "0x",
    "0x" + "1" * 39,
    "0x" + "1" * 41,
    "1" * 40,
    "0X" + "1" * 40,
    "0x" + "g" * 40,
    "0x" + "\uff11" * 40,
]
NOT_ADDRESS += ["0x" + "1" * 40 + "\n", " 0x" + "1" * 40, 1, None, ...]


@pytest.mark.parametrize("path", DECIMALS)
@pytest.mark.parametrize("value", NOT_DECIMAL)
def test_what_is_no_decimal_string_is_refused_with_its_path(path: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=path.rpartition(".")[2]):
        parse_request(body(put(paid(), path, value)))


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize("value", NOT_ADDRESS)
def test_what_is_no_address_is_refused(path: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=path.rpartition(".")[2]):
        parse_request(body(put(paid(), path, value)))


@pytest.mark.parametrize(
    "value", ["0x", "0x" + "0" * 63, "0x" + "0" * 65, "0" * 64, "0x" + "0" * 63 + "g", 0, None, ...]
)
def test_what_is_no_nonce_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError, match="nonce"):
        parse_request(body(put(paid(), AUTHORIZATION + "nonce", value)))


@pytest.mark.parametrize("value", ["", "00", "0x0", "0xzz", "0X00", "0x00\n", 0, None, ...])
def test_a_signature_that_is_no_bytes_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError, match="signature"):
        parse_request(body(put(paid(), SIGNATURE, value)))


@pytest.mark.parametrize("value", [-1, 1.5, 60.0, "60", True, None, 2**53, ...])
def test_a_timeout_is_a_whole_number_of_seconds(value: Any) -> None:
    with pytest.raises(MalformedError, match="maxTimeoutSeconds"):
        parse_request(body(put(paid(), "paymentRequirements.maxTimeoutSeconds", value)))


@pytest.mark.parametrize("value", ["", "x" * 65, 1, None, ...])
@pytest.mark.parametrize("key", ["scheme", "network"])
def test_scheme_and_network_are_short_texts(key: str, value: Any) -> None:
    with pytest.raises(MalformedError, match=key):
        parse_request(body(put(paid(), f"paymentRequirements.{key}", value)))


@pytest.mark.parametrize("path", ["x402Version", "paymentPayload.x402Version"])
@pytest.mark.parametrize("version", [0, 1, 3, -2, 10**30])
def test_another_version_has_a_reason_of_its_own(path: str, version: int) -> None:
    with pytest.raises(VersionError):
        parse_request(body(put(paid(), path, version)))


def test_another_version_may_have_another_shape() -> None:
    with pytest.raises(VersionError):
        parse_request(b'{"x402Version":1,"paymentHeader":"..."}')


@pytest.mark.parametrize("path", ["x402Version", "paymentPayload.x402Version"])
@pytest.mark.parametrize("version", ["2", 2.0, True, None, ...])
def test_a_version_is_a_whole_number(path: str, version: Any) -> None:
    with pytest.raises(MalformedError, match="x402Version"):
        parse_request(body(put(paid(), path, version)))


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b" ", b"null", b"[]", b"1", b'"x"', b"{", b"{}{}", b"{'a':1}", b'{"a":1,}', b"\xff", b"\xef\xbb\xbf{}"),
        *(b'{"x402Version":NaN}', b'{"x402Version":Infinity}', b'{"x402Version":-Infinity}', b'{"a":1e999}'),
        *(b'{"x402Version":2,"x402Version":2}', b'{"a":{"b":1,"\\u0062":2}}', b'{"a":"\\ud800"}', b'{"\\udc00":1}'),
        *(b'{"a":' + b"9" * 5000 + b"}", b'{"a":"\x00"}', b'{"a":"\n"}', "{}".encode("utf-16"), b"\x00"),
        *(b"[" * 60_000, b'{"a":' * 10_000, b"[" * 900 + b"]" * 900, b"[" * 30_000 + b"]" * 30_000),
    ],
    ids=lambda raw: repr(raw[:24]),
)
def test_what_is_not_strict_json_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(raw)


def test_a_refusal_never_repeats_what_was_sent() -> None:
    with pytest.raises(MalformedError) as refused:
        parse_request(body(put(paid(), SIGNATURE, "very-secret")))
    assert "very-secret" not in str(refused.value)


def test_pairs_of_surrogates_are_characters() -> None:
    raw = body(put(paid(), "paymentPayload.resource", {"description": "\U0001f980"}))
    assert b"\\ud83e" in raw
    assert isinstance(parse_request(raw), Payment)


@pytest.mark.parametrize("levels", [MAX_DEPTH - 4, MAX_DEPTH - 3])
def test_extra_may_be_nested_up_to_the_limit(levels: int) -> None:
    deep: Any = 1
    for _ in range(levels):
        deep = [deep]
    target = paid()
    target["paymentPayload"]["accepted"]["extra"]["deep"] = deep
    if levels <= MAX_DEPTH - 4:
        assert isinstance(parse_request(body(target)), Payment)
    else:
        with pytest.raises(MalformedError, match="deeply"):
            parse_request(body(target))


def test_what_the_specification_does_not_name_is_left_alone() -> None:
    target = put(put(paid(), "paymentPayload.extensions", {"x": 1}), "later", None)
    assert parse_request(body(target)) == parse_request(body(paid()))


def test_sameness_is_that_of_json() -> None:
    assert same({"a": [1, "x", None]}, {"a": [1, "x", None]})
    for one, other in [
        (1, True),
        (1, 1.0),
        (0, False),
        ([], {}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ([1], [1, 2]),
        ("1", 1),
    ]:
        assert not same({"k": one}, {"k": other})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def paths(target: Any, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [prefix] if prefix else []
    if isinstance(target, dict):
        for key, value in target.items():
            found += paths(value, (*prefix, key))
    return found


@given(st.lists(st.tuples(st.sampled_from(paths(document())), json_values | st.just(...)), min_size=1, max_size=3))
def test_any_replaced_value_gives_a_payment_or_a_refusal(changes: list[tuple[tuple[str, ...], Any]]) -> None:
    target = copy.deepcopy(paid())
    for (*parents, last), value in changes:
        place: Any = target
        for name in parents:
            place = place.get(name) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            continue
        if value is ...:
            place.pop(last, None)
        else:
            place[last] = value
    raw = json.dumps(target).encode()
    with suppress(MalformedError, VersionError):
        assert isinstance(parse_request(raw), Payment)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_order(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_request(raw)
