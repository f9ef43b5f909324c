"""README's example of a new check with its mutant: written into a copy of the project, built, and seen to fail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tests.docker import yard
from tests.docker.mutant import Mutant, append, both

if TYPE_CHECKING:
    from tests.docker.yard import Ship, Yard

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def example(test: str) -> str:
    """Return the code that README says a test runs."""
    found = re.search(rf"<!-- example: run by {re.escape(test)} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_a_mutant_is_killed_by_the_example_of_a_check(shipyard: Yard, healthy: Ship) -> None:
    names: dict[str, Mutant] = {}
    exec(compile(example("tests/docker/test_readme_example.py"), "README.md", "exec"), names)
    broken = names["MUTANT"]
    added = append("seatrial/checks/image.py", "\n\n" + example("tests/test_readme.py"))
    # It must say something, so that the copy's own toolkit judges it, with the check that was added there.
    mutant = Mutant(
        broken.name, broken.breaks, both(added, broken.patch), broken.kills, broken.needs, says=("image.workdir",)
    )
    outcome = yard.sail(shipyard, healthy, mutant)
    failed = {check_id for check_id, verdict in outcome.verdicts.items() if verdict == "FAIL"}
    assert failed == broken.kills == {"image.workdir"}, outcome.text
    assert "the working directory is /tmp" in outcome.text
