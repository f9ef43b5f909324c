"""Real images, real stacks, really broken ones. Without an engine every test here fails: nothing is skipped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docker import yard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from tests.docker.mutant import Mutant

HERE = Path(__file__).parent
TRIALS, OTHERS = 3, 2
"""Mutants of one kind at once: most of a trial is waiting for a health check, much of the others is Docker's work."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session", autouse=True)
def plain_environment() -> Iterator[None]:
    """Take away what a developer's shell would change in a copy."""
    with pytest.MonkeyPatch.context() as patch:
        for name in yard.LEADS_ASTRAY:
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def shipyard(plain_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[yard.Yard]:
    made = yard.Yard(tmp_path_factory.mktemp("yard"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def healthy(shipyard: yard.Yard) -> yard.Ship:
    """The project as it lies in the checkout, copied, committed and built once. Not to be changed."""
    return shipyard.healthy()


@pytest.fixture(scope="session")
def at_sea(
    request: pytest.FixtureRequest, shipyard: yard.Yard, healthy: yard.Ship
) -> Iterator[dict[str, Future[yard.Outcome]]]:
    """Every mutant that was chosen, examined side by side: those with a trial beside those without."""
    calls = [getattr(item, "callspec", None) for item in request.session.items]
    chosen: list[Mutant] = [call.params["mutant"] for call in calls if call and "mutant" in call.params]
    with ThreadPoolExecutor(TRIALS) as trials, ThreadPoolExecutor(OTHERS) as others:
        try:
            yield {
                mutant.name: (trials if mutant.needs == "trial" else others).submit(
                    yard.sail, shipyard, healthy, mutant
                )
                for mutant in chosen
            }
        finally:
            for pool in (trials, others):
                pool.shutdown(wait=False, cancel_futures=True)
