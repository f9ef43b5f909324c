"""`demo`: a buyer and a seller, played against the production stack that runs. Each step must go as promised."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from seatrial import clients, compose, console, engine, ledger, process, wallet, workspace
from seatrial.demo.facilitator import LOGS, Facilitator
from seatrial.demo.seller import GOODS, GOODS_PATH, REQUIRED, RESPONSE, SIGNATURE, Seller, decoded, encoded, open_shop
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import web
from seatrial.ledger.accounts import Purse
from service.config_file import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.engine import Engine
    from seatrial.settings import Settings

PRICE = 10_000
SIGN_TIMEOUT_SECONDS = 60.0
USED = "invalid_exact_evm_nonce_already_used"


def run(settings: Settings) -> int:
    """Play the demo. Raises SeatrialError TASK_FAILED at the first step that does not go as promised."""
    began = time.monotonic()
    workspace.check_config(settings)
    config = load(settings.path(clients.CONFIG))
    connected = engine.connect()
    container = compose.running(connected, settings.compose_project, settings.service)
    address = compose.published_address(container, settings.service_port)
    facilitator = Facilitator(address, clients.token(settings), config.settlement.mode)
    with open_shop(Seller(facilitator, wallet.offer(config, PRICE))) as seller:
        play(seller, str(container["Image"]), connected, settings)
    console.ended("every step went as promised", time.monotonic() - began)
    return 0


def play(seller: Seller, image: str, connected: Engine, settings: Settings) -> None:
    """Ask, pay, get; try again and again; look it up."""
    offer = _asked(seller)
    payment, other = _signed(image, [offer, {**offer, "amount": str(PRICE + 1)}], seller.facilitator.chain_id(offer))
    _step("buyer", "signs with a throw-away key", f"{payment.authorization['from']} pays {PRICE}", holds=True)
    with _funded(seller, payment, connected, settings):
        _paid(seller, payment)
        _refused_again(seller, payment, other)
        _looked_up(seller, payment)


def _asked(seller: Seller) -> dict[str, Any]:
    answer = web.get(seller.address, GOODS_PATH)
    offers = decoded(answer.fields.get(REQUIRED.lower(), "")).get("accepts") or [{}]
    offer: dict[str, Any] = offers[0]
    said = f"{answer.status}: {PRICE} of {offer.get('extra', {}).get('name')} on {offer.get('network')}"
    _step("buyer", f"GET {GOODS_PATH}", said, holds=answer.status == 402 and offer == seller.offer)  # noqa: PLR2004
    return offer


def _paid(seller: Seller, payment: wallet.Payment) -> None:
    answer = _pay(seller, payment)
    verified, settled = seller.told.get("/verify", {}), seller.told.get("/settle", {})
    said = "valid" if verified.get("isValid") else str(verified.get("invalidReason"))
    _step("seller", "POST /verify", said, holds=verified.get("isValid") is True)
    accepted = seller.facilitator.is_accepted(settled)
    _step("seller", "POST /settle", _outcome(settled), holds=accepted)
    got = decoded(answer.fields.get(RESPONSE.lower(), "")) == settled and answer.body == GOODS
    _step("buyer", "gets what was paid for", f"{answer.status}: {answer.body}", holds=answer.status == 200 and got)  # noqa: PLR2004


def _refused_again(seller: Seller, payment: wallet.Payment, other: wallet.Payment) -> None:
    first = seller.told["/settle"]
    answer = _pay(seller, payment)
    reason = str(decoded(answer.fields.get(REQUIRED.lower(), "")).get("error"))
    _step("buyer", "pays with the same again", f"{answer.status}: {reason}", holds=reason == USED)
    again = seller.facilitator.send("/settle", payment)
    _step("seller", "POST /settle, the same again", "the same answer, nothing claimed twice", holds=again == first)
    refused = seller.facilitator.send("/settle", other)
    _step("seller", "POST /settle, its nonce again", _outcome(refused), holds=refused.get("errorReason") == USED)


def _looked_up(seller: Seller, payment: wallet.Payment) -> None:
    record = seller.facilitator.record(payment)
    when = datetime.fromtimestamp(int(record.get("claimedAt", 0)), UTC)
    wanted = {"payer": payment.authorization["from"], "nonce": payment.authorization["nonce"], "amount": str(PRICE)}
    said = f"{record.get('amount')} claimed at {when:%H:%M:%S} UTC for client {record.get('client')}"
    _step("seller", "GET /settlements/...", said, holds=wanted.items() <= record.items())


def _pay(seller: Seller, payment: wallet.Payment) -> web.Answer:
    answer = web.get(seller.address, GOODS_PATH, fields={SIGNATURE: encoded(payment.payload)})
    if seller.failure is not None:
        raise seller.failure
    return answer


def _signed(image: str, offers: list[dict[str, Any]], chain: int) -> list[wallet.Payment]:
    """Sign in a container of its own, without a network: the toolkit has no cryptography, and the key stays there."""
    argv = ["docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", image]
    done = process.run([*argv, *wallet.signing(offers, chain)], timeout_seconds=SIGN_TIMEOUT_SECONDS)
    return wallet.signed(done.stdout)


@contextlib.contextmanager
def _funded(seller: Seller, payment: wallet.Payment, connected: Engine, settings: Settings) -> Iterator[None]:
    """In mode ledger, lend the buyer the price, and take it back from whoever has it in the end."""
    if seller.facilitator.mode != "ledger":
        yield
        return
    store = ledger.open_store(connected, settings)
    purse = Purse(seller.offer["network"], seller.offer["asset"].lower())
    payer, payee = (purse.key(payment.authorization[who]) for who in ("from", "to"))
    _step("operator", "lends the buyer the price", f"balance {store.credit(payer, PRICE)}", holds=True)
    try:
        yield
    finally:
        holder = payer if store.balance(payer) >= PRICE else payee
        store.debit(holder, PRICE)
        name = "buyer" if holder == payer else "seller"
        _step("operator", "takes the price back", f"from the {name}: no credits were made", holds=True)


def _outcome(settled: dict[str, Any]) -> str:
    if settled.get("success"):
        return f"settled: {settled.get('amount')} moved, transaction {str(settled.get('transaction'))[:18]}..."
    if settled.get("errorReason") == "settlement_not_broadcast":
        return "recorded: claimed once and for all, nothing is sent to a chain"
    return str(settled.get("errorReason"))


def _step(who: str, what: str, said: str, *, holds: bool) -> None:
    mark = console.paint("ok   ", "green") if holds else console.paint("WRONG", "red")
    console.say(f"{mark} {who:<8} {what:<30} {said}")
    if not holds:
        raise SeatrialError(Code.TASK_FAILED, f"{who}, {what}: {said}", hint=f"{LOGS}, then ./invoke verify")
