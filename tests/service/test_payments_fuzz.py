"""Whatever is asked: a decision or a refusal, and a claim only for what is in order."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.app import App
from service.config_file import parse
from service.health import Readiness, RedisProbe
from service.log import Log
from service.messages import Request
from service.metrics import Metrics
from service.wiring import Parts, routes
from tests.service.buyer import NOW, paid
from tests.service.facilitator_harness import Lines, document, healthy
from tests.service.memory_claims import MemoryClaims
from tests.service.protocol.test_payment import json_values, paths

PAID = paid()
LEAVES = [path for path in paths(PAID) if path]
NEAR_MISSES = ["0", "1", "10000", str(2**256 - 1), str(NOW), "0x" + "0" * 40, "0x" + "0" * 64, "0x", 2, 1]
changes = st.lists(
    st.tuples(st.sampled_from(LEAVES), json_values | st.sampled_from(NEAR_MISSES)), min_size=1, max_size=3
)


def ask(path: str, raw: bytes) -> tuple[int, dict[str, Any], MemoryClaims]:
    lines = Lines()
    log = Log(lines)
    claims = MemoryClaims()
    parts = Parts(claims, Readiness(RedisProbe(healthy, log)), Metrics(), log, lambda: NOW)
    app = App(routes(CONFIG, parts), log)
    answer = asyncio.run(app(Request("POST", path, (), "id", raw)))
    assert not lines.events("crash")
    return answer.response.status, json.loads(answer.response.body), claims


CONFIG = parse(json.dumps(document()))


@given(changes, st.sampled_from(["/verify", "/settle"]))
def test_a_changed_request_is_decided_or_refused(changed: list[tuple[tuple[str, ...], Any]], path: str) -> None:
    target = copy.deepcopy(PAID)
    for (*parents, last), value in changed:
        place: Any = target
        for name in parents:
            place = place.get(name) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[last] = value
    status, said, claims = ask(path, json.dumps(target).encode())
    assert status in {200, 400}
    in_order = said.get("isValid") or said.get("errorReason") == "settlement_not_broadcast"
    assert len(claims.stored) == (1 if in_order and path == "/settle" else 0)
    assert not said.get("success")
    if in_order:
        # Only what is not signed and not interpreted may have changed.
        same = ("scheme", "network", "asset", "amount", "payTo", "extra")
        assert all(target["paymentRequirements"][key] == PAID["paymentRequirements"][key] for key in same)
        assert target["paymentPayload"]["payload"] == PAID["paymentPayload"]["payload"]


@given(st.binary(max_size=300), st.sampled_from(["/verify", "/settle"]))
def test_any_bytes_are_refused(raw: bytes, path: str) -> None:
    status, said, claims = ask(path, raw)
    assert status == 400
    assert "invalid_payload" in said.values()
    assert not claims.stored
