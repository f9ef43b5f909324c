"""What an operator types is made sure of before anything is changed."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import settings
from seatrial.errors import Code, SeatrialError
from seatrial.ledger import accounts
from service.balances import balance_key
from tests.service.facilitator_harness import document

if TYPE_CHECKING:
    from pathlib import Path

WHO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"
ASSET = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
OTHER = "0x" + "AB" * 20


def project(folder: Path, *kinds: tuple[str, str], mode: str = "ledger") -> settings.Settings:
    made = dataclasses.replace(settings.load(), root=folder)
    entry = document()["kinds"][0]
    written: list[dict[str, Any]] = [{**entry, "network": network, "asset": asset} for network, asset in kinds]
    (folder / "config").mkdir(exist_ok=True)
    text = json.dumps(document(settlement={"mode": mode}, kinds=written))
    made.path(accounts.CONFIG).write_text(text, encoding="utf-8")
    return made


def test_an_account_is_kept_in_lower_case() -> None:
    assert accounts.account(WHO) == WHO.lower()


@pytest.mark.parametrize(
    "text", ["", "0x", WHO[2:], WHO + "0", "0X" + WHO[2:], "0x" + "0" * 40, "0x" + "g" * 40, WHO + "\n"]
)
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(SeatrialError) as raised:
        accounts.account(text)
    assert raised.value.code is Code.USAGE
    assert "40 hex digits" in raised.value.hint


@pytest.mark.parametrize("text", ["1", "10", str(2**63 - 1)])
def test_a_whole_number_is_an_amount(text: str) -> None:
    assert accounts.amount(text) == int(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "-1", "+1", "01", "1.0", "1e4", "1_000", " 10", "10\n", "٣", "0x10", str(2**63), "9" * 40, "ten"],
)
def test_everything_else_is_not(text: str) -> None:
    with pytest.raises(SeatrialError) as raised:
        accounts.amount(text)
    assert raised.value.code is Code.USAGE
    assert str(2**63 - 1) in raised.value.hint


def test_the_only_ledger_need_not_be_named(tmp_path: Path) -> None:
    made = project(tmp_path, ("ledger:credits", ASSET))
    found = accounts.purse(made, "", "")
    assert found == accounts.Purse("ledger:credits", ASSET.lower())
    assert found == accounts.purse(made, "ledger:credits", ASSET)
    assert accounts.is_configured(made)


def test_the_key_is_the_service_s_own(tmp_path: Path) -> None:
    found = accounts.purse(project(tmp_path, ("ledger:credits", ASSET)), "", "")
    key = balance_key("ledger:credits", bytes.fromhex(ASSET[2:]), bytes.fromhex(WHO[2:]))
    assert found.key(accounts.account(WHO)) == key == found.prefix + WHO.lower()


@pytest.mark.parametrize(
    ("network", "asset", "which"),
    [
        ("ledger:points", "", 1),
        ("", OTHER, 2),
        ("ledger:credits", ASSET, 0),
        ("ledger:credits", "", None),
        ("", "", None),
    ],
)
def test_of_several_the_one_that_fits_is_meant(tmp_path: Path, network: str, asset: str, which: int | None) -> None:
    known = (("ledger:credits", ASSET), ("ledger:points", ASSET), ("ledger:credits", OTHER))
    made = project(tmp_path, *known)
    if which is not None:
        assert accounts.purse(made, network, asset) == accounts.Purse(known[which][0], known[which][1].lower())
        return
    with pytest.raises(SeatrialError, match="more than one ledger fits") as raised:
        accounts.purse(made, network, asset)
    assert "--network ledger:points --asset" in raised.value.hint


@pytest.mark.parametrize(("network", "asset"), [("ledger:other", ""), ("", OTHER), ("LEDGER:CREDITS", "")])
def test_what_is_not_configured_could_never_be_spent(tmp_path: Path, network: str, asset: str) -> None:
    with pytest.raises(SeatrialError, match="no such ledger") as raised:
        accounts.purse(project(tmp_path, ("ledger:credits", ASSET)), network, asset)
    assert raised.value.code is Code.USAGE


def test_without_a_ledger_it_is_said_where_to_read_on(tmp_path: Path) -> None:
    made = project(tmp_path, ("eip155:84532", ASSET), mode="record")
    assert not accounts.is_configured(made)
    with pytest.raises(SeatrialError, match="no kind on a network ledger") as raised:
        accounts.purse(made, "", "")
    assert raised.value.code is Code.LEDGER
    assert "docs/facilitator.md" in raised.value.hint
