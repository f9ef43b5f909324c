"""The report for programs: schema seatrial.report/1."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from seatrial.verify import SCHEMA

if TYPE_CHECKING:
    from seatrial.verify import Report


def render(report: Report) -> str:
    """Return the report as a JSON document, as docs/report.schema.json describes it."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "subject": report.subject,
            "verdict": report.verdict,
            "exit_code": int(report.exit_code),
            "totals": report.totals,
            "results": [
                {
                    "id": result.check.id,
                    "family": result.check.family,
                    "promise": result.check.promise,
                    "verdict": result.verdict.value,
                    "problems": [
                        {"message": p.message, "where": p.where, "place": asdict(p.place) if p.place else None}
                        for p in result.problems
                    ],
                    "waived": [
                        {
                            "message": waived.problem.message,
                            "where": waived.problem.where,
                            "reason": waived.waiver.reason,
                            "expires": waived.waiver.expires.isoformat(),
                        }
                        for waived in result.waived
                    ],
                    "examined": result.examined,
                    "saw_its_sabotage": result.saw_its_sabotage,
                    "reason": result.reason,
                    "seconds": round(result.seconds, 6),
                }
                for result in report.results
            ],
            "against": asdict(report.against) if report.against else None,
            "pictures": asdict(report.pictures),
        },
        indent=2,
    )
