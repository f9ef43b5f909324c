"""Schemathesis reads /openapi.json and holds the container to it: what fits is taken, what does not is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode

from service.openapi import document
from tests.docker.pier import TOKEN, Pier, pier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docker.yard import Ship

EXAMPLES = 60
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(document()).get_all_operations()]


@pytest.fixture(scope="module")
def facilitator(healthy: Ship, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pier]:
    with pier(healthy.image, tmp_path_factory.mktemp("openapi")) as found:
        yield found


def named(operation: Any) -> str:
    return str(operation.label)


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_what_fits_the_document_is_answered_as_it_says(facilitator: Pier, operation: Any) -> None:
    hold(facilitator, operation, GenerationMode.POSITIVE)


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.body or each.path_parameters], ids=named)
def test_what_does_not_fit_the_document_is_refused(facilitator: Pier, operation: Any) -> None:
    hold(facilitator, operation, GenerationMode.NEGATIVE)


def hold(facilitator: Pier, operation: Any, mode: GenerationMode) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        assume(mode is GenerationMode.NEGATIVE or not has_whole_float(case.body))
        case.call_and_validate(base_url=facilitator.url, headers={"Authorization": f"Bearer {TOKEN}"})

    ask()


def has_whole_float(value: Any) -> bool:
    """Whether 60 is written as 60.0 somewhere: to JSON Schema that is an integer, to the service it is not."""
    if isinstance(value, dict):
        return any(map(has_whole_float, value.values()))
    if isinstance(value, list):
        return any(map(has_whole_float, value))
    return isinstance(value, float) and value.is_integer()


def test_the_document_that_is_served_is_the_one_that_is_held_to(facilitator: Pier) -> None:
    assert facilitator.get("/openapi.json") == (200, document())
    assert len(OPERATIONS) == 8
