"""The generated pages: in step with the code, and readable as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import docs, explanation, recorded
from seatrial.checks import FAMILIES, all_checks
from seatrial.errors import Code, ExitCode

if TYPE_CHECKING:
    from pathlib import Path


PAGES = [("errors.md", docs.render_errors), ("checks.md", docs.render_checks), ("mutants.md", docs.render_mutants)]


@pytest.mark.parametrize(("name", "render"), PAGES)
def test_the_committed_page_is_the_generated_one(name: str, render: object) -> None:
    committed = (docs.FOLDER / name).read_text(encoding="utf-8")
    assert committed == render(), f"docs/{name} is out of step: python -m seatrial.docs"  # type: ignore[operator]


def test_every_check_and_every_error_is_there() -> None:
    checks, errors = docs.render_checks(), docs.render_errors()
    for check in all_checks():
        assert f"### {check.id}\n\n**{check.promise}**\n\n{check.reason}\n\n- Mend: {check.mend}" in checks
    for code in Code:
        assert f"| `{code.value.code}` | {int(code.value.exit_code)} | {code.value.meaning} |" in errors
    for exit_code in ExitCode:
        assert f"| {int(exit_code)} |" in errors


def test_every_promise_names_its_checks_and_every_check_has_a_promise() -> None:
    named = [check_id for promises in docs.promised().values() for ids in promises.values() for check_id in ids]
    assert tuple(docs.promised()) == FAMILIES
    assert set(named) == {check.id for check in all_checks()}


def test_every_sabotage_is_shown() -> None:
    for check in all_checks():
        said = explanation.sabotage_as_written(check)
        assert said.endswith(".") or (said.startswith("`") and "lambda e:" not in said), check.id


def test_every_mutant_and_every_spelling_is_there() -> None:
    page = docs.render_mutants()
    for mutant in recorded.mutants():
        assert f"| `{mutant.name}` | {mutant.breaks} |" in page
    for one in recorded.spellings():
        assert f"### {one.check}\n" in page
        assert f"- {one.fault}: " in page


@pytest.mark.parametrize(
    ("text", "shown"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("``x", "``` ``x ```")]
)
def test_any_text_is_shown_verbatim(text: str, shown: str) -> None:
    assert docs.verbatim(text) == shown


def test_tables_have_as_many_cells_in_each_row() -> None:
    for line in docs.render_errors().splitlines():
        if line.startswith("|"):
            assert line.count(" | ") in {1, 2}


def test_writing_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    docs.main()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checks.md", "errors.md", "mutants.md"]
