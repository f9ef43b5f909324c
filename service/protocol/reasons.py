"""Why a payment is refused, in the words of the x402 v2 specification and its Python SDK."""

from __future__ import annotations

import enum


class Reason(enum.StrEnum):
    """The closed set of reasons that an answer may give."""

    INVALID_PAYLOAD = "invalid_payload"
    INVALID_X402_VERSION = "invalid_x402_version"
    UNSUPPORTED_SCHEME = "unsupported_scheme"
    INVALID_NETWORK = "invalid_network"
    NETWORK_MISMATCH = "network_mismatch"
    INVALID_PAYMENT_REQUIREMENTS = "invalid_payment_requirements"
    MISSING_EIP712_DOMAIN = "missing_eip712_domain"
    RECIPIENT_MISMATCH = "invalid_exact_evm_payload_recipient_mismatch"
    VALUE_MISMATCH = "invalid_exact_evm_payload_authorization_value_mismatch"
    VALID_AFTER = "invalid_exact_evm_payload_authorization_valid_after"
    VALID_BEFORE = "invalid_exact_evm_payload_authorization_valid_before"
    SIGNATURE = "invalid_exact_evm_payload_signature"
    NONCE_ALREADY_USED = "invalid_exact_evm_nonce_already_used"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    # Not of the specification: nothing is broken, but no value has moved, and no hash may be promised.
    SETTLEMENT_NOT_BROADCAST = "settlement_not_broadcast"
    UNEXPECTED_VERIFY_ERROR = "unexpected_verify_error"
    UNEXPECTED_SETTLE_ERROR = "unexpected_settle_error"
