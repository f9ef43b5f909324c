"""The record of what was broken to try the checks: in step with the tests, and without a hole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from seatrial import recorded
from seatrial.checks import FAMILIES, all_checks

ROOT = Path(recorded.__file__).resolve().parent.parent
RUN_AGAIN = "import json, tests.record_checks as r; print('\\n' + json.dumps(r.recorded()))"


def test_the_record_is_what_the_tests_show_now() -> None:
    # In a process of its own: it runs test cases.
    done = subprocess.run([sys.executable, "-c", RUN_AGAIN], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    fresh = json.loads(done.stdout.rpartition("\n{")[2].join(("{", "")))
    committed = json.loads(recorded.RECORD.read_text(encoding="utf-8"))
    for part in ("reads", "mutants", "spellings"):
        assert fresh[part] == committed[part], "out of step: python -m tests.record_checks && python -m seatrial.docs"


def test_every_check_was_seen_to_fail_on_a_broken_project() -> None:
    killers = {check_id for mutant in recorded.mutants() for check_id in mutant.kills}
    ids = {check.id for check in all_checks()}
    assert killers == ids


def test_every_check_was_tried_in_more_spellings_than_its_sabotage() -> None:
    assert {one.check for one in recorded.spellings()} == {check.id for check in all_checks()}
    for one in recorded.spellings():
        assert one.count


def test_every_check_reads_something() -> None:
    for check in all_checks():
        assert recorded.documents_read(check.id), check.id


def test_every_mutant_is_killed_and_belongs_to_a_family() -> None:
    for mutant in recorded.mutants():
        assert mutant.kills
        assert mutant.family in FAMILIES
        assert mutant.breaks.endswith(".")
