"""Where things stand in the pictures: inside the frame, apart from each other, and joined by what joins them."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from seatrial.evidence.pictures import Moment, NetworkPicture, Pictures, ServicePicture, draw
from seatrial.reports import drawings
from tests import good


def services(count: int, networks: int) -> Pictures:
    names = tuple(f"network-{number}" for number in range(networks))
    made = tuple(
        ServicePicture(f"service-{number}", "image", ("127.0.0.1:1 → 1",), names, (), ()) for number in range(count)
    )
    return Pictures(services=made, networks=tuple(NetworkPicture(name, is_internal=False) for name in names))


@pytest.mark.parametrize("pictures", [services(1, 0), services(1, 4), services(5, 1), services(3, 3)])
def test_boxes_stand_in_the_frame_and_do_not_touch(pictures: Pictures) -> None:
    drawn = drawings.stack(pictures)
    assert drawn is not None
    for box in drawn.boxes:
        assert 0 <= box.x <= box.x + box.width <= drawn.width
        assert 0 <= box.y <= box.bottom <= drawn.height
        assert len(box.title) * drawings.CHARACTER_WIDTH <= box.width
    for one, other in combinations(drawn.boxes, 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.bottom <= other.y or other.bottom <= one.y


def test_the_recorded_stack_joins_its_services_by_the_inner_network() -> None:
    drawn = drawings.stack(draw(good.evidence()))
    assert drawn is not None
    kinds = {box.title: box.kind for box in drawn.boxes}
    assert (kinds["facilitator"], kinds["backend"], kinds["edge"]) == ("service", "internal", "network")
    assert [box.title for box in drawn.boxes][-3:] == ["edge", "backend", "operator"]
    assert sum(line.kind == "internal" for line in drawn.lines) == 2
    assert sum(line.kind == "port" for line in drawn.lines) == 2


def test_a_port_that_is_open_to_all_looks_different() -> None:
    pictures = draw(good.evidence())
    opened = replace(pictures.services[0], ports=("*:3000 → 3000", "*:1 → 1"))
    drawn = drawings.stack(replace(pictures, services=(opened,)))
    assert drawn is not None
    assert (drawn.boxes[0].kind, drawn.boxes[0].title) == ("open port", "*:3000 → 3000 +1")


def test_a_name_that_is_too_long_is_cut_with_a_mark() -> None:
    pictures = Pictures(services=(ServicePicture("s" * 90, "i" * 90, (), (), (), ()),))
    drawn = drawings.stack(pictures)
    assert drawn is not None
    assert drawn.boxes[0].title.endswith("s…")


def test_nothing_is_drawn_of_nothing() -> None:
    assert drawings.stack(Pictures()) is None
    assert drawings.timeline(()) is None
    assert drawings.shares([]) == []


def test_the_timeline_is_covered_from_end_to_end_by_states() -> None:
    moments = draw(good.evidence()).moments
    drawn = drawings.timeline(moments)
    assert drawn is not None
    assert drawn.spans[0].x == 0
    assert sum(span.width for span in drawn.spans) == pytest.approx(1000)
    assert [span.state for span in drawn.spans[:4]] == ["starting", "well", "well", "broken"]
    assert [mark.number for mark in drawn.marks] == list(range(1, len(moments) + 1))


def test_marks_that_are_close_stand_below_each_other() -> None:
    drawn = drawings.timeline([Moment(0, "start", ""), Moment(0.1, "a", ""), Moment(0.2, "b", ""), Moment(10, "c", "")])
    assert drawn is not None
    assert [mark.level for mark in drawn.marks] == [0, 1, 2, 0]
    assert drawn.levels == 3


def test_all_at_once_is_a_timeline_too() -> None:
    drawn = drawings.timeline([Moment(0, "start", ""), Moment(0, "failed", "")])
    assert drawn is not None
    assert [mark.percent for mark in drawn.marks] == [0, 0]


def test_bars_are_in_proportion_and_what_is_there_is_seen() -> None:
    assert drawings.shares([100, 50, 0, 1_000_000]) == [0.5, 0.5, 0.0, 100.0]


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (100_830_000, "100.8 MB")]
)
def test_sizes_are_said_as_docker_says_them(size: int, words: str) -> None:
    assert drawings.in_words(size) == words
