"""The trial's payment against the real service, with claims in memory: what is asked, in which order, what is kept."""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from seatrial import clients, process
from seatrial.engine import ExecResult
from seatrial.evidence.trial import payments
from seatrial.ledger.store import Store
from service.config_file import parse
from tests.seatrial.demo.test_demo import Credits
from tests.service.facilitator_harness import document, running
from tests.service.memory_claims import MemoryClaims

if TYPE_CHECKING:
    from seatrial.evidence.trial import Trial

TOKEN = "the-trial-s-token-0123456789"


class Inside:
    """Runs in this environment what the trial runs in a container."""

    def __init__(self, output: str | None = None) -> None:
        self.output = output

    def execute(self, name: str, argv: list[str]) -> ExecResult:
        assert name == "id-of-facilitator"
        if self.output is not None:
            return ExecResult(1, self.output)
        done = process.run([sys.executable, *argv[1:]], timeout_seconds=60)
        return ExecResult(done.exit_code, done.stdout)


def configured(mode: str) -> Any:
    kind = document()["kinds"][0]
    network = "ledger:credits" if mode == "ledger" else kind["network"]
    text = json.dumps(document(settlement={"mode": mode}, kinds=[{**kind, "network": network}]))
    return parse(clients.with_only_client(text, "trial", TOKEN))


async def paid(
    monkeypatch: pytest.MonkeyPatch, mode: str = "record", engine: Inside | None = None, **changed: Any
) -> Any:
    """Let a trial pay; return it."""
    claims = MemoryClaims()
    monkeypatch.setattr(Store, "credit", lambda _store, key, amount: Credits(claims).credit(key, amount))
    config = configured(mode)
    async with running(config=config, claims=claims) as service:
        trial = SimpleNamespace(
            config=config,
            engine=engine or Inside(),
            settings=SimpleNamespace(service="facilitator", redis_service="redis-prod"),
            container=lambda service: {"Id": f"id-of-{service}"},
            address=lambda _service, _port: ("127.0.0.1", 1),
            service_address=("127.0.0.1", service.port),
            passwords={"admin": "x"},
            token=TOKEN,
            payment=None,
            documents={},
        )
        trial.__dict__.update(changed)
        await asyncio.to_thread(payments.pay, cast("Trial", trial))
    return trial


def said(trial: Any, name: str) -> Any:
    answer = trial.documents["trial.payment"][name]
    return answer["status"], json.loads(answer["body"])


@pytest.mark.parametrize("mode", ["record", "ledger"])
async def test_each_answer_is_kept_as_it_came(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    trial = await paid(monkeypatch, mode)
    assert trial.documents["trial.payment"]["mode"] == mode
    assert said(trial, "altered")[1]["invalidReason"] == "invalid_exact_evm_payload_signature"
    assert said(trial, "verified") == (200, {**said(trial, "verified")[1], "isValid": True})
    assert said(trial, "settled")[1]["success"] is (mode == "ledger")
    assert said(trial, "settled_again") == said(trial, "settled")
    for name in ("verified_again", "settled_other"):
        document = said(trial, name)[1]
        assert "invalid_exact_evm_nonce_already_used" in document.values()
    status, record = said(trial, "record")
    assert (status, record["payer"], record["client"]) == (200, trial.documents["trial.payment"]["payer"], "trial")


async def test_who_is_let_in_is_asked_of_every_closed_route(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = await paid(monkeypatch)
    seen = trial.documents["trial.access"]
    assert set(seen) == set(payments.CLOSED)
    for name, statuses in seen.items():
        assert (statuses["none"], statuses["wrong"]) == (401, 401)
        # What is posted is no payment; of the settlement there is no record yet.
        assert statuses["right"] == {"POST": 400, "GET": 404 if name.endswith("settlements") else 200}[name.split()[0]]


async def test_the_signature_is_kept_nowhere_but_among_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = await paid(monkeypatch)
    assert trial.payment.signature not in json.dumps(trial.documents)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"config": None}, "config.json is not one of the service"),
        ({"engine": Inside("python3: not found")}, "nothing was signed inside the image: python3: not found"),
        ({"config": configured("ledger")}, "/supported tells no chain id of ledger:credits"),
    ],
    ids=["no config", "no program", "another network"],
)
async def test_what_goes_wrong_before_a_payment_is_the_evidence(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], words: str
) -> None:
    trial = await paid(monkeypatch, **changed)
    assert trial.documents == {"trial.payment": {"error": words}}
    assert trial.payment is None
