"""The recorded evidence of the unit tests, beside what a real image and a real stack say now."""

from __future__ import annotations

from typing import Any

import pytest

from seatrial import verify
from seatrial.evidence import Evidence
from seatrial.evidence.archive import Layer
from seatrial.verify import Verdict
from tests import good, record_evidence

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def fresh() -> Evidence:
    return record_evidence.fresh()


def verdicts(evidence: Evidence) -> dict[str, tuple[Verdict, tuple[Any, ...], str]]:
    results = [verify.judge(check, evidence) for check in verify.select()]
    return {result.check.id: (result.verdict, result.problems, result.reason) for result in results}


def test_fresh_evidence_and_the_record_are_judged_alike(fresh: Evidence) -> None:
    expected = {check.id: (Verdict.PASS, (), "") for check in verify.select()}
    assert verdicts(fresh) == expected
    assert verdicts(good.evidence()) == expected


def test_a_new_record_would_have_the_same_shape(fresh: Evidence) -> None:
    """Who changes what is gathered records it anew: `python -m tests.record_evidence`."""
    document = record_evidence.reduced(fresh)
    assert shape(document["documents"]) == shape(good._record()["documents"])


def test_what_was_reduced_is_still_judged_alike(fresh: Evidence) -> None:
    """Nothing that a check reads is lost on the way into the record."""
    reduced = record_evidence.reduced(fresh)["documents"]
    layers = tuple(
        Layer(layer["diff_id"], tuple(map(good.entry, layer["entries"]))) for layer in reduced.pop("image.layers")
    )
    entries = tuple(map(good.entry, reduced.pop("context.entries")))
    restored = {**reduced, "image.layers": layers, "context.entries": entries}
    evidence = Evidence(good.settings(), restored, {}, good.WANTED)
    assert {name: found[0] for name, found in verdicts(evidence).items()} == dict.fromkeys(
        (check.id for check in verify.select()), Verdict.PASS
    )


def shape(document: Any, depth: int = 2) -> Any:
    """Return the names in a document, two levels deep, where they do not depend on the machine."""
    if isinstance(document, dict) and depth:
        return {name: shape(part, depth - 1) for name, part in document.items()}
    return type(document).__name__
