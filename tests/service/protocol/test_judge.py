"""Verdict and reason for every case of the corpus, and the vectors."""

from __future__ import annotations

import pytest

from service.protocol import eip712
from service.protocol.judge import Rejection
from service.protocol.payment import parse_request
from service.protocol.reasons import Reason
from service.protocol.strict_json import MalformedError
from tests.service.buyer import JUDGE, KIND, NOW, authorization_of, body, paid
from tests.service.protocol.corpus import CASES, STRICTER, VALID, Case, spec_example


def verdict(case: Case) -> str:
    try:
        payment = parse_request(body(case.make()))
    except MalformedError:
        return Reason.INVALID_PAYLOAD
    decided = JUDGE.decide(payment, case.now)
    return decided.reason if isinstance(decided, Rejection) else VALID


@pytest.mark.parametrize("case", CASES + STRICTER, ids=lambda case: case.name)
def test_the_verdict_and_its_reason(case: Case) -> None:
    assert verdict(case) == case.verdict


@pytest.mark.parametrize("case", STRICTER, ids=lambda case: case.name)
def test_a_difference_from_the_sdk_is_deliberate(case: Case) -> None:
    assert case.because
    assert case.sdk != case.verdict


def test_the_specification_s_own_payment() -> None:
    target = spec_example()
    assert KIND.separator.hex() == "71f17a3b2ff373b803d70a5a07c046c1a2bc8e89c09ef722fcb047abe94c9818"
    digest = eip712.digest(KIND.separator, authorization_of(target))
    assert digest.hex() == "f256992871671abcb27ff92885a7afa46218724e5fc0bac35d050115aa1d22e6"
    assert JUDGE.decide(parse_request(body(target)), NOW) == digest


def test_a_payment_signed_with_a_known_key() -> None:
    target = paid()
    assert target["paymentPayload"]["payload"]["signature"] == (
        "0xd8686c42378dfacfbb7db155fb05d7fde8c56f2bd27201943badb5df97bd56dd"
        "42afcbc7e4d05e4af8d648098bfbfef333984d7fc9b3cc33e4e7b386b08741241c"
    )
    decided = JUDGE.decide(parse_request(body(target)), NOW)
    assert isinstance(decided, bytes)
    assert decided.hex() == "67ca314803e6e7015cf9d048636aed65eda69b111ba45f93b1579d812fae25d2"


def test_the_last_moment_is_the_last_second_that_is_accepted() -> None:
    payment = parse_request(body(spec_example()))
    last = JUDGE.last_moment(payment)
    assert isinstance(JUDGE.decide(payment, last), bytes)
    assert isinstance(JUDGE.decide(payment, last + 1), Rejection)


def test_an_unknown_scheme_comes_before_an_unknown_network() -> None:
    target = paid()
    target["paymentRequirements"] |= {"scheme": "upto", "network": "eip155:1"}
    decided = JUDGE.decide(parse_request(body(target)), NOW)
    assert isinstance(decided, Rejection)
    assert decided.reason is Reason.UNSUPPORTED_SCHEME
