"""What the comparison reads of other tools' answers, and what it says of them."""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from bench import figures
from bench.rivals import __main__ as program
from bench.rivals import chart, comparison, findings, install, peers, recall, tally, whole
from bench.rivals.faults import FAULTS
from tests.docker.mutants import MUTANTS

HADOLINT = json.dumps([{"code": "DL3002", "message": "Last USER should not be root", "line": 7, "level": "warning"}])
COMPOSE_LINT = json.dumps(
    {
        "findings": [
            {"rule_id": "CL-0005", "service": "redis", "message": "Port '6380:6379' is bound", "suppressed": False},
            {"rule_id": "CL-0007", "service": "redis", "message": "writable", "suppressed": True},
        ],
        "errors": ["not a mapping"],
    }
)
CHECKOV = json.dumps(
    [
        {"results": {"failed_checks": [{"check_id": "CKV_1", "check_name": "root", "file_path": "/Dockerfile"}]}},
        {"passed": 0, "failed": 0},
    ]
)
TRIVY = json.dumps(
    {
        "Results": [
            {"Target": "Dockerfile", "Misconfigurations": [{"ID": "DS002", "Title": "root", "Message": "line 7"}]},
            {"Target": "app/x.py (python)", "Secrets": [{"RuleID": "private-key", "Title": "Key", "StartLine": 3}]},
            {"Target": "nothing"},
        ]
    }
)
DOCKLE = json.dumps(
    {"details": [{"code": "CIS-DI-0001", "title": "user", "level": "WARN", "alerts": ["Last user is root", "again"]}]}
)
DIVE = """\
  efficiency: 99.1 %
\x1b[1mInefficient Files:\x1b[0m
Count  Wasted Space  File Path
    2        1.7 kB  /etc/passwd
   12       12 MB    /app/a file
\x1b[1mResults:\x1b[0m
  PASS: highestUserWastedPercent
  \x1b[31mFAIL\x1b[0m: lowestEfficiency: too low
"""
STRUCTURE_TEST = json.dumps({"Results": [{"Name": "Metadata Test", "Pass": False}, {"Name": "x", "Pass": True}]})
GOSS = json.dumps(
    {
        "results": [
            {"resource-type": "Port", "resource-id": "tcp:3000", "property": "listening", "successful": False},
            {"resource-type": "Port", "resource-id": "tcp:22", "property": "listening", "successful": True},
        ]
    }
)


@pytest.mark.parametrize(
    ("read", "answer", "found"),
    [
        (findings.hadolint, HADOLINT, ["DL3002 Last USER should not be root"]),
        (findings.compose_lint, COMPOSE_LINT, ["CL-0005 redis: Port 'N' is bound", "error not a mapping"]),
        (findings.checkov, CHECKOV, ["CKV_1 root in /Dockerfile"]),
        (findings.checkov, json.dumps({"passed": 0}), []),
        (findings.trivy, TRIVY, ["DS002 root: line N", "secret private-key Key in app/x.py"]),
        (findings.trivy, json.dumps({"SchemaVersion": 2}), []),
        (findings.dockle, DOCKLE, ["CIS-DI-0001 user (WARN): Last user is root", "CIS-DI-0001 user (WARN): again"]),
        (findings.dive, DIVE, ["stored N times: /etc/passwd", "stored N times: /app/a file", "rule lowestEfficiency"]),
        (findings.structure_test, STRUCTURE_TEST, ["Metadata Test"]),
        (findings.goss, GOSS, ["Port tcp:N listening"]),
    ],
)
def test_an_answer_is_read(read: object, answer: str, found: list[str]) -> None:
    assert callable(read)
    assert findings.counted(read, answer) == Counter(found)


@pytest.mark.parametrize("answer", ["", "Traceback ...", "[1]", "{}", '{"Results": [{}]}'])
@pytest.mark.parametrize("read", [findings.hadolint, findings.compose_lint, findings.dockle, findings.goss])
def test_a_peer_that_breaks_is_not_a_peer_that_is_content(read: object, answer: str) -> None:
    assert callable(read)
    assert findings.counted(read, answer) == Counter(["the answer cannot be read"])


def test_what_differs_between_two_runs_is_left_out() -> None:
    def read(answer: str) -> list[str]:
        return [answer]

    found = findings.counted(
        read, "CKV_2 image run-17 took 1.25 s, id 0123456789abcdef, in /tmp/x/a.py", "run-17", "/tmp/x"
    )
    assert list(found) == ["CKV_2 image NAME took N s, id N, in NAME/a.py"]


def test_new_is_what_is_said_more_often_than_of_the_healthy_project() -> None:
    assert findings.new(Counter(a=2, b=1, c=1), Counter(a=1, b=1, d=4)) == ["a", "c"]


