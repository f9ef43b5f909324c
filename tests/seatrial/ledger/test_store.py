"""The ledger's commands and what Redis's words mean to an operator. Real Redis: tests/docker/test_operator.py."""

from __future__ import annotations

import pytest

from seatrial.errors import Code, SeatrialError
from seatrial.evidence import redis
from seatrial.ledger.store import Store

ADDRESS = ("127.0.0.1", 6380)
PASSWORD = "the-administrator's"


class Redis:
    """Gives prepared replies and remembers what was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[str, ...]] = []
        monkeypatch.setattr(redis, "converse", self.converse)

    def converse(self, address: tuple[str, int], user: str, password: str, command: tuple[str, ...]) -> str:
        assert (address, user, password) == (ADDRESS, "admin", PASSWORD)
        self.asked.append(command)
        return self.replies.pop(0)


@pytest.fixture
def store() -> Store:
    return Store(ADDRESS, PASSWORD)


def test_crediting_and_debiting_are_one_command_each(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    asked = Redis(monkeypatch, "moved\n15", "moved\n5").asked
    assert (store.credit("k", 10), store.debit("k", 10)) == (15, 5)
    assert asked == [("FCALL", "x402_credit", "1", "k", "10"), ("FCALL", "x402_debit", "1", "k", "10")]


@pytest.mark.parametrize(
    ("reply", "code", "said", "hint"),
    [
        ("insufficient\n4", Code.LEDGER, "the balance is 4, less than 10", "./invoke ledger.show"),
        ("overflow\n4", Code.LEDGER, "the balance is 4 and cannot hold 10 more", "./invoke ledger.show"),
        ("corrupt", Code.LEDGER, "k holds no balance", "docs/facilitator.md"),
        ("-ERR Function not found", Code.LEDGER, "no functions of the ledger", "./invoke ledger.load"),
        ("-WRONGPASS invalid", Code.SECRETS, "refuses the administrator's password", "./invoke setup up --prod"),
        ("-OOM command not allowed", Code.LEDGER, "-OOM command not allowed", "./invoke logs redis-prod"),
        ("what", Code.LEDGER, "what", "./invoke logs redis-prod"),
    ],
)
def test_each_refusal_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, store: Store, reply: str, code: Code, said: str, hint: str
) -> None:
    Redis(monkeypatch, reply)
    with pytest.raises(SeatrialError) as raised:
        store.debit("k", 10)
    assert raised.value.code is code
    assert said in raised.value.what
    assert hint in raised.value.hint
    assert PASSWORD not in str(raised.value)


def test_a_balance_that_was_never_paid_into_is_zero(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    Redis(monkeypatch, "", "7", "seven")
    assert (store.balance("k"), store.balance("k")) == (0, 7)
    with pytest.raises(SeatrialError, match="holds no balance"):
        store.balance("k")


def test_all_balances_are_found_however_many_steps_it_takes(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    asked = Redis(monkeypatch, "8\np:b", "3", "0\np:a\np:b", "1", "2").asked
    assert store.balances("p:") == {"a": 1, "b": 2}
    assert [command[1] for command in asked] == ["0", "8", "3", "p:a", "p:b"]
    assert asked[0] == ("SCAN", "0", "MATCH", "p:*", "COUNT", "1000")


def test_loading_is_refused_in_redis_s_own_words(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    asked = Redis(monkeypatch, "x402", "-ERR Error compiling function").asked
    store.load("#!lua name=x402")
    assert asked == [("FUNCTION", "LOAD", "REPLACE", "#!lua name=x402")]
    with pytest.raises(SeatrialError, match="Error compiling function"):
        store.load("?")


def test_the_password_is_not_in_its_words(store: Store) -> None:
    assert PASSWORD not in repr(store)
