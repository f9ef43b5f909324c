"""README's claims that a program can check."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import checks, verify
from tasks import LISTING
from tests import good

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_of_a_check_works(monkeypatch: pytest.MonkeyPatch) -> None:
    good_evidence = good.evidence()
    code = re.search(r"<!-- example: run by tests/test_readme.py -->\n```python\n(.*?)```", README, re.DOTALL)
    assert code is not None
    known = checks.all_checks()
    monkeypatch.setattr(checks, "_REGISTRY", dict(checks._REGISTRY))
    exec(compile(code[1], "README.md", "exec"), {"__name__": "readme"})
    added = [check for check in checks.all_checks() if check not in known]
    assert [check.id for check in added] == ["image.workdir"]
    assert verify.judge(added[0], good_evidence).verdict is verify.Verdict.PASS
    sabotaged = added[0].sabotage(good_evidence)
    assert verify.judge(added[0], sabotaged).problems[0].message == "the working directory is /tmp"
    assert all(verify.judge(check, sabotaged).verdict is verify.Verdict.PASS for check in known)


def test_every_check_that_is_named_exists() -> None:
    ids = {check.id for check in checks.all_checks()}
    table = README.partition("| promise | checks |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z]+\.[a-z_]+)`", table))
    assert named
    assert named <= ids


def test_every_task_is_named() -> None:
    table = README.partition("| task | does |")[2].partition("\n\n")[0]
    for name in (name for names in LISTING.values() for name in names):
        assert re.search(rf"`{name}\b", table), name


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
