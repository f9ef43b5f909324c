"""Real images, real stacks, really broken ones. Without an engine every test here fails: nothing is skipped."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yard
from mutants import Mutant, sail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.verify import Report

HERE = Path(__file__).parent
SIDE_BY_SIDE = 2
"""Trial stacks at once: most of a trial is waiting for a health check."""


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
def at_sea(request: pytest.FixtureRequest, shipyard: yard.Yard, healthy: yard.Ship) -> Iterator[dict[str, Future[Report]]]:
    """The trials of all mutants that were chosen, under way side by side while other tests run."""
    chosen = [
        item.callspec.params["at_trial"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "at_trial" in item.callspec.params
    ]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {mutant.name: pool.submit(sail, shipyard, healthy, mutant) for mutant in chosen}
        pool.shutdown(cancel_futures=True)
