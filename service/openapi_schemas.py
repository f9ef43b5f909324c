"""The documents of the interface as JSON Schema 2020-12."""

from __future__ import annotations

from service.protocol.payment import MAX_TEXT_CHARACTERS, MAX_UINT256
from service.protocol.reasons import Reason

_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT_CHARACTERS}
_ADDRESS = {"type": "string", "pattern": "^0x[0-9A-Fa-f]{40}$"}
_BYTES32 = {"type": "string", "pattern": "^0x[0-9A-Fa-f]{64}$"}
_VERSION = {"const": 2}
_REASON = {"enum": [reason.value for reason in Reason]}
_TRANSACTION = {"type": "string", "pattern": "^(|0x[0-9a-f]{64})$", "description": "Empty unless value has moved."}


def _object(properties: dict[str, object], *optional: str, closed: bool = True) -> dict[str, object]:
    schema: dict[str, object] = {
        "type": "object",
        "required": [name for name in properties if name not in optional],
        "properties": properties,
    }
    # What we send has no other fields; what we are sent may have.
    return {**schema, "additionalProperties": False} if closed else schema


def _reference(name: str) -> dict[str, object]:
    return {"$ref": f"#/components/schemas/{name}"}


def _at_most(number: int) -> str:
    """Give the pattern of the decimals from 0 to this number: shorter, or smaller at the first digit that differs."""
    digits = str(number)
    smaller = (
        f"{digits[:at]}[{1 if at == 0 else 0}-{int(digit) - 1}][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if int(digit) > (1 if at == 0 else 0)
    )
    return "|".join(["0", f"[1-9][0-9]{{0,{len(digits) - 2}}}", *smaller, digits])


_UINT256 = _reference("Uint256")


_REQUIREMENTS = _object(
    {
        "scheme": _NAME,
        "network": _NAME,
        "asset": _ADDRESS,
        "amount": _UINT256,
        "payTo": _ADDRESS,
        "maxTimeoutSeconds": {"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        "extra": {"type": ["object", "null"], "description": "Holds name and version of the asset's EIP-712 domain."},
    },
    "extra",
    closed=False,
)
_AUTHORIZATION = _object(
    {
        "from": _ADDRESS,
        "to": _ADDRESS,
        "value": _UINT256,
        "validAfter": _UINT256,
        "validBefore": _UINT256,
        "nonce": _BYTES32,
    },
    closed=False,
)
_SIGNED = _object(
    {"signature": {"type": "string", "pattern": "^0x([0-9A-Fa-f]{2})*$"}, "authorization": _AUTHORIZATION}, closed=False
)
_PAYLOAD = _object(
    {"x402Version": _VERSION, "accepted": _reference("PaymentRequirements"), "payload": _SIGNED}, closed=False
)
_OFFLINE = _object({"offline": _object({"notChecked": {"type": "array", "items": _TEXT}})})
_REDIS = _object({"status": {"enum": ["up", "down"]}, "code": _TEXT}, "code")

SCHEMAS: dict[str, object] = {
    "Uint256": {"type": "string", "pattern": f"^({_at_most(MAX_UINT256)})$", "description": "Decimal, below 2^256."},
    "PaymentRequirements": _REQUIREMENTS,
    "PaymentPayload": _PAYLOAD,
    "PaymentRequest": _object(
        {
            "x402Version": _VERSION,
            "paymentPayload": _reference("PaymentPayload"),
            "paymentRequirements": _reference("PaymentRequirements"),
        },
        closed=False,
    ),
    "VerifyResponse": _object(
        {
            "isValid": {"type": "boolean"},
            "invalidReason": _REASON,
            "invalidMessage": _TEXT,
            "payer": _ADDRESS,
            "extensions": _OFFLINE,
        },
        *("invalidReason", "invalidMessage", "payer"),
    ),
    "SettleResponse": _object(
        {
            "success": {"type": "boolean"},
            "errorReason": _REASON,
            "errorMessage": _TEXT,
            "payer": _ADDRESS,
            "transaction": _TRANSACTION,
            "network": _TEXT,
            "amount": _UINT256,
        },
        *("errorReason", "errorMessage", "payer", "amount"),
    ),
    "Settlement": _object(
        {
            "digest": _BYTES32,
            "network": _TEXT,
            "asset": _ADDRESS,
            "payer": _ADDRESS,
            "payTo": _ADDRESS,
            "amount": _UINT256,
            "nonce": _BYTES32,
            "validAfter": _UINT256,
            "validBefore": _UINT256,
            "mode": {"enum": ["record", "ledger"]},
            "client": _TEXT,
            "claimedAt": {"type": "integer", "description": "Seconds since 1970."},
        }
    ),
    "Supported": _object(
        {
            "kinds": {
                "type": "array",
                "items": _object(
                    {
                        "x402Version": _VERSION,
                        "scheme": _TEXT,
                        "network": _TEXT,
                        "extra": _object({"chainId": {"type": "integer"}}),
                    },
                    "extra",
                ),
            },
            "extensions": {"type": "array", "items": _TEXT},
            "signers": {"type": "object"},
        }
    ),
    "Health": _object(
        {
            "status": {"enum": ["healthy", "unhealthy", "draining"]},
            "version": _TEXT,
            "dependencies": _object({"redis": _REDIS}),
        },
        "dependencies",
    ),
    "Status": _object({"status": {"const": "live"}}),
    "Error": _object({"error": _TEXT, "message": _TEXT}),
    "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
}
