"""Markdown: read by a real parser, nothing that others wrote becomes a link, an image, a heading or HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from seatrial import reports
from seatrial.checks import Problem, all_checks
from seatrial.reports.markdown import escaped, verbatim
from seatrial.reports.visible import on_one_line
from seatrial.verify import Verdict
from tests.seatrial.reports.samples import CHECK, FAILED, HOSTILE, OTHER, REPORTS, report, result

PARSER = MarkdownIt("gfm-like", {"linkify": False})


class Page(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def page(name: str) -> Page:
    return Page(PARSER.render(reports.render(REPORTS[name], "markdown")))


@pytest.mark.parametrize("name", REPORTS)
def test_there_are_only_the_elements_that_the_report_means(name: str) -> None:
    allowed = {"h2", "h3", "p", "ul", "li", "code", "strong", "details", "summary"}
    assert set(page(name).tags) <= allowed
    headings = [tag for tag in page(name).tags if tag in {"h2", "h3"}]
    needing = sum(r.verdict not in {Verdict.PASS, Verdict.SKIP} for r in REPORTS[name].results)
    assert headings == ["h2", *["h3"] * needing]


def test_hostile_text_reads_as_it_was_written() -> None:
    assert page("hostile").text.count(on_one_line(HOSTILE)) >= 4


def test_a_failure_says_where_why_and_how_to_mend() -> None:
    rendered = reports.render(report(FAILED, result(Verdict.PASS, check=OTHER)), "markdown")
    assert "- `Config.User` at `Dockerfile:64`: `runs as root`" in rendered
    shown = Page(PARSER.render(rendered)).text
    for said in (
        CHECK.promise,
        CHECK.reason,
        CHECK.mend.replace("`", ""),
        "what holds: 1",
        OTHER.promise.replace("`", ""),
    ):
        assert said in shown


def test_many_problems_are_cut_and_counted() -> None:
    many = result(Verdict.FAIL, *(Problem(f"number {number}", "x") for number in range(25)))
    assert "- and 15 more" in reports.render(report(many), "markdown")


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_our_own_sentences_read_as_they_are_written(check: object) -> None:
    for sentence in (getattr(check, name) for name in ("promise", "reason", "mend")):
        shown = Page(PARSER.render(escaped(sentence)))
        assert re.sub(r"\s+", " ", shown.text.strip()) == sentence.replace("`", "")
        assert set(shown.tags) <= {"p", "code"}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="`a \\*_<>|[]()!&;#\n", max_size=12))
def test_any_text_is_one_piece_of_code(written: str) -> None:
    shown = Page(PARSER.render(f"x {verbatim(written)} y"))
    assert shown.tags == ["p", "code"]
    # A parser takes one blank from each end where there is one at both.
    assert shown.text.strip("\n").removeprefix("x ").removesuffix(" y").strip() == on_one_line(written).strip()
