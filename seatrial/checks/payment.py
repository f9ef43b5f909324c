"""What becomes of a payment. One was signed afresh and sent through a trial stack of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.evidence import Evidence

_USED = "invalid_exact_evm_nonce_already_used"
_SIGNATURE = "invalid_exact_evm_payload_signature"
_RECORDED = "settlement_not_broadcast"
_PAYMENTS = ("POST /verify", "POST /settle")
_PRIVATE = ("GET /metrics", "GET /settlements")
_OK, _UNAUTHORIZED = 200, 401


def _answer(evidence: Evidence, name: str) -> dict[str, Any]:
    """Return what the service said, with its status; no document is a document that says nothing."""
    seen = evidence.document("trial.payment", "")
    if "error" in seen:
        return {"error": seen["error"]}
    evidence.seen["answers"] += 1
    return {"status": seen[name]["status"], **_document(seen[name]["body"])}


def _document(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _changed(name: str, **fields: Any) -> Callable[[Any], None]:
    """Return an edit that changes fields of one answer."""

    def edit(seen: dict[str, Any]) -> None:
        if name in seen:
            seen[name]["body"] = json.dumps({**_document(seen[name]["body"]), **fields})

    return edit


def _said(answer: dict[str, Any]) -> str:
    for key in ("error", "invalidReason", "errorReason"):
        if answer.get(key):
            return str(answer[key])
    if answer.get("isValid") or answer.get("success"):
        return "it was accepted"
    return f"status {answer['status']}" if answer["status"] else "no answer"


@check(
    "payment.accepted",
    sabotage=lambda e: e.edited("trial.payment", _changed("verified", isValid=False)),
    mend="read ./invoke logs facilitator; tests/service/protocol holds the vectors of the digest",
)
def accepted(evidence: Evidence) -> Iterator[Problem]:
    """A freshly signed payment is valid, is settled, and its record is shown; success is said only when value moved.

    This is what the service is for. A success without a transaction would be goods without money.
    """
    verified, settled = _answer(evidence, "verified"), _answer(evidence, "settled")
    if verified.get("isValid") is not True:
        yield Problem(f"the payment is not valid: {_said(verified)}", "POST /verify")
    if "error" in settled:
        return
    mode = evidence.document("trial.payment", "")["mode"]
    if mode == "ledger":
        if settled.get("success") is not True or not settled.get("transaction"):
            yield Problem(f"the payment was not settled: {_said(settled)}", "POST /settle")
    elif settled.get("success") is not False or settled.get("errorReason") != _RECORDED or settled.get("transaction"):
        yield Problem(f"the payment was not recorded, but: {_said(settled)}", "POST /settle")
    record = _answer(evidence, "record")
    for key in ("payer", "nonce"):
        wanted = evidence.document("trial.payment", "")[key]
        if record.get(key) != wanted:
            yield Problem(f"the record's {key} is {record.get(key)}, not the payment's", "GET /settlements")


@check(
    "payment.signed",
    sabotage=lambda e: e.edited("trial.payment", _changed("altered", isValid=True)),
    mend="eip712.recover over the digest of what is asked, compared with `from`, before anything is claimed",
)
def signed(evidence: Evidence) -> Iterator[Problem]:
    """A payment that was altered after it was signed is refused for its signature.

    The signature is all that tells a buyer's payment from one that somebody made up.
    """
    altered = _answer(evidence, "altered")
    if altered.get("isValid") is not False or altered.get("invalidReason") != _SIGNATURE:
        yield Problem(f"a payment with another nonce than was signed: {_said(altered)}", "POST /verify")


@check(
    "payment.once",
    sabotage=lambda e: e.edited("trial.payment", _changed("verified_again", isValid=True)),
    mend="claim with one atomic command, SET NX or the ledger's function, and judge by what was there before",
)
def once(evidence: Evidence) -> Iterator[Problem]:
    """A payment is accepted once: its replay is refused as used, and so is another payment with its nonce.

    Settling the same again says the same again: a seller whose answer was lost must be able to ask.
    """
    again, other = _answer(evidence, "verified_again"), _answer(evidence, "settled_other")
    if again.get("isValid") is not False or again.get("invalidReason") != _USED:
        yield Problem(f"the same payment again: {_said(again)}", "POST /verify")
    if other.get("success") is not False or other.get("errorReason") != _USED:
        yield Problem(f"another payment with the same nonce: {_said(other)}", "POST /settle")
    first, second = _answer(evidence, "settled"), _answer(evidence, "settled_again")
    if first != second:
        yield Problem(f"settling the same again says something else: {_said(second)}", "POST /settle")


@check(
    "payment.survives",
    sabotage=lambda e: e.edited("trial.settlement", lambda s: s.update(after={"status": 404, "body": "{}"})),
    mend="appendonly yes and appendfsync always in config/redis.conf, and /data on a named volume",
)
def survives(evidence: Evidence) -> Iterator[Problem]:
    """The record of a settlement is the same after Redis was killed with kill -9 and started again.

    A claim that is forgotten can be made again, and the same payment would be accepted twice.
    """
    seen = evidence.document("trial.settlement", "records")
    if seen["before"]["status"] != _OK:
        yield Problem("there is no record that could survive", "GET /settlements")
    elif seen["after"] != seen["before"]:
        yield Problem(f"after kill -9 it is answered with {seen['after']['status'] or 'nothing'}", "GET /settlements")


@check(
    "payment.needs_token",
    sabotage=lambda e: e.edited("trial.access", lambda seen: seen["POST /settle"].update(none=400)),
    mend="gate.payments around the handlers of /verify and /settle in service/wiring.py",
)
def needs_token(evidence: Evidence) -> Iterator[Problem]:
    """With clients configured nobody verifies or settles without a client's token.

    A stranger could settle the payments of others, and fill Redis with claims.
    """
    yield from _closed(evidence, _PAYMENTS)


@check(
    "payment.private",
    sabotage=lambda e: e.edited("trial.access", lambda seen: seen["GET /metrics"].update(wrong=200)),
    mend="gate.guarded around the handlers of /metrics and /settlements in service/wiring.py",
)
def private(evidence: Evidence) -> Iterator[Problem]:
    """Metrics and settlements are shown to nobody without a client's token.

    They tell who paid whom, how much and how often.
    """
    yield from _closed(evidence, _PRIVATE)


def _closed(evidence: Evidence, names: tuple[str, ...]) -> Iterator[Problem]:
    seen = evidence.document("trial.access", "")
    for name in names:
        statuses = seen[name]
        evidence.seen["answers"] += len(statuses)
        for word, kind in (("none", "without a token"), ("wrong", "with a wrong token")):
            if statuses[word] != _UNAUTHORIZED:
                yield Problem(f"{kind} it answers {statuses[word] or 'nothing'}", name)
        # A door that lets nobody in would pass otherwise.
        if statuses["right"] in {0, _UNAUTHORIZED}:
            yield Problem(f"with the right token it answers {statuses['right'] or 'nothing'}", name)
