"""Mutants of what becomes of a payment: the service is built with the fault, and paid through its own trial stack."""

from __future__ import annotations

from tests.docker.mutant import Mutant, kills, swap

PAYMENT = (
    Mutant(
        "takes-a-nonce-twice",
        "Another payment with a nonce that was used is answered as if it were the first.",
        swap(
            "service/settlement.py",
            "        return Outcome(USED)",
            "        return Outcome(NOT_BROADCAST, repeated=True)",
        ),
        kills("payment.once"),
        "trial",
        says=("payment.once", "another payment with the same nonce: settlement_not_broadcast", "one atomic command"),
    ),
    Mutant(
        "verifies-what-is-spent",
        "/verify does not look whether a payment was settled before.",
        swap(
            "service/settlement.py",
            "return None if await claims.read(key_of(payment)) is None else CLAIMED",
            "return None if claims or payment else CLAIMED",
        ),
        kills("payment.once"),
        "trial",
    ),
    Mutant(
        "claims-nothing",
        "/settle says that a payment is recorded, and records nothing.",
        swap(
            "service/settlement.py",
            "earlier = await self._claims.claim(key_of(payment), record.to_json(), expires_ms)",
            "earlier = None if expires_ms or record else b''",
        ),
        kills("payment.accepted", "payment.once", "payment.survives"),
        "trial",
    ),
    Mutant(
        "success-without-value",
        "/settle says success where nothing has moved.",
        swap(
            "service/answers.py",
            "if outcome.rejection is not None:",
            'if outcome.rejection is not None and outcome.rejection.reason != "settlement_not_broadcast":',
        ),
        kills("payment.accepted"),
        "trial",
    ),
    Mutant(
        "refuses-everybody",
        "The digest is made with another type of message, so no wallet's signature fits.",
        swap("service/protocol/eip712.py", 'keccak(b"\\x19\\x01" + separator', 'keccak(b"\\x19\\x00" + separator'),
        kills("payment.accepted", "payment.once", "payment.survives"),
        "trial",
    ),
    Mutant(
        "believes-anybody",
        "Whoever signed a payment, it is taken for its payer's.",
        swap(
            "service/protocol/judge.py",
            "if eip712.recover(digest, payment.signature) != payment.authorization.payer:",
            "if eip712.recover(digest, payment.signature) is None:",
        ),
        kills("payment.signed"),
        "trial",
    ),
    Mutant(
        "asks-for-no-token",
        "/verify and /settle answer everybody, though clients are configured.",
        swap("service/auth.py", "        if self._clients:\n            return self.guarded(handler)\n", ""),
        kills("payment.needs_token"),
        "trial",
    ),
    Mutant(
        "open-metrics",
        "/metrics answers everybody.",
        swap(
            "service/wiring.py",
            'Route("/metrics", {"GET": gate.guarded(parts.metrics.show)})',
            'Route("/metrics", {"GET": lambda request: parts.metrics.show(request, "")})',
        ),
        kills("payment.private"),
        "trial",
    ),
    Mutant(
        "takes-any-token",
        "Any token is taken for a client's.",
        swap("service/auth.py", "if hmac.compare_digest(digest, expected):", "if digest or expected:"),
        kills("payment.needs_token", "payment.private"),
        "trial",
    ),
)
