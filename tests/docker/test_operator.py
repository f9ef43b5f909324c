"""What an operator does with a stack that runs: the demo, another token, the switch to a ledger, credits."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from seatrial import clients
from seatrial.evidence import web
from tests.docker.harbour import Harbour, open_harbour, until
from tests.docker.yard import PATIENCE_SECONDS, docker, invoke

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docker.yard import Ship, Yard

WHO = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


@pytest.fixture(scope="module")
def opened(shipyard: Yard, healthy: Ship) -> Iterator[Harbour]:
    made = open_harbour(shipyard, healthy, "operator")
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture
def production(opened: Harbour) -> Harbour:
    """A healthy production stack, in mode record and without any data."""
    opened.clear()
    config = opened.ship.folder / clients.CONFIG
    example = opened.ship.folder / clients.CONFIG_EXAMPLE
    config.write_bytes(example.read_bytes())
    opened.invoke("up", "--prod")
    return opened


def token(harbour: Harbour) -> str:
    return (harbour.ship.folder / clients.TOKEN).read_text(encoding="utf-8")


def metrics(harbour: Harbour, shown: str) -> int:
    return web.get(("127.0.0.1", harbour.ports["FACILITATOR_PORT"]), "/metrics", shown).status


def reload(harbour: Harbour) -> None:
    """Type what the toolkit says to type."""
    done = subprocess.run(
        clients.RELOAD.split(), cwd=harbour.ship.folder, capture_output=True, check=False, timeout=PATIENCE_SECONDS
    )
    assert done.returncode == 0, done.stderr


def to_ledger(harbour: Harbour) -> None:
    """Switch to mode ledger, as docs/facilitator.md says."""
    config = harbour.ship.folder / clients.CONFIG
    document = json.loads(config.read_text(encoding="utf-8"))
    document["settlement"]["mode"] = "ledger"
    document["kinds"][0]["network"] = "ledger:credits"
    config.write_text(json.dumps(document), encoding="utf-8")
    harbour.invoke("up", "--prod")


def refused(harbour: Harbour, *words: str) -> str:
    done = invoke(harbour.ship.folder, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def test_the_demo_goes_as_promised_and_shows_no_secret(production: Harbour) -> None:
    said = production.invoke("demo")
    steps = [line for line in said.splitlines() if line.startswith(("ok   ", "WRONG"))]
    assert len(steps) == 9
    assert all(step.startswith("ok") for step in steps)
    for secret in ("client_token", "redis_password", "redis_admin_password"):
        assert production.password(secret) not in said


def test_the_demo_without_a_stack_says_what_to_do(production: Harbour) -> None:
    production.invoke("down")
    said = refused(production, "demo")
    assert "error[not-running]: facilitator does not run" in said
    assert "./invoke up --prod" in said


def test_the_token_is_in_no_container(production: Harbour) -> None:
    for container in production.containers().values():
        assert token(production) not in json.dumps(container)
        found = docker("exec", "--user", "0", container["Id"], "sh", "-c", "ls -d /run/secrets/*")
        assert "client_token" not in found


def test_a_new_token_takes_the_former_one_s_place_when_the_service_reads_its_configuration(production: Harbour) -> None:
    former = token(production)
    assert metrics(production, former) == 200
    said = production.invoke("setup", "--rotate-token")
    assert clients.RELOAD in said
    assert token(production) not in said
    assert metrics(production, former) == 200
    assert clients.RELOAD in refused(production, "demo")
    reload(production)
    until(lambda: metrics(production, token(production)) == 200, "the new token is taken")
    assert metrics(production, former) == 401
    production.invoke("demo")


def test_up_brings_a_changed_configuration_into_force(production: Harbour) -> None:
    former = token(production)
    production.invoke("setup", "--rotate-token", "up", "--prod")
    assert (metrics(production, former), metrics(production, token(production))) == (401, 200)


def test_a_stack_is_switched_to_a_ledger_and_credits_go_in_and_out(production: Harbour) -> None:
    assert "no kind on a network ledger:<name>" in refused(production, "ledger.show")
    to_ledger(production)
    assert production.invoke("ledger.credit", "--account", WHO, "--amount", "100").split() == [WHO.lower(), "100"]
    assert production.invoke("ledger.debit", "--account", WHO.lower(), "--amount", "30").split() == [WHO.lower(), "70"]
    assert "the balance is 70, less than 71" in refused(production, "ledger.debit", "--account", WHO, "--amount", "71")
    assert "'1.5' is no amount" in refused(production, "ledger.credit", "--account", WHO, "--amount", "1.5")
    assert "'me' is no account" in refused(production, "ledger.credit", "--account", "me", "--amount", "1")
    assert "no such ledger" in refused(
        production, "ledger.credit", "--account", WHO, "--amount", "1", "--network", "ledger:other"
    )
    said = production.invoke("demo")
    assert "settled: 10000 moved" in said
    assert "takes the price back" in said
    assert production.invoke("ledger.show", "--account", WHO).split() == [WHO.lower(), "70"]
    rows = [line.split() for line in production.invoke("ledger.show").splitlines()]
    assert rows[1:] == [[WHO.lower(), "70"], ["1", "accounts", "70"]]


def test_a_fresh_stack_starts_in_mode_ledger_and_loading_again_does_no_harm(production: Harbour) -> None:
    production.clear()
    to_ledger(production)
    assert production.state("facilitator") == "healthy"
    production.invoke("ledger.credit", "--account", WHO, "--amount", "5")
    production.invoke("ledger.load")
    assert production.invoke("ledger.show", "--account", WHO).split()[1] == "5"


def test_verify_holds_in_mode_ledger_too(production: Harbour) -> None:
    to_ledger(production)
    said = production.invoke("verify", "--verbose", "--only", "payment,runtime", "--image", production.ship.image)
    assert said.count("PASS  payment.") == 6
