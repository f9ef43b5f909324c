"""Well-made projects of other shapes: the docker client resolves their models, BuildKit takes their contexts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import verify
from seatrial.evidence import tree
from seatrial.verify import Verdict
from tests import good
from tests.foreign import OURS_ONLY, PROJECTS, REDIS_CHECKS, Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("project", PROJECTS, ids=[project.name for project in PROJECTS])
def test_every_finding_is_true(project: Project, tmp_path: Path) -> None:
    settings = project.copied(tmp_path)
    evidence = project.evidence(settings).with_document("context.entries", tree.context(settings, good.WANTED))
    left_out = {*OURS_ONLY, *(() if project.redis else REDIS_CHECKS)}
    results = [
        verify.judge(check, evidence)
        for check in verify.select("context,dockerfile,compose")
        if check.id not in left_out
    ]
    found = {
        result.check.id: [f"{problem.where}: {problem.message}" for problem in result.problems] or [result.reason]
        for result in results
        if result.verdict not in {Verdict.PASS, Verdict.SKIP}
    }
    assert found == project.says
    assert len(results) == len(verify.select("context,dockerfile,compose")) - len(left_out)


def test_no_two_projects_have_one_shape() -> None:
    assert len(PROJECTS) >= 10
    assert len({(project.port, project.root, project.service) for project in PROJECTS}) == len(PROJECTS)
