"""Keys and expiries of claims."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.claims import claim_key, expiry_ms
from service.protocol.payment import parse_request
from tests.service.buyer import NOW, VALID_BEFORE, body, paid

networks = st.from_regex("eip155:[1-9][0-9]{0,31}|ledger:[-_a-z0-9]{1,32}", fullmatch=True)
identities = st.tuples(
    networks,
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=32, max_size=32),
)


@given(identities, st.data())
def test_no_two_authorizations_share_a_key(one: tuple[str, bytes, bytes, bytes], data: st.DataObject) -> None:
    # Each part may be the same or another, so that keys differ in one part only, or are made of shifted parts.
    other = data.draw(st.tuples(*(st.just(part) for part in one)) | identities)
    mixed = tuple(data.draw(st.sampled_from(pair)) for pair in zip(one, other, strict=True))
    assert (one == mixed) == (claim_key(*one) == claim_key(*mixed))


@given(identities)
def test_a_key_is_within_what_the_acl_allows_and_lower_case(one: tuple[str, bytes, bytes, bytes]) -> None:
    key = claim_key(*one)
    assert key.startswith("x402:auth:")
    assert key == key.lower()


@given(st.integers(1, 10**9), st.integers(60, 10**9))
def test_a_claim_outlives_its_authorization(ahead: int, retention: int) -> None:
    payment = parse_request(body(paid(valid_before=NOW + ahead)))
    expires = expiry_ms(payment, NOW, retention)
    assert expires >= 1000 * (NOW + ahead + 60)
    assert expires >= 1000 * (NOW + retention)


def test_the_larger_of_both_holds() -> None:
    payment = parse_request(body(paid()))
    assert expiry_ms(payment, NOW, 60) == 1000 * (VALID_BEFORE + 60)
