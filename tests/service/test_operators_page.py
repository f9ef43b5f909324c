"""docs/facilitator.md says what the code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.config_file import parse
from service.protocol.reasons import Reason
from service.store import ANSWERED
from service.wiring import routes
from tests.service.facilitator_harness import document
from tests.service.test_routes import parts

PAGE = (Path(__file__).parents[2] / "docs" / "facilitator.md").read_text()


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_explained(reason: Reason) -> None:
    assert f"`{reason}`" in PAGE.partition("## Reasons")[2]


@pytest.mark.parametrize("code", [*ANSWERED, "TIMEOUT", "REFUSED", "CLOSED", "TLS", "RECORD", "LEDGER", "FUNCTION"])
def test_each_code_is_explained(code: str) -> None:
    assert f"`{code}`" in PAGE.partition("## Codes of Redis")[2]


def test_each_endpoint_is_listed() -> None:
    for route in routes(parse(json.dumps(document())), parts()):
        for method in route.handlers:
            assert f"| `{method} {route.path}` |" in PAGE
