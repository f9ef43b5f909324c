"""The report for programs keeps its contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from seatrial import reports
from tests.seatrial.reports.samples import CHECK, FAILED, HOSTILE, REPORTS, report

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "report.schema.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", REPORTS)
def test_the_json_report_keeps_its_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(reports.render(REPORTS[name], "json"))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["totals"] == REPORTS[name].totals
    assert document["exit_code"] == REPORTS[name].exit_code


def test_the_json_report_to_the_letter() -> None:
    assert json.loads(reports.render(report(FAILED, image="x402-fac"), "json")) == {
        "schema": "seatrial.report/1",
        "subject": {"image": "x402-fac"},
        "verdict": "FAIL",
        "exit_code": 1,
        "totals": {"PASS": 0, "FAIL": 1, "SKIP": 0, "BLIND": 0, "ERROR": 0, "WAIVED": 0},
        "results": [
            {
                "id": "image.user",
                "family": "image",
                "promise": CHECK.promise,
                "verdict": "FAIL",
                "problems": [
                    {
                        "message": "runs as root",
                        "where": "Config.User",
                        "place": {"file": "Dockerfile", "line": 64},
                    }
                ],
                "waived": [],
                "examined": "",
                "saw_its_sabotage": True,
                "reason": "",
                "seconds": 0.25,
            }
        ],
        "against": None,
        "pictures": {"layers": [], "parts": [], "services": [], "networks": [], "moments": []},
    }


@pytest.mark.parametrize(
    "edit",
    [
        lambda document: document.pop("schema"),
        lambda document: document.update(extra=1),
        lambda document: document.update(schema="seatrial.report/2"),
        lambda document: document.update(exit_code=0.5),
        lambda document: document["totals"].pop("BLIND"),
        lambda document: document["results"][0].update(verdict="OK"),
        lambda document: document["results"][0].update(verdict="PASS"),
        lambda document: document["results"][0].update(problems=[]),
        lambda document: document["results"][0]["problems"][0].pop("where"),
    ],
)
def test_the_schema_refuses_other_documents(edit: Any) -> None:
    document = json.loads(reports.render(report(FAILED), "json"))
    edit(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_the_json_report_is_plain_ascii() -> None:
    rendered = reports.render(REPORTS["hostile"], "json")
    assert rendered.isascii()
    assert json.loads(rendered)["results"][0]["problems"][0]["message"] == HOSTILE
