"""Faults of payments, each in the spellings that it can come in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import verify
from seatrial.checks import all_checks
from seatrial.verify import Verdict
from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

PAYMENT = [check for check in all_checks() if check.family == "payment"]
USED = "invalid_exact_evm_nonce_already_used"


def answered(name: str, status: int = 200, **document: Any) -> Evidence:
    """Return evidence in which the service answered something else."""
    return raw(name, json.dumps(document), status)


def raw(name: str, body: str, status: int = 200) -> Evidence:
    return good.evidence().edited("trial.payment", lambda seen: seen.update({name: {"status": status, "body": body}}))


def in_mode_ledger(**settled: Any) -> Evidence:
    def edit(seen: dict[str, Any]) -> None:
        seen["mode"] = "ledger"
        seen["settled"] = seen["settled_again"] = {"status": 200, "body": json.dumps(settled)}

    return good.evidence().edited("trial.payment", edit)


@pytest.mark.parametrize(
    "found",
    [
        answered("verified", isValid=False, invalidReason="invalid_exact_evm_payload_signature"),
        answered("verified", isValid="true"),
        answered("verified", 503, isValid=False, invalidReason="unexpected_verify_error"),
        answered("verified", 404),
        raw("verified", "ConnectionRefusedError", 0),
        raw("verified", "[]"),
        answered("settled", success=True, transaction=""),
        answered("settled", success=True, transaction="0x" + "1" * 64, errorReason="settlement_not_broadcast"),
        answered("settled", success=False, transaction="0x1", errorReason="settlement_not_broadcast"),
        answered("settled", success=False, errorReason="settlement_pending"),
        answered("settled", 503, success=False, errorReason="unexpected_settle_error"),
        answered("record", 404, error="not_found"),
        answered("record", payer="0x" + "1" * 40),
        in_mode_ledger(success=True, transaction=""),
        in_mode_ledger(success=False, errorReason="insufficient_funds"),
    ],
)
def test_a_payment_that_is_not_accepted_as_it_should(found: Evidence) -> None:
    assert good.problems("payment.accepted", found)


def test_in_mode_ledger_value_moves() -> None:
    assert not good.problems("payment.accepted", in_mode_ledger(success=True, transaction="0x" + "1" * 64))


@pytest.mark.parametrize(
    "found",
    [
        answered("altered", isValid=True),
        answered("altered", isValid=False, invalidReason="invalid_payload"),
        answered("altered", 500),
        raw("altered", "TimeoutError", 0),
    ],
)
def test_a_signature_that_nobody_looked_at(found: Evidence) -> None:
    assert good.problems("payment.signed", found)


@pytest.mark.parametrize(
    "found",
    [
        answered("verified_again", isValid=True),
        answered("verified_again", isValid=False, invalidReason="invalid_exact_evm_payload_valid_before"),
        answered("settled_other", success=True, transaction="0x1"),
        answered("settled_other", success=False, errorReason="settlement_not_broadcast"),
        answered("settled_other", 503, success=False, errorReason="unexpected_settle_error"),
        answered("settled_again", success=False, errorReason=USED),
        raw("settled_again", "", 0),
    ],
)
def test_a_payment_that_is_taken_twice_or_told_otherwise(found: Evidence) -> None:
    assert good.problems("payment.once", found)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"status": 200, "body": "{}"}, {"status": 404, "body": "{}"}),
        ({"status": 200, "body": "{}"}, {"status": 0, "body": "TimeoutError"}),
        ({"status": 200, "body": '{"amount": "1"}'}, {"status": 200, "body": '{"amount": "2"}'}),
        ({"status": 404, "body": "{}"}, {"status": 404, "body": "{}"}),
        ({"status": 0, "body": "x"}, {"status": 0, "body": "x"}),
    ],
)
def test_a_record_that_did_not_survive_or_never_was(before: dict[str, Any], after: dict[str, Any]) -> None:
    found = good.evidence().with_document("trial.settlement", {"before": before, "after": after})
    assert good.problems("payment.survives", found)


@pytest.mark.parametrize(
    ("check_id", "name"), [("payment.needs_token", "POST /verify"), ("payment.private", "GET /metrics")]
)
@pytest.mark.parametrize(
    ("word", "status"),
    [("none", 200), ("none", 400), ("none", 403), ("none", 0), ("wrong", 200), ("right", 401), ("right", 0)],
)
def test_a_door_that_is_open_or_open_to_nobody(check_id: str, name: str, word: str, status: int) -> None:
    found = good.evidence().edited("trial.access", lambda seen: seen[name].update({word: status}))
    assert good.problems(check_id, found)


def test_when_nothing_could_be_signed_it_fails_and_says_why() -> None:
    found = good.evidence().with_document("trial.payment", {"error": "nothing was signed"})
    documents = {
        name: value for name, value in found.documents.items() if name not in {"trial.access", "trial.settlement"}
    }
    results = {
        check.id: verify.judge(check, type(found)(found.settings, documents, {}, found.wanted)) for check in PAYMENT
    }
    assert {name for name, result in results.items() if result.verdict is Verdict.FAIL} == {
        *("payment.accepted", "payment.signed", "payment.once")
    }
    assert {name for name, result in results.items() if result.verdict is Verdict.SKIP} == {
        *("payment.survives", "payment.needs_token", "payment.private")
    }
    assert results["payment.accepted"].problems[0].message == "the payment is not valid: nothing was signed"
