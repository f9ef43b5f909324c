"""The page's source: it holds everything, asks for nothing, and text of others is only text in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from seatrial import recorded, reports
from seatrial.checks import Problem
from seatrial.reports.html import headline, how_many_hold
from seatrial.reports.visible import visible
from seatrial.verify import Verdict
from tests.seatrial.reports.samples import CHECK, FAILED, HOSTILE, OTHER, REPORTS, report, result

ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "link",
    "style",
    "body",
    "header",
    "main",
    "footer",
    "section",
    "article",
    "h1",
    "h2",
    "h3",
    "p",
    "span",
    "dl",
    "div",
    "dt",
    "dd",
    "ul",
    "ol",
    "li",
    "code",
    "bdi",
    "i",
    "em",
    "svg",
    "rect",
    "line",
    "text",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "details",
    "summary",
}


class Page(HTMLParser):
    """The elements, the attributes and the text of a page."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.pieces: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def page(name: str) -> Page:
    return Page(reports.render(REPORTS[name], "html"))


@pytest.mark.parametrize("name", REPORTS)
def test_it_is_made_of_harmless_elements_only(name: str) -> None:
    made = page(name)
    assert set(made.tags) <= ALLOWED
    assert not [attribute for attribute, _ in made.attributes if attribute.startswith("on")]
    assert not [value for attribute, value in made.attributes if attribute in {"src", "href"} and value != "data:,"]
    identifiers = [value for attribute, value in made.attributes if attribute == "id"]
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("name", REPORTS)
def test_it_forbids_itself_to_load_anything(name: str) -> None:
    policies = [value for attribute, value in page(name).attributes if attribute == "content"]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in policies
    assert not re.search(r"url\(|@import|https?://", reports.render(REPORTS["broken"], "html"))


def test_hostile_text_reads_as_it_was_written() -> None:
    assert page("hostile").pieces.count(visible(HOSTILE)) >= 10


def test_a_failure_says_where_why_and_how_to_mend() -> None:
    pieces = Page(reports.render(report(FAILED, result(Verdict.PASS, check=OTHER)), "html")).pieces
    for said in ("Dockerfile:64", "Config.User", "runs as root", CHECK.promise, CHECK.reason, CHECK.mend):
        assert said in pieces
    first = next(number for number, piece in enumerate(pieces) if piece == CHECK.id)
    assert first < next(number for number, piece in enumerate(pieces) if piece == OTHER.id)


def test_every_promise_stands_in_the_matrix_with_its_mutants() -> None:
    pieces = page("good").pieces
    for judged in REPORTS["good"].results:
        assert judged.check.id in pieces
        assert judged.check.promise in pieces
    seen = {mutant.breaks for mutant in recorded.mutants()}
    assert seen <= set(pieces)


def test_a_report_without_pictures_draws_none() -> None:
    rendered = reports.render(report(FAILED), "html")
    assert "<svg" not in rendered
    for heading in ("The image", "The stack", "The trial"):
        assert f">{heading}</h2>" not in rendered
        assert f">{heading}</h2>" in reports.render(REPORTS["good"], "html")


def test_many_problems_are_folded_away_and_counted() -> None:
    many = result(Verdict.FAIL, *(Problem(f"number {number}", "x") for number in range(600)))
    rendered = reports.render(report(many), "html")
    pieces = Page(rendered).pieces
    opened, _, folded = rendered.partition('<details class="more">')
    assert ("number 5<" in opened, "number 6<" in opened, "number 6<" in folded) == (True, False, True)
    assert "number 505" in pieces
    assert "number 506" not in pieces
    assert "and 594 more" in pieces
    assert "and 94 that are not listed here" in pieces


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ([Verdict.PASS], "The promise holds"),
        ([Verdict.PASS, Verdict.PASS, Verdict.SKIP], "All 2 promises hold"),
        ([Verdict.PASS, Verdict.FAIL], "1 of 2 promises is broken"),
        ([Verdict.FAIL, Verdict.FAIL], "2 of 2 promises are broken"),
        ([Verdict.FAIL, Verdict.BLIND], "1 check cannot be trusted"),
        ([Verdict.ERROR, Verdict.BLIND], "2 checks cannot be trusted"),
        ([Verdict.SKIP], "Nothing was examined"),
        ([], "Nothing was examined"),
    ],
)
def test_the_headline_is_the_verdict_as_a_sentence(verdicts: list[Verdict], sentence: str) -> None:
    assert headline(report(*map(result, verdicts))) == sentence


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([Verdict.PASS, Verdict.FAIL], "1 of 2 hold"),
        ([Verdict.PASS, Verdict.SKIP, Verdict.ERROR], "1 of 2 hold, 1 left out"),
        ([Verdict.SKIP, Verdict.SKIP], "2 left out"),
    ],
)
def test_what_was_left_out_is_not_counted_as_broken(verdicts: list[Verdict], words: str) -> None:
    assert how_many_hold([result(verdict) for verdict in verdicts]) == words
