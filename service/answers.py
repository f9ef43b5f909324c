"""The documents of /verify and /settle, with the fields that the x402 v2 specification and its SDK read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.messages import Response, json_response
from service.protocol.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.protocol.judge import Rejection
    from service.protocol.payment import Payment
    from service.settlement import Outcome

_RETRY_AFTER = (("Retry-After", "1"),)
_UNAVAILABLE = "the claims cannot be reached; nothing was decided, and the same request may be sent again"


class VerifyAnswers:
    """What /verify says. Each answer lists what was not checked, because no chain is asked."""

    def __init__(self, not_checked: Sequence[str]) -> None:
        self._extensions = {"offline": {"notChecked": list(not_checked)}}
        # Only the payer is another one each time, and that is hexadecimal: nothing in it needs escaping.
        document = {"isValid": True, "payer": "", "extensions": self._extensions}
        self._valid = json_response(200, document).body.split(b'"payer":"')

    def valid(self, payment: Payment) -> Response:
        """Say that the payment is in order."""
        before, after = self._valid
        return Response(200, b'%b"payer":"%b%b' % (before, payment.payer_text.encode("ascii"), after))

    def rejected(self, rejection: Rejection, payment: Payment | None) -> Response:
        """Say why it is not."""
        return self._invalid(200, rejection.reason, rejection.message, payment)

    def malformed(self, problem: str) -> Response:
        """Say where the request is not one."""
        return self._invalid(400, Reason.INVALID_PAYLOAD, problem, None)

    def unavailable(self, payment: Payment) -> Response:
        """Say that it cannot be known now."""
        return self._invalid(503, Reason.UNEXPECTED_VERIFY_ERROR, _UNAVAILABLE, payment)

    def _invalid(self, status: int, reason: Reason, message: str, payment: Payment | None) -> Response:
        document: dict[str, object] = {"isValid": False, "invalidReason": reason, "invalidMessage": message}
        if payment is not None:
            document["payer"] = payment.payer_text
        document["extensions"] = self._extensions
        return json_response(status, document, _RETRY_AFTER if status == 503 else ())  # noqa: PLR2004


class SettleAnswers:
    """What /settle says. `transaction` is empty unless value has moved."""

    def settled(self, outcome: Outcome, payment: Payment) -> Response:
        """Say what settling came to."""
        if outcome.rejection is not None:
            return self.rejected(outcome.rejection, payment)
        document = {
            "success": True,
            "payer": payment.payer_text,
            "transaction": outcome.transaction,
            "network": payment.requirements.network,
            "amount": str(payment.authorization.value),
        }
        return json_response(200, document)

    def rejected(self, rejection: Rejection, payment: Payment | None) -> Response:
        """Say why nothing has moved."""
        return self._failed(200, rejection.reason, rejection.message, payment)

    def malformed(self, problem: str) -> Response:
        """Say where the request is not one."""
        return self._failed(400, Reason.INVALID_PAYLOAD, problem, None)

    def unavailable(self, payment: Payment) -> Response:
        """Say that nothing is known to have been claimed. A lost reply is found by asking again."""
        return self._failed(503, Reason.UNEXPECTED_SETTLE_ERROR, _UNAVAILABLE, payment)

    def _failed(self, status: int, reason: Reason, message: str, payment: Payment | None) -> Response:
        document: dict[str, object] = {"success": False, "errorReason": reason, "errorMessage": message}
        if payment is not None:
            document["payer"] = payment.payer_text
        document["transaction"] = ""
        # The SDK wants the field in any case; of a request that could not be read the network is not known.
        document["network"] = "" if payment is None else payment.requirements.network
        return json_response(status, document, _RETRY_AFTER if status == 503 else ())  # noqa: PLR2004
