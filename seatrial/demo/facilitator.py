"""The facilitator that runs, as its client sees it; what is not an answer becomes an error that says what to type."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from seatrial import wallet
from seatrial.clients import RELOAD
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatrial.wallet import Payment

LOGS = "./invoke logs facilitator"
NOT_BROADCAST = "settlement_not_broadcast"


@dataclass(frozen=True)
class Facilitator:
    """Where it is, whose token is shown, and in which mode it settles."""

    address: tuple[str, int]
    token: str = field(repr=False)
    mode: str

    def send(self, path: str, payment: Payment) -> dict[str, Any]:
        """Ask to verify or settle a payment. Raises SeatrialError where that was not decided."""
        return _understood(path, web.post(self.address, path, payment.request, self.token))

    def record(self, payment: Payment) -> dict[str, Any]:
        """Return the record of a settlement."""
        return _understood("/settlements", web.get(self.address, payment.record_path, self.token))

    def chain_id(self, offer: Mapping[str, Any]) -> int:
        """Return the chain id that a buyer signs with."""
        supported = _understood("/supported", web.get(self.address, "/supported"))
        try:
            return wallet.chain_id(offer["network"], supported)
        except KeyError as error:
            raise SeatrialError(
                Code.CONFIG_FILE,
                f"the service that runs does not offer {offer['network']}, as config.json does",
                hint="./invoke up --prod",
            ) from error

    def is_accepted(self, settled: dict[str, Any]) -> bool:
        """Whether the facilitator has taken a payment. In mode record it does so without moving anything."""
        if self.mode == "ledger":
            return settled.get("success") is True and bool(settled.get("transaction"))
        return settled.get("success") is False and settled.get("errorReason") == NOT_BROADCAST


def _understood(path: str, answer: web.Answer) -> dict[str, Any]:
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise SeatrialError(
            Code.SECRETS,
            f"{path} does not take the token in secrets/client_token: the service runs with an earlier config.json",
            hint=RELOAD,
        )
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE:
        raise SeatrialError(Code.STACK_UNHEALTHY, f"{path} cannot decide: Redis does not answer it", hint=LOGS)
    if not answer.document:
        said = answer.status or answer.body
        raise SeatrialError(Code.NOT_RUNNING, f"{path} gives no answer ({said})", hint="./invoke ps")
    return answer.document
