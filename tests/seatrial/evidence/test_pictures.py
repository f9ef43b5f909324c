"""What a report draws, taken from the evidence: all of it from a whole run, and nothing invented for half a one."""

from __future__ import annotations

import pytest

from seatrial.evidence import Evidence
from seatrial.evidence.pictures import Moment, NetworkPicture, Pictures, ServicePicture, draw
from seatrial.evidence.trial import MOMENTS
from tests import good


def test_each_layer_says_what_made_it_and_what_it_weighs() -> None:
    base, payload, last = draw(good.evidence()).layers
    assert (base.is_base, base.made_by) == (True, good.evidence().documents["image.base"]["reference"])
    assert (payload.is_base, payload.made_by) == (False, "COPY --from=build /payload/ /")
    assert payload.size_bytes == sum(entry.size_bytes for entry in good.evidence().layers()[1].entries)
    assert (last.number, last.made_by, last.size_bytes, last.files) == (3, "WORKDIR /app", 0, 0)


def test_the_stack_is_drawn_as_compose_resolves_it() -> None:
    pictures = draw(good.evidence())
    service, redis = pictures.services
    image = good.settings().image
    assert service == ServicePicture(
        "facilitator", image, ("127.0.0.1:3000 → 3000",), ("backend", "edge"), (), ("redis-prod",)
    )
    assert redis.volumes == ("redis_prod_data at /data",)
    assert NetworkPicture("backend", is_internal=True) in pictures.networks
    assert "development" not in {network.name for network in pictures.networks}


def test_a_port_without_an_address_is_drawn_as_open() -> None:
    def publish(service: dict[str, object]) -> None:
        service["ports"] = [{"target": 1}]

    assert draw(good.evidence().with_service("facilitator", publish)).services[0].ports == ("*:any → 1",)


def test_the_timeline_is_the_trial_s_own() -> None:
    moments = draw(good.evidence()).moments
    assert [moment.kind for moment in moments] == [
        *("start", "healthy", "asked", "fault", "noticed", "noticed", "mended", "recovered", "stop", "stopped")
    ]
    assert list(moments) == sorted(moments, key=lambda moment: moment.seconds)
    told = [{"seconds": 1.5, "kind": MOMENTS[0], "text": "begun"}]
    assert draw(good.evidence().with_document("trial.timeline", told)).moments == (Moment(1.5, "start", "begun"),)


@pytest.mark.parametrize("name", ["image.layers", "image.base_layers", "compose.production", "trial.timeline"])
def test_what_was_not_gathered_is_not_drawn(name: str) -> None:
    evidence = good.evidence()
    kept = {key: value for key, value in evidence.documents.items() if key != name}
    assert draw(Evidence(evidence.settings, kept)) != draw(evidence)


def test_of_nothing_nothing_is_drawn() -> None:
    assert draw(Evidence(good.settings(), {})) == Pictures()


def test_drawing_counts_as_no_examination() -> None:
    evidence = good.evidence()
    draw(evidence)
    assert not evidence.seen
