"""Digest and recovery: every field counts, and whatever is no signature gives nobody."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.protocol import eip712
from service.protocol.payment import Authorization
from tests.service.buyer import KIND

addresses = st.binary(min_size=20, max_size=20)
words = st.integers(0, 2**256 - 1)
authorizations = st.builds(
    Authorization,
    payer=addresses,
    to=addresses,
    value=words,
    valid_after=words,
    valid_before=words,
    nonce=st.binary(min_size=32, max_size=32),
)
keys = st.integers(1, eip712.CURVE_ORDER - 1).map(lambda number: number.to_bytes(32))
FIELDS = ("payer", "to", "value", "valid_after", "valid_before", "nonce")


def test_the_type_hash_is_eip_3009_s() -> None:
    assert eip712.TRANSFER_TYPEHASH.hex() == "7c7c6cdb67a18743f49ec6fa9b35f50d52ed05cbed4cc592e13b44501c1a2267"


@given(authorizations, authorizations, st.sampled_from(FIELDS))
def test_any_changed_field_changes_the_digest(one: Authorization, other: Authorization, field: str) -> None:
    changed = one._replace(**{field: getattr(other, field)})
    assert (changed == one) == (eip712.digest(KIND.separator, changed) == eip712.digest(KIND.separator, one))


@given(st.tuples(st.text(max_size=8), st.text(max_size=8), words, addresses), st.data())
def test_any_changed_part_of_the_domain_changes_the_separator(
    one: tuple[str, str, int, bytes], data: st.DataObject
) -> None:
    other = data.draw(st.tuples(*(st.just(part) | drawn for part, drawn in zip(one, DOMAIN_PARTS, strict=True))))
    assert (one == other) == (eip712.domain_separator(*one) == eip712.domain_separator(*other))


DOMAIN_PARTS = (st.text(max_size=8), st.text(max_size=8), words, addresses)


@given(keys, st.binary(min_size=32, max_size=32))
def test_who_signed_is_recovered_in_both_ways_to_write_v(key: bytes, digest: bytes) -> None:
    private = PrivateKey(key)
    signature = private.sign_recoverable(digest, hasher=None)
    signer = eip712.address_of(private.public_key.format(compressed=False))
    assert eip712.recover(digest, signature) == signer
    assert eip712.recover(digest, signature[:64] + bytes([27 + signature[64]])) == signer


@given(keys, st.binary(min_size=32, max_size=32))
def test_the_twin_of_a_signature_gives_nobody(key: bytes, digest: bytes) -> None:
    signature = PrivateKey(key).sign_recoverable(digest, hasher=None)
    s = eip712.CURVE_ORDER - int.from_bytes(signature[32:64])
    twin = signature[:32] + s.to_bytes(32) + bytes([1 - signature[64]])
    assert eip712.recover(digest, twin) is None


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=70) | st.binary(min_size=65, max_size=65))
def test_no_bytes_are_a_fault_of_ours(digest: bytes, signature: bytes) -> None:
    recovered = eip712.recover(digest, signature)
    assert recovered is None or len(recovered) == 20


@pytest.mark.parametrize("s", [0, eip712.HALF_ORDER + 1, eip712.CURVE_ORDER, 2**256 - 1])
@pytest.mark.parametrize("r", [0, eip712.CURVE_ORDER, 2**256 - 1])
def test_numbers_out_of_range_give_nobody(r: int, s: int) -> None:
    assert eip712.recover(b"\x01" * 32, r.to_bytes(32) + s.to_bytes(32) + b"\x1b") is None


def test_the_largest_s_that_is_low_is_taken() -> None:
    # The x of the generator is a point for certain, so only s could be in the way.
    generator = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798
    signature = generator.to_bytes(32) + eip712.HALF_ORDER.to_bytes(32) + b"\x1b"
    assert eip712.recover(b"\x01" * 32, signature) is not None


@given(st.from_regex("[-_a-zA-Z0-9]{1,32}", fullmatch=True), st.from_regex("[-_a-zA-Z0-9]{1,32}", fullmatch=True))
def test_a_ledger_has_a_chain_id_of_its_own(one: str, other: str) -> None:
    first, second = (eip712.chain_id(f"ledger:{name}") for name in (one, other))
    assert 2**52 <= first < 2**53
    assert (one == other) == (first == second)


def test_a_chain_has_the_id_that_it_names() -> None:
    assert eip712.chain_id("eip155:84532") == 84532


def test_a_ledger_s_chain_id_stays_what_it_is() -> None:
    # Clients sign it: another rule would make every one of their signatures worthless.
    assert eip712.chain_id("ledger:credits") == 5282089009805962
