"""A payment through the trial stack: freshly signed, verified, settled, tried again; and who is let in at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial import wallet
from seatrial.evidence import web
from seatrial.ledger.accounts import Purse
from seatrial.ledger.store import Store

if TYPE_CHECKING:
    from seatrial.evidence.trial.model import Trial

AMOUNT = 10_000
WRONG_TOKEN = "not-the-token-of-any-client"  # noqa: S105 - it is wrong on purpose
CLOSED = ("POST /verify", "POST /settle", "GET /metrics", "GET /settlements")


def pay(trial: Trial) -> None:
    """Fill `trial.payment` and `trial.access`. What goes wrong on the way is in the answers, or is their error."""
    config = trial.config
    if config is None:
        trial.documents["trial.payment"] = {"error": "config.json is not one of the service"}
        return
    service = trial.container(trial.settings.service)["Id"]
    offers = [wallet.offer(config, amount) for amount in (AMOUNT, AMOUNT + 1)]
    try:
        chain = wallet.chain_id(offers[0]["network"], web.get(trial.service_address, "/supported").document)
    except KeyError:
        trial.documents["trial.payment"] = {"error": f"/supported tells no chain id of {offers[0]['network']}"}
        return
    ran = trial.engine.execute(service, wallet.signing(offers, chain))
    try:
        payment, other = wallet.signed(ran.output)
    except ValueError:
        trial.documents["trial.payment"] = {"error": f"nothing was signed inside the image: {ran.output[-500:]}"}
        return
    trial.payment = payment
    if config.settlement.mode == "ledger":
        _fund(trial, payment)
    trial.documents["trial.access"] = _access(trial, payment)
    trial.documents["trial.payment"] = {
        "mode": config.settlement.mode,
        "payer": payment.authorization["from"],
        "nonce": payment.authorization["nonce"],
        # In this order: each answer depends on what was asked before.
        "altered": _sent(trial, "/verify", payment.altered()),
        "verified": _sent(trial, "/verify", payment),
        "settled": _sent(trial, "/settle", payment),
        "verified_again": _sent(trial, "/verify", payment),
        "settled_again": _sent(trial, "/settle", payment),
        "settled_other": _sent(trial, "/settle", other),
        "record": record(trial),
    }


def record(trial: Trial) -> dict[str, Any]:
    """Return what the service tells of the settlement."""
    return _kept(web.get(trial.service_address, trial.payment.record_path, trial.token)) if trial.payment else {}


def _sent(trial: Trial, path: str, payment: wallet.Payment) -> dict[str, Any]:
    return _kept(web.post(trial.service_address, path, payment.request, trial.token))


def _access(trial: Trial, payment: wallet.Payment) -> dict[str, dict[str, int]]:
    """Return the status of each route that needs a token: without one, with a wrong one, with the right one.

    What is posted is no payment, so that nothing is settled where the door stands open.
    """
    found = {}
    for name in CLOSED:
        method, path = name.split()
        path = payment.record_path if path == "/settlements" else path
        found[name] = {
            word: (
                web.post(trial.service_address, path, {}, token)
                if method == "POST"
                else web.get(trial.service_address, path, token)
            ).status
            for word, token in (("none", ""), ("wrong", WRONG_TOKEN), ("right", trial.token))
        }
    return found


def _fund(trial: Trial, payment: wallet.Payment) -> None:
    store = Store(trial.address(trial.settings.redis_service, 6379), trial.passwords["admin"])
    offered = payment.payload["accepted"]
    purse = Purse(offered["network"], offered["asset"].lower())
    store.credit(purse.key(payment.authorization["from"]), AMOUNT)


def _kept(answer: web.Answer) -> dict[str, Any]:
    return {"status": answer.status, "body": answer.body}
