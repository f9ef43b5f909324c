"""POST /verify, POST /settle and GET /settlements: from a request to the decision, to the storage, to the answer.

Where the storage does not answer, the answer is 503 and nothing is decided: there is no memory beside Redis in which
a claim could be taken meanwhile.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from service.answers import SettleAnswers, VerifyAnswers
from service.claims import Record, StoreError, claim_key
from service.messages import error_response, json_response
from service.protocol.judge import Rejection
from service.protocol.payment import VersionError, parse_request
from service.protocol.reasons import Reason
from service.protocol.strict_json import MalformedError
from service.settlement import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.claims import Claims
    from service.log import Log
    from service.messages import Request, Response
    from service.protocol.judge import Judge
    from service.protocol.payment import Payment
    from service.settlement import Settlement

SETTLEMENT_PATH = "/settlements/{network}/{asset}/{payer}/{nonce}"
_SETTLEMENT = re.compile(
    "/settlements/(?P<network>[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32})"
    "/0x(?P<asset>[0-9A-Fa-f]{40})/0x(?P<payer>[0-9A-Fa-f]{40})/0x(?P<nonce>[0-9A-Fa-f]{64})"
)
_VERSION = Rejection(Reason.INVALID_X402_VERSION, "only x402 version 2 is spoken here")
_NO_RECORD = error_response(404, "not_found", "there is no such settlement")


class Payments:
    """Answers what sellers ask about payments."""

    def __init__(
        self, judge: Judge, settlement: Settlement, *, claims: Claims, log: Log, clock: Callable[[], float]
    ) -> None:
        self._judge = judge
        self._settlement = settlement
        self._claims = claims
        self._log = log
        self._clock = clock
        self._verify_answers = VerifyAnswers(settlement.not_checked)
        self._settle_answers = SettleAnswers()

    async def verify(self, request: Request, client: str) -> Response:
        """Say whether a payment could be settled now. Claims nothing."""
        answers = self._verify_answers
        try:
            payment = parse_request(request.body)
        except MalformedError as error:
            self._tell_verified(request, client, Reason.INVALID_PAYLOAD)
            return answers.malformed(str(error))
        except VersionError:
            self._tell_verified(request, client, _VERSION.reason)
            return answers.rejected(_VERSION, None)
        decided = self._judge.decide(payment, int(self._clock()))
        try:
            rejection = decided if isinstance(decided, Rejection) else await self._settlement.obstacle(payment)
        except StoreError as error:
            self._tell_verified(request, client, Reason.UNEXPECTED_VERIFY_ERROR, error.code)
            return answers.unavailable(payment)
        self._tell_verified(request, client, "valid" if rejection is None else rejection.reason)
        return answers.valid(payment) if rejection is None else answers.rejected(rejection, payment)

    async def settle(self, request: Request, client: str) -> Response:
        """Settle a payment once, and say the same ever after."""
        answers = self._settle_answers
        try:
            payment = parse_request(request.body)
        except MalformedError as error:
            self._tell_refused(request, client, Reason.INVALID_PAYLOAD)
            return answers.malformed(str(error))
        except VersionError:
            self._tell_refused(request, client, _VERSION.reason)
            return answers.rejected(_VERSION, None)
        try:
            outcome = await self._settle(payment, client)
        except StoreError as error:
            self._tell_settled(request, client, payment, "failed", Reason.UNEXPECTED_SETTLE_ERROR, error.code)
            return answers.unavailable(payment)
        reason = None if outcome.rejection is None else outcome.rejection.reason
        self._tell_settled(request, client, payment, _word(outcome), reason)
        return answers.settled(outcome, payment)

    async def _settle(self, payment: Payment, client: str) -> Outcome:
        now = int(self._clock())
        decided = self._judge.decide(payment, now)
        if not isinstance(decided, Rejection):
            return await self._settlement.settle(payment, decided, client=client, now=now)
        return await self._recall(payment, decided, now) or Outcome(decided)

    async def _recall(self, payment: Payment, rejection: Rejection, now: int) -> Outcome | None:
        """Give the earlier outcome of an authorization that has run out since.

        A client whose answer was lost may ask again late. It must be the same payment in every respect, signature
        included, so it is judged as of the last second at which it was valid.
        """
        last_moment = self._judge.last_moment(payment)
        if rejection.reason is not Reason.VALID_BEFORE or now <= last_moment:
            return None
        digest = self._judge.decide(payment, last_moment)
        return None if isinstance(digest, Rejection) else await self._settlement.recall(payment, digest)

    async def show(self, request: Request, _client: str) -> Response:
        """Give the record of a settlement."""
        # Clients may write the colon of the network as %3A.
        match = _SETTLEMENT.fullmatch(unquote(request.path))
        if match is None:
            return _NO_RECORD
        parts = {name: bytes.fromhex(match[name]) for name in ("asset", "payer", "nonce")}
        try:
            stored = await self._claims.read(claim_key(match["network"], **parts))
            return _NO_RECORD if stored is None else json_response(200, Record.from_json(stored).shown())
        except StoreError as error:
            self._log("warning", "unavailable", id=request.request_id, code=error.code)
            return error_response(503, "unavailable", "the claims cannot be reached", (("Retry-After", "1"),))

    def _tell_verified(self, request: Request, client: str, result: str, code: str | None = None) -> None:
        level = "debug" if code is None else "warning"
        self._log(level, "verified", id=request.request_id, client=client, result=result, code=code)

    def _tell_refused(self, request: Request, client: str, reason: str) -> None:
        self._log("info", "settled", id=request.request_id, client=client, outcome="refused", reason=reason, code=None)

    def _tell_settled(  # noqa: PLR0913 - one line of the log is one call
        self, request: Request, client: str, payment: Payment, outcome: str, reason: str | None, code: str | None = None
    ) -> None:
        self._log(
            "info" if code is None else "warning",
            "settled",
            id=request.request_id,
            client=client,
            outcome=outcome,
            reason=reason,
            code=code,
            network=payment.requirements.network,
            payer=payment.payer_text,
            nonce="0x" + payment.authorization.nonce.hex(),
            amount=str(payment.authorization.value),
        )


def _word(outcome: Outcome) -> str:
    if outcome.repeated:
        return "repeated"
    if outcome.rejection is None:
        return "settled"
    return "recorded" if outcome.rejection.reason is Reason.SETTLEMENT_NOT_BROADCAST else "refused"
