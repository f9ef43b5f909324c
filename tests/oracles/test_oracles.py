"""Others' verdicts on the same payments: the x402 SDK and eth-account, asked live."""

from __future__ import annotations

import eth_account
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.protocol import eip712
from service.protocol.payment import Authorization  # noqa: TC001 - Hypothesis reads the annotation
from tests.oracles import sdk
from tests.service.protocol.corpus import CASES, STRICTER, Case
from tests.service.protocol.test_eip712 import authorizations, keys

TYPES = {
    "TransferWithAuthorization": [
        {"name": "from", "type": "address"},
        {"name": "to", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "validAfter", "type": "uint256"},
        {"name": "validBefore", "type": "uint256"},
        {"name": "nonce", "type": "bytes32"},
    ]
}


@pytest.mark.parametrize("case", CASES + STRICTER, ids=lambda case: case.name)
def test_the_sdk_says_what_is_written_beside_the_case(case: Case) -> None:
    assert sdk.verdict(case) == case.sdk_verdict


@given(
    authorizations,
    keys,
    st.text(min_size=1, max_size=64),
    st.text(min_size=1, max_size=64),
    st.integers(1, 2**63),
    st.binary(min_size=20, max_size=20),
)
def test_eth_account_signs_what_we_digest_and_we_recover_it(
    authorization: Authorization, key: bytes, name: str, version: str, chain: int, asset: bytes
) -> None:
    signed = eth_account.Account.sign_typed_data(
        key,
        {"name": name, "version": version, "chainId": chain, "verifyingContract": "0x" + asset.hex()},
        TYPES,
        {
            "from": "0x" + authorization.payer.hex(),
            "to": "0x" + authorization.to.hex(),
            "value": authorization.value,
            "validAfter": authorization.valid_after,
            "validBefore": authorization.valid_before,
            "nonce": authorization.nonce,
        },
    )
    digest = eip712.digest(eip712.domain_separator(name, version, chain, asset), authorization)
    assert digest == bytes(signed.message_hash)
    signer = bytes.fromhex(eth_account.Account.from_key(key).address[2:])
    assert eip712.recover(digest, bytes(signed.signature)) == signer
