"""The report for a browser or a release: one page that holds everything and asks the network for nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seatrial import recorded, standards
from seatrial.checks import FAMILIES
from seatrial.reports import drawings, parts
from seatrial.reports.visible import visible
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatrial.evidence.pictures import LayerPicture, PartPicture
    from seatrial.verify import Report, Result

SHOWN_PROBLEMS, FOLDED_PROBLEMS = 6, 500
"""How many problems of one check stand open, and how many more are folded away below them."""
TEMPLATES = Path(__file__).with_name("templates")


def render(report: Report) -> str:
    """Return the page."""
    page = _environment().get_template("report.html")
    pictures = report.pictures
    return page.render(
        report=report,
        headline=headline(report),
        totals=parts.totals(report),
        subject={name: str(value) for name, value in report.subject.items() if value},
        broken=_cards(report),
        compared=parts.compared(report),
        mended=[parts.gone(one) for one in parts.mended(report)],
        left_out=parts.left_out(report),
        families=_families(report),
        counted=how_many_hold,
        mutants={result.check.id: _mutants(result) for result in report.results},
        standards={result.check.id: standards.of(result.check.id) for result in report.results},
        spot=parts.spot,
        shown=SHOWN_PROBLEMS,
        folded=FOLDED_PROBLEMS,
        layers=_with_shares(pictures.layers),
        parts=_with_shares(pictures.parts),
        in_words=drawings.in_words,
        stack=drawings.stack(pictures),
        timeline=drawings.timeline(pictures.moments),
    )


def headline(report: Report) -> str:
    """Return the verdict as one sentence."""
    judged = sum(result.verdict is not Verdict.SKIP for result in report.results)
    needing = parts.needing(report)
    if not judged:
        return "Nothing was examined"
    untrusted = [result for result in needing if result.verdict is not Verdict.FAIL]
    if untrusted:
        return f"{_counted(len(untrusted), 'check')} cannot be trusted"
    if needing:
        how = "broken" if report.against is None else "newly broken"
        return f"{len(needing)} of {_counted(judged, 'promise')} {'is' if len(needing) == 1 else 'are'} {how}"
    if parts.known(report):
        return "Nothing is broken that was not before"
    waived = len(parts.waived(report))
    if waived:
        return f"{judged - waived} of {_counted(judged, 'promise')} hold, {waived} waived"
    return f"All {_counted(judged, 'promise')} hold" if judged > 1 else "The promise holds"


def how_many_hold(results: Sequence[Result]) -> str:
    """Return how many of a family's promises hold, what was left out apart: that is not broken."""
    left_out = sum(result.verdict is Verdict.SKIP for result in results)
    held = sum(result.verdict is Verdict.PASS for result in results)
    judged = [f"{held} of {len(results) - left_out} hold"] if left_out < len(results) else []
    return ", ".join([*judged, f"{left_out} left out"] if left_out else judged)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _with_shares(things: Sequence[LayerPicture] | Sequence[PartPicture]) -> list[tuple[Any, float]]:
    return list(zip(things, drawings.shares([thing.size_bytes for thing in things]), strict=True))


def _cards(report: Report) -> list[tuple[str, str, list[tuple[Result, list[parts.Point]]]]]:
    """Return what is not as promised under its heading's id and words, each result with its problems."""
    groups = (
        ("fails", "What needs you", parts.needing(report)),
        ("known", "As in the earlier report", parts.known(report)),
        ("waived", "Waived", parts.waived(report)),
    )
    return [
        (name, title, [(result, parts.points(report, result)) for result in results])
        for name, title, results in groups
        if results
    ]


def _families(report: Report) -> dict[str, list[Result]]:
    found = {family: [result for result in report.results if result.check.family == family] for family in FAMILIES}
    return {family: results for family, results in found.items() if results}


def _mutants(result: Result) -> list[recorded.Mutant]:
    return [mutant for mutant in recorded.mutants() if result.check.id in mutant.kills]


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Every value on its way into the page, so that none can be forgotten.
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    return visible(value) if type(value) is str else value
