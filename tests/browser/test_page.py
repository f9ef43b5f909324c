"""The HTML report in a real browser, opened from a file: on a phone and on a desk, light and dark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial import reports
from tests.seatrial.reports.samples import REPORTS

if TYPE_CHECKING:
    from tests.browser.chromium import Chromium

AXE = (Path(__file__).parents[1] / "fixtures" / "vendored" / "axe.min.js").read_text(encoding="utf-8")
WIDTHS = (360, 1280)
SCHEMES = ("light", "dark")
WIDER_THAN_THE_PAGE = """
[...document.querySelectorAll("body *")]
  .filter(e => !e.closest(".for-readers") && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => e.outerHTML.slice(0, 120))
"""
CUT_OFF = """
[...document.querySelectorAll("svg.stack text")].filter(text => {
  const words = text.getBoundingClientRect(), frame = text.ownerSVGElement.getBoundingClientRect();
  return words.left < frame.left || words.right > frame.right;
}).map(text => text.textContent)
"""
VIOLATIONS = """
axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.map(
  rule => `${rule.id}: ${rule.nodes.map(node => node.target + " " + node.failureSummary).join("; ")}`))
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, report in REPORTS.items():
        found[name] = folder / f"{name.replace(' ', '-')}.html"
        found[name].write_text(reports.render(report, "html"), encoding="utf-8")
    return found


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_the_page_is_quiet_fits_and_is_accessible(
    browser: Chromium, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    browser.open(pages[name], width, scheme)
    assert browser.requests() == []
    assert browser.complaints() == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(WIDER_THAN_THE_PAGE) == []
    assert browser.evaluate(CUT_OFF) == []
    browser.evaluate(AXE + "; 0")
    assert browser.evaluate(VIOLATIONS) == []


def test_dark_is_dark_and_light_is_light(browser: Chromium, pages: dict[str, Path]) -> None:
    grounds = []
    for scheme in SCHEMES:
        browser.open(pages["good"], 1280, scheme)
        colour = browser.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        grounds.append(sum(json.loads(colour.replace("rgb(", "[").replace(")", "]"))))
    light, dark = grounds
    assert light > 600
    assert dark < 200


def test_what_others_wrote_runs_nothing(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["hostile"], 1280, "light")
    assert browser.evaluate("document.scripts.length + document.images.length + document.links.length") == 0
    assert not [event for event in browser.events if event.get("method") == "Page.javascriptDialogOpening"]


def test_it_prints_with_everything_open(browser: Chromium, pages: dict[str, Path]) -> None:
    browser.open(pages["good"], 1280, "dark")
    hidden = "[...document.querySelectorAll('details li')].filter(item => !item.checkVisibility()).length"
    assert browser.evaluate(hidden) > 100
    browser.send("Emulation.setEmulatedMedia", media="print")
    assert browser.evaluate(hidden) == 0
    assert browser.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    printed = browser.send("Page.printToPDF", printBackground=True, paperWidth=8.27, paperHeight=11.69)
    assert len(printed["data"]) > 10_000


def test_the_watcher_sees_what_it_must_not_find(browser: Chromium, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><title>x</title><img src='gone.png'><p style='width:2000px'>wide</p>"
        "<script>console.error('no')</script>",
        encoding="utf-8",
    )
    browser.open(bad, 360, "light")
    assert [url.rpartition("/")[2] for url in browser.requests()] == ["gone.png"]
    assert browser.complaints()
    assert browser.evaluate("document.documentElement.scrollWidth") > 360
    browser.evaluate(AXE + "; 0")
    assert any("image-alt" in rule for rule in browser.evaluate(VIOLATIONS))
