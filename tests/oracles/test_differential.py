"""Every payment that is drawn gets the SDK's verdict and reason, except where we are stricter on purpose.

What is drawn is a payment in order, then spoiled in some ways, then signed or not signed again. Each deliberate
difference is a rule below: where it applies the SDK may say what it likes and we owe the reason that stands there.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from service.protocol.eip712 import HALF_ORDER
from tests.oracles import sdk
from tests.service.buyer import ASSET, AUTHORIZATION, NETWORK, NOW, PAY_TO, SIGNATURE, paid, put, sign, with_high_s
from tests.service.protocol.corpus import (
    ACCEPTED,
    BAD_SIGNATURE,
    BEFORE,
    MALFORMED,
    REQUIRED,
    REQUIREMENTS,
    STRANGER,
    VALID,
    Case,
)
from tests.service.protocol.corpus import STRICTER as LISTED
from tests.service.protocol.test_judge import verdict

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = 600

amounts = st.sampled_from(["0", "1", "9999", "10000", "10001", str(2**255), str(2**256 - 1)])
times = st.integers(-70, 70).map(lambda seconds: str(NOW + seconds)) | st.sampled_from(["0", str(NOW + 10**7)])
addresses = st.sampled_from([PAY_TO, PAY_TO.lower(), "0x" + PAY_TO[2:].upper(), STRANGER])
networks = st.sampled_from([NETWORK, "eip155:8453", "eip155:1"])
extras = st.sampled_from(
    [
        {"name": "USDC", "version": "2"},
        {"name": "USD Coin", "version": "2"},
        {"name": "USDC"},
        {"version": "2"},
        {},
        {"name": "USDC", "version": "2", "assetTransferMethod": "eip3009"},
    ]
)
nonces = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
sides = st.sampled_from([(REQUIRED,), (ACCEPTED,), (REQUIRED, ACCEPTED)])


def put_all(places: tuple[str, ...], key: str, value: Any) -> list[tuple[str, Any]]:
    return [(place + key, value) for place in places]


changes = st.one_of(
    st.builds(put_all, sides, st.just("amount"), amounts),
    st.builds(put_all, sides, st.just("payTo"), addresses),
    st.builds(put_all, sides, st.just("network"), networks),
    st.builds(put_all, sides, st.just("asset"), st.sampled_from([ASSET, ASSET.lower(), STRANGER])),
    st.builds(put_all, sides, st.just("extra"), extras),
    st.builds(put_all, st.just((ACCEPTED,)), st.just("scheme"), st.sampled_from(["exact", "upto"])),
    st.builds(put_all, sides, st.just("maxTimeoutSeconds"), st.integers(0, 600)),
    st.builds(put_all, st.just((AUTHORIZATION,)), st.just("to"), addresses),
    st.builds(put_all, st.just((AUTHORIZATION,)), st.just("value"), amounts),
    st.builds(put_all, st.just((AUTHORIZATION,)), st.sampled_from(["validAfter", "validBefore"]), times),
    st.builds(put_all, st.just((AUTHORIZATION,)), st.just("nonce"), nonces),
    st.builds(put_all, st.just((AUTHORIZATION,)), st.just("from"), st.just(STRANGER)),
)


def unsigned(target: dict[str, Any]) -> dict[str, Any]:
    return target


def by_a_stranger(target: dict[str, Any]) -> dict[str, Any]:
    return sign(target, b"\x22" * 32)


def with_a_high_s(target: dict[str, Any]) -> dict[str, Any]:
    return with_high_s(sign(target))


def shortened(target: dict[str, Any]) -> dict[str, Any]:
    return put(target, SIGNATURE, target["paymentPayload"]["payload"]["signature"][:-2])


def with_v_29(target: dict[str, Any]) -> dict[str, Any]:
    return put(target, SIGNATURE, sign(target)["paymentPayload"]["payload"]["signature"][:-2] + "1d")


signers = st.sampled_from([sign, sign, sign, unsigned, by_a_stranger, with_a_high_s, shortened, with_v_29])


@dataclass(frozen=True)
class Rule:
    """A deliberate difference: where it applies, this reason, whatever the SDK says."""

    name: str
    applies: Callable[[dict[str, Any]], bool]
    reason: str


def requirements(target: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = target["paymentRequirements"]
    return found


def accepted(target: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = target["paymentPayload"]["accepted"]
    return found


def signature(target: dict[str, Any]) -> bytes:
    return bytes.fromhex(target["paymentPayload"]["payload"]["signature"][2:])


def alike(value: Any) -> Any:
    return value.lower() if isinstance(value, str) and value.startswith("0x") else value


def differ_where_the_sdk_does_not_look(target: dict[str, Any]) -> bool:
    keys = ("amount", "asset", "payTo", "maxTimeoutSeconds", "extra")
    return any(alike(requirements(target)[key]) != alike(accepted(target)[key]) for key in keys)


# In the order in which we look.
STRICTER = (
    Rule("a network that is not configured", lambda t: requirements(t)["network"] != NETWORK, "invalid_network"),
    Rule("an asset that is not configured", lambda t: alike(requirements(t)["asset"]) != ASSET.lower(), REQUIREMENTS),
    Rule(
        "accepted is not what is required",
        lambda t: (
            differ_where_the_sdk_does_not_look(t)
            and accepted(t)["scheme"] == "exact"
            and accepted(t)["network"] == requirements(t)["network"]
        ),
        REQUIREMENTS,
    ),
    Rule("another domain", lambda t: requirements(t)["extra"].get("name") == "USD Coin", REQUIREMENTS),
    Rule("a payTo that is not configured", lambda t: requirements(t)["payTo"] == STRANGER, REQUIREMENTS),
    Rule(
        "far ahead",
        lambda t: int(t["paymentPayload"]["payload"]["authorization"]["validBefore"]) > NOW + 3600,
        BEFORE,
    ),
    Rule("a high s", lambda t: int.from_bytes(signature(t)[32:64]) > HALF_ORDER, BAD_SIGNATURE),
    Rule("not 65 bytes of signature", lambda t: len(signature(t)) != 65, BAD_SIGNATURE),
    Rule("a v that is none", lambda t: signature(t)[64] not in {0, 1, 27, 28}, BAD_SIGNATURE),
)


def rule_for(target: dict[str, Any]) -> Rule | None:
    """The first rule that applies."""
    return next((rule for rule in STRICTER if rule.applies(target)), None)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(changes, max_size=3), signers)
def test_the_sdk_s_verdict_is_ours_unless_we_are_stricter_on_purpose(
    spoils: list[list[tuple[str, Any]]], signer: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    target = paid()
    for spoil in spoils:
        for path, value in spoil:
            put(target, path, copy.deepcopy(value))
    case = Case("drawn", lambda: copy.deepcopy(signer(target)), "")
    ours, theirs = verdict(case), sdk.verdict(case)
    rule = rule_for(case.make())
    event(f"{ours} / {rule.name if rule else 'as the SDK'}")
    if ours == theirs:
        return
    assert rule is not None, (ours, theirs)
    assert ours == rule.reason, (rule.name, ours, theirs)
    assert ours not in {VALID, MALFORMED}


@pytest.mark.parametrize("case", [case for case in LISTED if case.verdict != MALFORMED], ids=lambda case: case.name)
def test_each_listed_difference_is_one_of_the_rules(case: Case) -> None:
    rule = rule_for(case.make())
    assert rule is not None
    assert rule.reason == case.verdict


def test_each_rule_is_one_of_the_listed_differences() -> None:
    assert {rule_for(case.make()) for case in LISTED if case.verdict != MALFORMED} == set(STRICTER)
