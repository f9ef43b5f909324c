"""Claims and the ledger in a real Redis, as the service's own user."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import secret_files
from seatrial.errors import SeatrialError
from seatrial.evidence.redis import converse
from seatrial.ledger.store import Store as RedisLedger
from service.balances import balance_key
from service.claims import Claims, Record, StoreError, key_of
from service.ledger import LedgerSettlement
from service.protocol.payment import parse_request
from service.protocol.reasons import Reason
from service.settlement import Outcome, RecordSettlement
from service.store import Store
from tests.docker.lone_redis import LoneRedis, lone_redis
from tests.docker.yard import docker
from tests.service.buyer import ASSET, PAY_TO, body, ledger_kind, paid, wider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from service.protocol.payment import Payment
    from service.settlement import Settlement

NETWORK = "ledger:credits"
ASSET_BYTES = bytes.fromhex(ASSET[2:])
PAYEE_BALANCE = balance_key(NETWORK, ASSET_BYTES, bytes.fromhex(PAY_TO[2:]))
MOST = 2**63 - 1


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoneRedis]:
    with lone_redis(tmp_path_factory.mktemp("redis")) as found:
        found.load_ledger()
        yield found


@pytest.fixture
async def store(redis: LoneRedis) -> AsyncIterator[Store]:
    redis.admin("FLUSHALL")
    found = Store(redis.config())
    yield found
    await found.close()


def now() -> int:
    return int(time.time())


def payment(number: int = 0, **changed: Any) -> tuple[Payment, bytes]:
    """Make a payment and a stand-in for its digest: it is judged elsewhere."""
    fields = {"valid_before": now() + 600, "valid_after": 0, "kind": ledger_kind(), **changed}
    made = parse_request(body(paid(nonce=number.to_bytes(32), **fields)))
    return made, made.signature[:32]


def payer_balance(made: Payment) -> str:
    return balance_key(NETWORK, ASSET_BYTES, made.authorization.payer)


def balances(redis: LoneRedis, made: Payment) -> tuple[str, str]:
    return redis.admin("GET", payer_balance(made)), redis.admin("GET", PAYEE_BALANCE)


async def settle(claims: Claims, made: Payment, digest: bytes) -> Outcome:
    return await LedgerSettlement(claims, 60).settle(made, digest, client="shop", now=now())


async def test_a_claim_is_taken_once_whoever_is_first(store: Store, redis: LoneRedis) -> None:
    made, digest = payment()
    other, other_digest = payment(amount=5)
    record = RecordSettlement(store, 60)
    outcomes = await asyncio.gather(
        *(record.settle(made, digest, client="", now=now()) for _ in range(20)),
        *(record.settle(other, other_digest, client="", now=now()) for _ in range(20)),
    )
    taken = [each for each in outcomes if each.rejection and each.rejection.reason is Reason.SETTLEMENT_NOT_BROADCAST]
    assert len(taken) == 20
    assert sum(not each.repeated for each in taken) == 1
    assert {each.rejection.reason for each in outcomes if each.rejection} == {
        Reason.SETTLEMENT_NOT_BROADCAST,
        Reason.NONCE_ALREADY_USED,
    }
    assert len(redis.admin("KEYS", "x402:auth:*").split()) == 1


@pytest.mark.parametrize("way", [RecordSettlement, LedgerSettlement])
async def test_a_claim_is_kept_as_long_as_was_said(
    store: Store, redis: LoneRedis, way: Callable[[Claims, int], Settlement]
) -> None:
    made, digest = payment(amount=0)
    await way(store, 60).settle(made, digest, client="shop", now=now())
    kept = int(redis.admin("TTL", key_of(made)).removeprefix(":"))
    assert 600 < kept <= 660
    stored = await store.read(key_of(made))
    assert stored is not None
    assert Record.from_json(stored).client == "shop"


async def test_credits_move_once_and_the_answer_stays(store: Store, redis: LoneRedis) -> None:
    made, digest = payment(amount=30)
    redis.admin("SET", payer_balance(made), "100")
    first = await settle(store, made, digest)
    again = await settle(store, made, digest)
    assert (first.rejection, first.transaction, first.repeated) == (None, "0x" + digest.hex(), False)
    assert (again.rejection, again.transaction, again.repeated) == (None, "0x" + digest.hex(), True)
    assert balances(redis, made) == ("70", "30")
    refused = await settle(store, *payment(amount=31))
    assert refused.rejection is not None
    assert refused.rejection.reason is Reason.NONCE_ALREADY_USED


async def test_without_funds_nothing_is_claimed_and_paying_in_helps(store: Store, redis: LoneRedis) -> None:
    made, digest = payment(amount=30)
    for balance in (None, "0", "29"):
        if balance is not None:
            redis.admin("SET", payer_balance(made), balance)
        outcome = await settle(store, made, digest)
        obstacle = await LedgerSettlement(store, 60).obstacle(made)
        assert outcome.rejection == obstacle
        assert obstacle is not None
        assert obstacle.reason is Reason.INSUFFICIENT_FUNDS
    assert redis.admin("INCRBY", payer_balance(made), "1") == ":30"
    assert await LedgerSettlement(store, 60).obstacle(made) is None
    assert (await settle(store, made, digest)).rejection is None
    assert balances(redis, made) == ("0", "30")


async def test_many_at_once_never_go_below_zero(store: Store, redis: LoneRedis) -> None:
    payments = [payment(number, amount=10) for number in range(30)]
    redis.admin("SET", payer_balance(payments[0][0]), "105")
    outcomes = await asyncio.gather(*(settle(store, *made) for made in payments for _ in range(2)))
    assert sum(outcome.rejection is None and not outcome.repeated for outcome in outcomes) == 10
    assert balances(redis, payments[0][0]) == ("5", "100")


NUMBERS = [0, 1, 999_999_999, 10**9, 10**9 + 1, 2**53 - 1, 2**53, 2**53 + 1, 10**18 + 1, MOST - 10**9, MOST - 1, MOST]


@pytest.mark.parametrize("amount", NUMBERS)
async def test_every_number_below_2_to_63_is_exact(store: Store, redis: LoneRedis, amount: int) -> None:
    made, digest = payment(amount=amount)
    for has in {amount, MOST, *(number for number in NUMBERS if number > amount)}:
        redis.admin("FLUSHALL")
        redis.admin("SET", payer_balance(made), str(has))
        redis.admin("SET", PAYEE_BALANCE, str(MOST - amount))
        assert (await settle(store, made, digest)).rejection is None
        assert balances(redis, made) == (str(has - amount), str(MOST))


def credits_of(redis: LoneRedis) -> RedisLedger:
    return RedisLedger(("127.0.0.1", redis.port), secret_files.passwords(redis.secrets)["admin"])


def test_what_is_paid_in_can_be_paid_out_and_not_more(redis: LoneRedis) -> None:
    redis.admin("FLUSHALL")
    purse = credits_of(redis)
    for number in NUMBERS[1:]:
        assert purse.credit("x402:ledger:a", number) == number
        if number < MOST:
            with pytest.raises(SeatrialError, match=f"the balance is {number}, less than {number + 1}"):
                purse.debit("x402:ledger:a", number + 1)
        with pytest.raises(SeatrialError, match="cannot hold"):
            purse.credit("x402:ledger:a", MOST - number + 1)
        assert purse.balance("x402:ledger:a") == number
        assert purse.debit("x402:ledger:a", number) == 0
    assert purse.balances("x402:ledger:") == {"a": 0}


@pytest.mark.parametrize("balance", ["-5", "1e9", "050", "x", str(2**63)])
def test_what_is_no_balance_is_changed_by_nobody(redis: LoneRedis, balance: str) -> None:
    redis.admin("SET", "x402:ledger:a", balance)
    for change in (credits_of(redis).credit, credits_of(redis).debit):
        with pytest.raises(SeatrialError, match="holds no balance"):
            change("x402:ledger:a", 1)
    assert redis.admin("GET", "x402:ledger:a") == balance


async def test_paying_out_beside_settlements_never_goes_below_zero(store: Store, redis: LoneRedis) -> None:
    payments = [payment(number, amount=10) for number in range(20)]
    key = payer_balance(payments[0][0])
    credits_of(redis).credit(key, 155)

    async def pay_out() -> int:
        try:
            await asyncio.to_thread(credits_of(redis).debit, key, 10)
        except SeatrialError:
            return 0
        return 1

    async def settled(made: tuple[Payment, bytes]) -> int:
        return (await settle(store, *made)).rejection is None

    done = await asyncio.gather(*map(settled, payments), *(pay_out() for _ in range(10)))
    moved = sum(done[: len(payments)])
    assert sum(done) == 15
    assert balances(redis, payments[0][0]) == ("5", str(10 * moved) if moved else "")


def test_credits_survive_a_kill(redis: LoneRedis) -> None:
    redis.admin("FLUSHALL")
    credits_of(redis).credit("x402:ledger:a", 7)
    credits_of(redis).debit("x402:ledger:a", 2)
    docker("kill", redis.container)
    docker("start", redis.container)
    redis.await_answer()
    assert credits_of(redis).credit("x402:ledger:a", 1) == 6


async def test_amounts_from_2_to_63_on_are_never_covered(store: Store, redis: LoneRedis) -> None:
    made, digest = payment(amount=2**63)
    redis.admin("SET", payer_balance(made), str(MOST))
    for rejection in ((await settle(store, made, digest)).rejection, await LedgerSettlement(store, 60).obstacle(made)):
        assert rejection is not None
        assert rejection.reason is Reason.INSUFFICIENT_FUNDS


@pytest.mark.parametrize("balance", ["-5", "1e9", " 50", "050", "", "x", "50.0", str(2**63), "9" * 30])
@pytest.mark.parametrize("whose", ["payer", "payee"])
async def test_what_is_no_balance_moves_nothing(store: Store, redis: LoneRedis, balance: str, whose: str) -> None:
    made, digest = payment(amount=1)
    redis.admin("SET", payer_balance(made), "7")
    redis.admin("SET", payer_balance(made) if whose == "payer" else PAYEE_BALANCE, balance)
    with pytest.raises(StoreError, match="LEDGER"):
        await settle(store, made, digest)
    assert redis.admin("EXISTS", key_of(made)) == ":0"
    assert redis.admin("GET", payer_balance(made)) == (balance if whose == "payer" else "7")


async def test_a_payee_that_cannot_hold_more_gets_nothing(store: Store, redis: LoneRedis) -> None:
    made, digest = payment(amount=2)
    redis.admin("SET", payer_balance(made), "5")
    redis.admin("SET", PAYEE_BALANCE, str(MOST - 1))
    with pytest.raises(StoreError, match="LEDGER"):
        await settle(store, made, digest)
    assert balances(redis, made) == ("5", str(MOST - 1))


async def test_paying_oneself_moves_nothing_but_takes_the_nonce(store: Store, redis: LoneRedis) -> None:
    made, digest = payment(amount=3)
    own = payer_balance(made)
    redis.admin("SET", own, "5")
    assert await store.move((key_of(made), own, own), 3, b"{}") == [b"moved"]
    assert redis.admin("GET", own) == "5"
    assert await store.move((key_of(made), own, own), 3, b"x") == [b"claimed", b"{}"]
    assert len(digest) == 32


async def test_each_way_to_refuse_a_write_has_its_code(store: Store, redis: LoneRedis) -> None:
    made, digest = payment()
    for settlement in (RecordSettlement(store, 60), LedgerSettlement(store, 60)):
        redis.admin("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreError, match="OOM"):
            await settlement.settle(made, digest, client="", now=now())
        redis.admin("CONFIG", "SET", "maxmemory", "192mb")
        redis.admin("REPLICAOF", "127.0.0.1", "1")
        with pytest.raises(StoreError, match="READONLY"):
            await settlement.settle(made, digest, client="", now=now())
        redis.admin("REPLICAOF", "NO", "ONE")
    assert redis.admin("EXISTS", key_of(made)) == ":0"


async def test_the_ledger_s_canary_changes_nothing_but_the_canary(store: Store, redis: LoneRedis) -> None:
    ledger = Store(redis.config(), ledger=True)
    try:
        await ledger.write_canary()
        await ledger.write_canary()
        assert redis.admin("KEYS", "*") == "x402:canary"
        assert redis.admin("GET", "x402:canary") == "1"
        redis.admin("FUNCTION", "FLUSH")
        with pytest.raises(StoreError, match="FUNCTION"):
            await ledger.write_canary()
    finally:
        redis.load_ledger()
        await ledger.close()


async def test_without_the_function_the_code_says_so(store: Store, redis: LoneRedis) -> None:
    redis.admin("FUNCTION", "FLUSH")
    try:
        with pytest.raises(StoreError, match="FUNCTION"):
            await settle(store, *payment())
    finally:
        redis.load_ledger()


@pytest.mark.parametrize(
    "command",
    [
        *(
            ("EVAL", "return(1)", "0"),
            ("FUNCTION", "LIST"),
            ("FUNCTION", "FLUSH"),
            ("FCALL", "another", "0"),
            ("FCALL", "x402_credit", "1", "x402:ledger:a", "1"),
        ),
        *(
            ("FCALL", "x402_credit", "1", "x402:ledger:a", "1"),
            ("DEL", "x402:a"),
            ("KEYS", "*"),
            ("INCRBY", "x402:ledger:a", "1"),
            ("MULTI",),
            ("GET", "other"),
            ("CONFIG", "GET", "*"),
        ),
    ],
    ids=" ".join,
)
def test_the_service_s_user_may_do_nothing_else(redis: LoneRedis, command: tuple[str, ...]) -> None:
    password = secret_files.passwords(redis.secrets)["facilitator"]
    assert converse(("127.0.0.1", redis.port), "facilitator", password, command).startswith("-NOPERM")


async def test_the_judge_takes_what_is_signed_for_the_ledger_and_no_chain_does() -> None:
    made, _ = payment()
    assert not isinstance(wider(3600).decide(made, now()), bytes)
