"""Facts about the image as a whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from seatrial.engine import Engine
from seatrial.evidence.image import chain_id, documents
from seatrial.evidence.secrets import Wanted

if TYPE_CHECKING:
    import pytest

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")


def test_a_chain_id_is_that_of_the_specification() -> None:
    two = "sha256:" + hashlib.sha256(f"{ONE} {TWO}".encode()).hexdigest()
    three = "sha256:" + hashlib.sha256(f"{two} {THREE}".encode()).hexdigest()
    assert [chain_id(layers) for layers in ([], [ONE], [ONE, TWO], [ONE, TWO, THREE])] == ["", ONE, two, three]


def test_an_order_and_a_layer_more_make_another_one() -> None:
    assert len({chain_id(layers) for layers in ([ONE, TWO], [TWO, ONE], [ONE, TWO, THREE])}) == 3


class Renamed(Engine):
    """An engine in which the name stands for another image as soon as it was asked about."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def image(self, _reference: str) -> dict[str, Any]:
        return {"Id": ONE, "RootFS": {"Layers": []}}

    def history(self, reference: str) -> list[dict[str, Any]]:
        return [{"CreatedBy": reference}]

    def save(self, reference: str) -> Any:
        raise AssertionError(f"{reference} was saved")


def test_history_is_that_of_the_image_that_was_inspected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seatrial.evidence.image._layers", lambda *_: ())
    assert documents(Renamed(), "app:latest", Wanted())["image.history"] == [{"CreatedBy": ONE}]
