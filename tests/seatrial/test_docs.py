"""The generated pages: in step with the code, and readable as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import docs
from seatrial.checks import all_checks
from seatrial.errors import Code, ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("name", "render"), [("errors.md", docs.render_errors), ("checks.md", docs.render_checks)])
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


def test_tables_have_as_many_cells_in_each_row() -> None:
    for line in docs.render_errors().splitlines():
        if line.startswith("|"):
            assert line.count(" | ") in {1, 2}


def test_writing_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs, "FOLDER", tmp_path)
    docs.main()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checks.md", "errors.md"]
