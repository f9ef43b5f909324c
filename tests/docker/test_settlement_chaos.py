"""Whatever happens to Redis: every answer is right or 503, no payment is taken twice, none is lost, nor a credit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docker.chaos import KINDS, Row, suffer, table
from tests.docker.faults import FAULTS, Fault
from tests.docker.lone_redis import LoneRedis, lone_redis

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneRedis]:
    with lone_redis(tmp_path_factory.mktemp("redis")) as found:
        yield found


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    found: list[Row] = []
    yield found
    for line in table(found):
        print(" | ".join(line))  # noqa: T201 - shown with pytest -s, and kept by `python -m bench chaos`


@pytest.mark.parametrize("mode", KINDS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_each_authorization_is_settled_once_whatever_happens_to_redis(
    redis: LoneRedis, rows: list[Row], fault: Fault, mode: str
) -> None:
    row = await suffer(redis, fault, mode)
    rows.append(row)
    assert row.faultless, row
    assert row.acknowledged
    assert row.undecided or not fault.refuses, "nothing was broken"