def fault(name: str, origin: str = "ours", could: tuple[str, ...] = ("dive",), **seen: list[str]) -> tally.Fault:
    return tally.Fault(name, origin, "Something.", "tree", could, {"seatrial": [], "dive": [], **seen})


def test_shares_are_of_all_and_of_what_is_in_reach() -> None:
    faults = [fault("a", dive=["x"]), fault("b", seatrial=["y"]), fault("c", could=(), seatrial=["y"])]
    assert str(tally.share(faults, "dive")) == "1 of 3 (33 %)"
    assert str(tally.share(faults, "dive", "seatrial")) == "3 of 3 (100 %)"
    assert str(tally.fair_share(faults, "dive")) == "1 of 2 (50 %)"
    assert str(tally.share([], "dive")) == "0 of 0 (0 %)"


def test_recall_survives_its_file_and_a_later_part_takes_the_place_of_an_earlier() -> None:
    former = tally.Recall({"dive": "1"}, {"dive": {"x": 1}}, (fault("a"), fault("gone")))
    assert tally.from_json(tally.to_json(former)) == former
    fresh = tally.Recall({"dive": "2"}, {"dive": {}}, (fault("a", dive=["x"]), fault("b")))
    merged = tally.merged(former, fresh, ["b", "a"])
    assert (merged.versions, [one.name for one in merged.faults]) == ({"dive": "2"}, ["b", "a"])
    assert merged.faults[1].seen_by("dive")
    with pytest.raises(ValueError, match=r"recall/2"):
        tally.from_json('{"schema": "seatrial.recall/2"}')


def test_a_process_tree_is_whole() -> None:
    assert whole.descendants(1, {2: 1, 3: 2, 4: 3, 5: 9, 1: 0}) == {2, 3, 4}
    assert whole.parents()[os.getpid()] == os.getppid()
    assert whole.share_bytes(os.getpid()) > 1_000_000
    assert whole.share_bytes(2**30) == 0


def test_every_peer_is_locked_by_hash_and_says_its_version() -> None:
    for peer in peers.PEERS:
        assert recall.version(peer)[0].isdigit()
        lock = peers.HERE / peer.name / ("go.sum" if peer.name in install.GO_PACKAGES else "requirements.txt")
        text = lock.read_text(encoding="utf-8")
        assert "h1:" in text or "--hash=sha256:" in text
        assert "https://" not in text


def test_lines_to_write_are_neither_blank_nor_comments() -> None:
    assert {peer.name: peer.lines for peer in peers.PEERS if peer.name in {"hadolint", "checkov", "dive"}} == {
        "hadolint": 2,
        "checkov": 0,
        "dive": 4,
    }


@pytest.mark.parametrize("number", [5, 20, 100])
def test_the_assertions_are_as_many_as_their_file_is_named(number: int) -> None:
    lines = (peers.HERE / "container-structure-test" / f"{number}.yaml").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith(("metadataTest", "  - {name")) for line in lines) == number


def test_the_peers_faults_are_named_apart_from_our_mutants() -> None:
    names = [one.name for one in FAULTS]
    assert len(set(names)) == len(names)
    assert not set(names) & set(MUTANTS)


def test_the_chart_is_read_on_both_grounds_and_says_what_it_shows() -> None:
    bars = (chart.Bar("a & b", 2.0, "2 s"), chart.Bar("ours", 0.0, "0 s", ours=True, behind=4.0))
    text = chart.draw([chart.Group("Seconds", bars)])
    image = ET.fromstring(text)
    assert "prefers-color-scheme: dark" in text
    assert "a & b 2 s" in "".join(image.itertext())
    assert len([node for node in image if node.tag.endswith("rect")]) == 3
    right = float(image.attrib["viewBox"].split()[2])
    assert all(
        float(node.attrib["x"]) + float(node.attrib["width"]) <= right for node in image if "width" in node.attrib
    )


def test_the_documents_in_the_tree_are_made_of_the_results_in_the_tree() -> None:
    measured = figures.from_json(program.SPEED_FILE.read_text(encoding="utf-8"))
    known = tally.from_json(program.RECALL_FILE.read_text(encoding="utf-8"))
    assert program.DOCUMENT_FILE.read_text(encoding="utf-8") == comparison.render(measured, known)
    assert program.CHART_FILE.read_text(encoding="utf-8") == chart.draw(comparison.bars(measured, known))


def test_whatever_a_peer_reports_of_the_healthy_project_is_judged() -> None:
    known = tally.from_json(program.RECALL_FILE.read_text(encoding="utf-8"))
    judged = tomllib.loads(comparison.JUDGED.read_text(encoding="utf-8"))
    for peer, found in known.healthy.items():
        for finding in found:
            assert comparison.verdict(judged, peer, finding)[0] in {"true", "choice", "untrue"}, finding
    missed = {one.name for one in known.faults if one.origin == "peers" and comparison.is_open(one)}
    assert missed <= set(judged["open"])
