"""A seller on loopback: answers 402 until it is paid, and lets the facilitator verify and settle the payment.

How x402 travels over HTTP: PAYMENT-REQUIRED in the seller's 402, PAYMENT-SIGNATURE in the buyer's next request,
PAYMENT-RESPONSE beside the goods; each is a JSON document in base64.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from seatrial.errors import SeatrialError
from seatrial.wallet import X402_VERSION, Payment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.demo.facilitator import Facilitator

GOODS_PATH = "/report"
GOODS = "the report that was paid for"
REQUIRED, SIGNATURE, RESPONSE = "PAYMENT-REQUIRED", "PAYMENT-SIGNATURE", "PAYMENT-RESPONSE"


@dataclass
class Seller:
    """What the seller wants, whom it asks, and what it was told, in order."""

    facilitator: Facilitator
    offer: dict[str, Any]
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    failure: SeatrialError | None = None
    address: tuple[str, int] = ("", 0)

    def sell(self, payment: Payment) -> tuple[bool, dict[str, Any]]:
        """Have a payment verified and settled; return whether to hand the goods over, and what was said last."""
        verified = self.told["/verify"] = self.facilitator.send("/verify", payment)
        if not verified.get("isValid"):
            return False, verified
        settled = self.told["/settle"] = self.facilitator.send("/settle", payment)
        return self.facilitator.is_accepted(settled), settled

    def required(self, error: str) -> dict[str, Any]:
        """Return what a 402 asks for."""
        resource = {"url": f"http://{self.address[0]}:{self.address[1]}{GOODS_PATH}", "mimeType": "text/plain"}
        return {"x402Version": X402_VERSION, "error": error, "resource": resource, "accepts": [self.offer]}


@contextlib.contextmanager
def open_shop(seller: Seller) -> Iterator[Seller]:
    """Serve on a free port of loopback."""
    handler = type("Handler", (_Handler,), {"seller": seller})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        seller.address = ("127.0.0.1", server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield seller
        finally:
            server.shutdown()
            thread.join()


def encoded(document: dict[str, Any]) -> str:
    """Return a document as it travels in a header."""
    return base64.b64encode(json.dumps(document).encode()).decode()


def decoded(text: str) -> dict[str, Any]:
    """Return the document of a header; an empty one when there is none."""
    try:
        found = json.loads(base64.b64decode(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _Handler(BaseHTTPRequestHandler):
    seller: Seller

    def do_GET(self) -> None:
        """Hand the goods over for a payment."""
        payload = decoded(self.headers.get(SIGNATURE) or "")
        try:
            if self.path != GOODS_PATH:
                self._answer(HTTPStatus.NOT_FOUND)
            elif not payload:
                self._refuse(f"{SIGNATURE} header is required")
            else:
                self._sell(Payment(payload))
        except SeatrialError as error:
            self.seller.failure = error
            self._answer(HTTPStatus.BAD_GATEWAY)

    def _sell(self, payment: Payment) -> None:
        is_paid, said = self.seller.sell(payment)
        if is_paid:
            self._answer(HTTPStatus.OK, GOODS, {RESPONSE: encoded(said)})
        else:
            self._refuse(str(said.get("invalidReason") or said.get("errorReason")))

    def _refuse(self, error: str) -> None:
        self._answer(HTTPStatus.PAYMENT_REQUIRED, "{}", {REQUIRED: encoded(self.seller.required(error))})

    def _answer(self, status: HTTPStatus, body: str = "", fields: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(fields or {}), "Content-Length": str(len(body.encode()))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing: the demo tells the story."""
