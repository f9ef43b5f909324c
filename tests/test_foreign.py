"""What can be judged of the projects of other shapes without an engine: how their images are written down."""

from __future__ import annotations

import pytest

from seatrial import verify
from seatrial.evidence import Evidence
from seatrial.verify import Verdict
from tests.foreign import PROJECTS, Project


@pytest.mark.parametrize("project", PROJECTS, ids=[project.name for project in PROJECTS])
def test_every_finding_is_true(project: Project) -> None:
    evidence = Evidence(project.settings(project.folder), {"tree.files": project.tree(), "context.entries": ()})
    for check in verify.select("dockerfile,context.ignore_file"):
        result = verify.judge(check, evidence)
        said = [f"{problem.where}: {problem.message}" for problem in result.problems]
        assert (result.verdict is Verdict.PASS, said) == (check.id not in project.says, project.says.get(check.id, []))
