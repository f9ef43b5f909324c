"""Facts about the image as a whole."""

from __future__ import annotations

import hashlib

from seatrial.evidence.image import chain_id

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")


def test_a_chain_id_is_that_of_the_specification() -> None:
    two = "sha256:" + hashlib.sha256(f"{ONE} {TWO}".encode()).hexdigest()
    three = "sha256:" + hashlib.sha256(f"{two} {THREE}".encode()).hexdigest()
    assert [chain_id(layers) for layers in ([], [ONE], [ONE, TWO], [ONE, TWO, THREE])] == ["", ONE, two, three]


def test_an_order_and_a_layer_more_make_another_one() -> None:
    assert len({chain_id(layers) for layers in ([ONE, TWO], [TWO, ONE], [ONE, TWO, THREE])}) == 3
