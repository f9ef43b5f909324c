"""What every format keeps: it is found by its name, it renders every report, and text of others is harmless in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import reports
from seatrial.errors import Code, SeatrialError
from tests.seatrial.reports.samples import REPORTS, hostile, report


@pytest.mark.parametrize("name", reports.FORMATS)
@pytest.mark.parametrize("sample", REPORTS)
def test_every_format_renders_every_report_twice_the_same(sample: str, name: str) -> None:
    rendered = reports.render(REPORTS[sample], name)
    assert rendered == reports.render(REPORTS[sample], name)
    assert rendered or (name, sample) in {("github", "good"), ("github", "empty")}


@pytest.mark.parametrize("name", reports.FORMATS)
def test_nothing_in_any_format_is_obeyed_by_a_terminal_or_turns_the_reading_direction(name: str) -> None:
    rendered = reports.render(REPORTS["hostile"], name)
    assert not {character for character in rendered if not character.isprintable() and character != "\n"}
    rendered.encode("utf-8")


@pytest.mark.parametrize("name", reports.FORMATS)
@settings(max_examples=20, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=30))
def test_any_text_can_be_reported(name: str, written: str) -> None:
    rendered = reports.render(hostile(written), name)
    assert not {character for character in rendered if not character.isprintable() and character != "\n"}


def test_an_unknown_format_lists_the_known() -> None:
    for ask in (lambda: reports.renderer("xml"), lambda: reports.render(report(), "TEXT")):
        with pytest.raises(SeatrialError) as caught:
            ask()
        assert caught.value.code is Code.USAGE
        assert all(name in caught.value.hint for name in reports.FORMATS)
