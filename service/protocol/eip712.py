"""What a buyer signs, and who did: EIP-712 over EIP-3009's TransferWithAuthorization, and ECDSA on secp256k1.

The arithmetic is libsecp256k1's (through coincurve) and XKCP's Keccak (through safe-pysha3); here is only the layout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coincurve import PublicKey
from sha3 import keccak_256

if TYPE_CHECKING:
    from service.protocol.payment import Authorization

SIGNATURE_BYTES = 65
CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
HALF_ORDER = CURVE_ORDER // 2
LEDGER_NAMESPACE = "ledger"

# Both ways to write the recovery bit: 27 and 28 as wallets do, 0 and 1 as libsecp256k1 does.
_RECOVERY = {27: b"\x00", 28: b"\x01", 0: b"\x00", 1: b"\x01"}


def keccak(data: bytes) -> bytes:
    """Give Keccak-256, 32 bytes: Ethereum's hash, which is not SHA3-256 (the padding differs)."""
    digest: bytes = keccak_256(data).digest()
    return digest


DOMAIN_TYPEHASH = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
TRANSFER_TYPEHASH = keccak(
    b"TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
    b"bytes32 nonce)"
)


def chain_id(network: str) -> int:
    """Give the chain id that is signed for a network: the number of `eip155:<n>`, or one made of `ledger:<name>`.

    A ledger is no chain, yet what is signed for it must be worthless on every chain and every other ledger. So its id
    comes from its whole name: 52 bits of its hash, with bit 52 set. That is above the ids chains have, and below 2^53,
    where the numbers of JavaScript stop being exact.
    """
    namespace, _, reference = network.partition(":")
    if namespace == LEDGER_NAMESPACE:
        return 1 << 52 | int.from_bytes(keccak(network.encode())[:8], "big") >> 12
    return int(reference)


def domain_separator(name: str, version: str, chain: int, asset: bytes) -> bytes:
    """Give the hash, 32 bytes, that binds a signature to one asset (20 bytes) on one network."""
    return keccak(
        DOMAIN_TYPEHASH + keccak(name.encode()) + keccak(version.encode()) + chain.to_bytes(32) + asset.rjust(32, b"\0")
    )


def digest(separator: bytes, authorization: Authorization) -> bytes:
    """Give the 32 bytes that the buyer's signature is over."""
    struct_hash = keccak(
        TRANSFER_TYPEHASH
        + authorization.payer.rjust(32, b"\0")
        + authorization.to.rjust(32, b"\0")
        + authorization.value.to_bytes(32)
        + authorization.valid_after.to_bytes(32)
        + authorization.valid_before.to_bytes(32)
        + authorization.nonce
    )
    return keccak(b"\x19\x01" + separator + struct_hash)


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Give the address, 20 bytes, whose key made the signature (r, s, v) over the digest; None if there is none.

    A high s is refused (EIP-2): for each signature there is a second one that anybody can compute, with n - s, and
    two spellings of one payment must not exist.
    """
    if len(signature) != SIGNATURE_BYTES:
        return None
    recovery = _RECOVERY.get(signature[64])
    if recovery is None or int.from_bytes(signature[32:64]) > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + recovery, digest, hasher=None)
    # coincurve raises a bare ValueError or, from its C part, an Exception: r or s is 0 or beyond the order, or r is no
    # point. None of it is a fault of ours.
    except Exception:  # noqa: BLE001
        return None
    return address_of(key.format(compressed=False))


def address_of(public_key: bytes) -> bytes:
    """Give the address, 20 bytes, of an uncompressed public key, 65 bytes."""
    return keccak(public_key[1:])[12:]
