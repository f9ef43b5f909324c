"""`python -m bench.stages`: the processor time of each part of one verification, without HTTP and without Redis."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from service.protocol import eip712, strict_json
from service.protocol.payment import parse_request
from tests.service.buyer import JUDGE, KIND, NOW, body, paid

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES, REPEATS = 2000, 5


def stages() -> list[dict[str, object]]:
    """Measure each; `types` is what reading the request takes beyond its JSON."""
    raw = body(paid())
    payment = parse_request(raw)
    digest = eip712.digest(KIND.separator, payment.authorization)
    parsing = _seconds(lambda: strict_json.parse(raw))
    measured = {
        "strict JSON": parsing,
        "JSON into types": _seconds(lambda: parse_request(raw)) - parsing,
        "digest (three Keccak)": _seconds(lambda: eip712.digest(KIND.separator, payment.authorization)),
        "recovery (libsecp256k1)": _seconds(lambda: eip712.recover(digest, payment.signature)),
        "the whole decision, digest and recovery included": _seconds(lambda: JUDGE.decide(payment, NOW)),
    }
    return [{"name": name, "seconds": seconds} for name, seconds in measured.items()]


def _seconds(work: Callable[[], object]) -> float:
    """Return the least of some repeats: whatever else ran made the others longer, nothing makes one shorter."""
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        for _ in range(TIMES):
            work()
        found.append((time.process_time() - began) / TIMES)
    return min(found)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(stages()))
