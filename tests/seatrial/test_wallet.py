"""The buyer: what it signs is what the service recovers, though neither uses the other's code."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import process, wallet, wallet_program
from service.config_file import parse
from service.protocol import eip712
from service.protocol.judge import Rejection
from service.protocol.payment import Authorization, parse_request
from service.protocol.reasons import Reason
from service.wiring import judge
from tests.service.facilitator_harness import document

CHAIN = 84532
LEDGER = {"mode": "ledger"}


def config(**sections: Any) -> Any:
    return parse(json.dumps(document(**sections)))


def ledger_config() -> Any:
    kind = {**document()["kinds"][0], "network": "ledger:credits"}
    return config(settlement=LEDGER, kinds=[kind])


def pay(offers: list[dict[str, Any]], chain: int = CHAIN, now: int = 1_000_000) -> list[wallet.Payment]:
    return wallet.signed(json.dumps(wallet_program.payloads(offers, chain, now)))


def decided(payment: wallet.Payment, now: int = 1_000_000, found: Any = None) -> Rejection | bytes:
    return judge(found or config()).decide(parse_request(json.dumps(payment.request).encode()), now)


def test_the_service_takes_what_is_signed() -> None:
    offer = wallet.offer(config(), 10_000)
    payment, other = pay([offer, {**offer, "amount": "10001"}])
    assert isinstance(decided(payment), bytes)
    assert isinstance(decided(other), bytes)
    assert decided(payment) != decided(other)


def test_all_payments_of_one_call_are_of_one_payer_and_one_nonce_and_of_two_calls_of_none() -> None:
    offer = wallet.offer(config(), 1)
    one, other = pay([offer, {**offer, "amount": "2"}])
    (third,) = pay([offer])
    for key in ("from", "nonce"):
        assert one.authorization[key] == other.authorization[key] != third.authorization[key]


def test_what_was_altered_is_refused_for_its_signature() -> None:
    (payment,) = pay([wallet.offer(config(), 5)])
    refused = decided(payment.altered())
    assert isinstance(refused, Rejection)
    assert refused.reason is Reason.SIGNATURE
    assert isinstance(decided(payment), bytes)


def test_a_ledger_s_chain_id_is_the_one_that_supported_tells() -> None:
    found = ledger_config()
    offer = wallet.offer(found, 5)
    chain = eip712.chain_id("ledger:credits")
    supported = {"kinds": [{"network": "ledger:credits", "extra": {"chainId": chain}}]}
    assert wallet.chain_id(offer["network"], supported) == chain
    (payment,) = pay([offer], chain)
    assert isinstance(decided(payment, found=found), bytes)
    with pytest.raises(KeyError):
        wallet.chain_id("ledger:other", supported)
    with pytest.raises(KeyError):
        wallet.chain_id("ledger:credits", {"kinds": [{"network": "ledger:credits"}]})


def test_the_chain_id_of_a_chain_is_in_its_name() -> None:
    assert wallet.chain_id("eip155:84532", {}) == CHAIN


ADDRESSES = st.binary(min_size=20, max_size=20)
NONCES = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**256 - 1)


@settings(max_examples=50, deadline=None)
@given(
    ADDRESSES,
    ADDRESSES,
    ADDRESSES,
    NUMBERS,
    st.integers(0, 2**40),
    st.binary(min_size=32, max_size=32),
    st.text(min_size=1),
)
def test_both_lay_out_the_same_digest(
    asset: bytes, payer: bytes, payee: bytes, value: int, until: int, nonce: bytes, name: str
) -> None:
    offer = {"asset": "0x" + asset.hex(), "extra": {"name": name, "version": "2"}}
    written = {
        "from": "0x" + payer.hex(),
        "to": "0x" + payee.hex(),
        "value": str(value),
        "validAfter": "0",
        "validBefore": str(until),
        "nonce": "0x" + nonce.hex(),
    }
    separator = eip712.domain_separator(name, "2", CHAIN, asset)
    theirs = eip712.digest(separator, Authorization(payer, payee, value, 0, until, nonce))
    assert wallet_program.digest(offer, CHAIN, written) == theirs


def test_the_digest_of_the_specification_s_example() -> None:
    offer = {"asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "extra": {"name": "USDC", "version": "2"}}
    authorization = {
        "from": "0x857b06519E91e3A54538791bDbb0E22373e36b66",
        "to": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        "value": "10000",
        "validAfter": "1740672089",
        "validBefore": "1740672154",
        "nonce": "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480",
    }
    expected = "f256992871671abcb27ff92885a7afa46218724e5fc0bac35d050115aa1d22e6"
    assert wallet_program.digest(offer, CHAIN, authorization).hex() == expected


def test_the_command_signs_as_a_program_of_its_own() -> None:
    _, *words = wallet.signing([wallet.offer(config(), 7)], CHAIN)
    done = process.run([sys.executable, *words], timeout_seconds=60)
    (payment,) = wallet.signed(done.stdout)
    assert isinstance(decided(payment, int(time.time())), bytes)


@pytest.mark.parametrize("output", ["", "Traceback ...", "{}"])
def test_what_is_no_payment_is_refused(output: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting value|not a list"):
        wallet.signed(output)


@pytest.mark.parametrize(("skew", "most", "expected"), [(6, 3600, 306), (6, 60, 60), (3000, 3600, 3300)])
def test_an_offer_is_paid_within_what_the_facilitator_takes(skew: int, most: int, expected: int) -> None:
    found = config(settlement={"skewSeconds": skew, "maxWindowSeconds": most})
    offer = wallet.offer(found, 1)
    assert offer["maxTimeoutSeconds"] == expected
    (payment,) = pay([offer])
    assert isinstance(decided(payment, found=found), bytes)
