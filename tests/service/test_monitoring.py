"""Alerts and dashboard ask for metrics, labels and values that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from service.metrics import COUNTERS, GAUGES, HISTOGRAM, INFO
from service.protocol.reasons import Reason

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
LABELS = {
    **{name: set(labels) for name, (_, labels) in COUNTERS.items()},
    **{name: set() for name in GAUGES},
    f"{HISTOGRAM}_bucket": {"route", "le"},
    INFO: {"version"},
}
ALERTS = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_every_expression_asks_for_what_there_is() -> None:
    for expression in EXPRESSIONS:
        names = re.findall(r"x402_[a-z0-9_]+", expression)
        assert names, expression
        known = {label for name in names for label in LABELS[name]}
        grouped = [label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")]
        matched = re.findall(r"[{,]\s*([a-z_]+)\s*[!=]", expression)
        assert {*grouped, *matched} <= known, expression


def test_every_reason_that_is_matched_exists() -> None:
    for expression in EXPRESSIONS:
        for reason in re.findall(r'reason="([^"]*)"', expression):
            assert Reason(reason)


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert all(name in shown for name in LABELS)


def test_every_alert_says_what_it_means() -> None:
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] in {"page", "ticket"} for rule in ALERTS)
