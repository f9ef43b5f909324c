"""A request as types: read once, strictly, and never looked at as JSON again.

Source: x402 v2 specification, `PaymentPayload` and `PaymentRequirements`, scheme `exact` on EVM (EIP-3009).
What the specification does not name (`resource`, `extensions`, unknown keys) is left alone: nothing here depends on it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from service.protocol import strict_json
from service.protocol.strict_json import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

X402_VERSION = 2
MAX_UINT256 = 2**256 - 1
MAX_SAFE_INTEGER = 2**53 - 1
MAX_TEXT_CHARACTERS = 64

# One way to write each number: what has two spellings could be compared as text by somebody else.
_DECIMAL = re.compile("0|[1-9][0-9]{0,77}").fullmatch
_HEX = re.compile("0x(?:[0-9A-Fa-f]{2})*").fullmatch


class VersionError(Exception):
    """The request speaks another version of x402; its further shape is not known here."""


class Requirements(NamedTuple):
    """What the seller asks for. Addresses are 20 bytes, the amount is in the asset's smallest unit, below 2^256."""

    scheme: str
    network: str
    asset: bytes
    amount: int
    pay_to: bytes
    max_timeout_seconds: int
    extra: Mapping[str, object]


class Authorization(NamedTuple):
    """What the buyer signed, EIP-3009 TransferWithAuthorization: times in seconds since 1970, a nonce of 32 bytes."""

    payer: bytes
    to: bytes
    value: int
    valid_after: int
    valid_before: int
    nonce: bytes


class Payment(NamedTuple):
    """One request to verify or settle; `payer_text` is the payer as the client wrote it, for the answer."""

    requirements: Requirements
    accepted: Requirements
    authorization: Authorization
    signature: bytes
    payer_text: str


def parse_request(body: bytes) -> Payment:
    """Read the body of /verify or /settle. Raises MalformedError, or VersionError where x402Version is not 2."""
    root = _mapping(strict_json.parse(body), "the body")
    _check_version(root, "")
    payload = _object(root, "paymentPayload", "")
    _check_version(payload, "paymentPayload.")
    required_fields = _object(root, "paymentRequirements", "")
    requirements = _requirements(required_fields, "paymentRequirements.")
    accepted_fields = _object(payload, "accepted", "paymentPayload.")
    accepted = _accepted(accepted_fields, required_fields, requirements)
    signed = _object(payload, "payload", "paymentPayload.")
    where = "paymentPayload.payload."
    fields = _object(signed, "authorization", where)
    return Payment(
        requirements=requirements,
        accepted=accepted,
        authorization=_authorization(fields, f"{where}authorization."),
        signature=_signature(signed, where),
        payer_text=str(fields["from"]),
    )


def _check_version(holder: Mapping[str, object], where: str) -> None:
    version = holder.get("x402Version")
    if type(version) is not int:
        raise MalformedError(f"{where}x402Version", "must be a whole number")
    if version != X402_VERSION:
        raise VersionError


def _requirements(fields: Mapping[str, object], where: str) -> Requirements:
    return Requirements(
        scheme=_text(fields, "scheme", where),
        network=_text(fields, "network", where),
        asset=_address(fields, "asset", where),
        amount=_uint256(fields, "amount", where),
        pay_to=_address(fields, "payTo", where),
        max_timeout_seconds=_seconds(fields, "maxTimeoutSeconds", where),
        extra=_extra(fields, where),
    )


def _accepted(
    fields: Mapping[str, object], required_fields: Mapping[str, object], required: Requirements
) -> Requirements:
    where = "paymentPayload.accepted."
    # Nearly always the client has sent the seller's words back. Equal texts mean the same; the number has to be one,
    # since Python takes true for 1; extra may hold anything, so the judge compares it by what is the same in JSON.
    if fields == required_fields and type(fields["maxTimeoutSeconds"]) is int:
        return required._replace(extra=_extra(fields, where))
    return _requirements(fields, where)


def _extra(fields: Mapping[str, object], where: str) -> Mapping[str, object]:
    extra = fields.get("extra")
    return {} if extra is None else _mapping(extra, f"{where}extra")


def _authorization(fields: Mapping[str, object], where: str) -> Authorization:
    return Authorization(
        payer=_address(fields, "from", where),
        to=_address(fields, "to", where),
        value=_uint256(fields, "value", where),
        valid_after=_uint256(fields, "validAfter", where),
        valid_before=_uint256(fields, "validBefore", where),
        nonce=_bytes(fields, "nonce", where, 32, "32 bytes in hexadecimal"),
    )


def _mapping(value: object, path: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise MalformedError(path, "must be an object")
    return value


def _object(holder: Mapping[str, object], key: str, where: str) -> dict[str, object]:
    return _mapping(holder.get(key), where + key)


def _text(fields: Mapping[str, object], key: str, where: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARACTERS:
        raise MalformedError(where + key, f"must be a text of 1 to {MAX_TEXT_CHARACTERS} characters")
    return value


def _uint256(fields: Mapping[str, object], key: str, where: str) -> int:
    value = fields.get(key)
    if isinstance(value, str) and _DECIMAL(value):
        number = int(value)
        if number <= MAX_UINT256:
            return number
    raise MalformedError(where + key, "must be a decimal string below 2^256, without sign, spaces or leading zeros")


def _seconds(fields: Mapping[str, object], key: str, where: str) -> int:
    value = fields.get(key)
    if type(value) is int and 0 <= value <= MAX_SAFE_INTEGER:
        return value
    raise MalformedError(where + key, "must be a whole number of seconds, not negative")


def _address(fields: Mapping[str, object], key: str, where: str) -> bytes:
    return _bytes(fields, key, where, 20, "an address of 20 bytes in hexadecimal")


def _bytes(fields: Mapping[str, object], key: str, where: str, length: int, meaning: str) -> bytes:
    value = fields.get(key)
    if isinstance(value, str) and len(value) == 2 + 2 * length and value.startswith("0x"):
        try:
            found = bytes.fromhex(value[2:])
        except ValueError:
            found = b""
        # fromhex skips spaces; so many bytes of so many characters leave no room for one.
        if len(found) == length:
            return found
    raise MalformedError(where + key, f"must be {meaning}, after 0x")


def _signature(fields: Mapping[str, object], where: str) -> bytes:
    value = fields.get("signature")
    # Its length is judged, not its shape: a contract wallet's signature is longer, and gets a reason.
    if isinstance(value, str) and _HEX(value):
        return bytes.fromhex(value[2:])
    raise MalformedError(where + "signature", "must be bytes in hexadecimal, after 0x")
