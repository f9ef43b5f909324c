"""Readiness and Redis: each way it can fail has its code, and no failure is for ever."""

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.claims import StoreError
from service.config import RedisConfig
from service.health import BACKOFF_FIRST_SECONDS, BACKOFF_MOST_SECONDS, RedisProbe, backoff_seconds
from service.log import Log
from service.store import MAX_PASSWORD_BYTES, Store
from tests.service.facilitator_harness import Lines, connected, running, scripted_redis, until

PASSWORD = "not-a-real-password"


def config(port: int, password_file: Path | None = None, **changes: Any) -> RedisConfig:
    username = None if password_file is None else "facilitator"
    values = {"host": "127.0.0.1", "port": port, "db": 0, "tls": False, "timeout_seconds": 5.0, "username": username}
    return RedisConfig(**{**values, "password_file": password_file, **changes})


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return path


async def outcome(store: Store) -> str | None:
    try:
        await store.write_canary()
    except StoreError as error:
        return error.code
    return None


async def code_from(settings: RedisConfig) -> str | None:
    store = Store(settings)
    try:
        return await outcome(store)
    finally:
        await store.close()


async def test_only_auth_and_set_are_ever_sent(password_file: Path) -> None:
    async with scripted_redis() as redis:
        assert await code_from(config(redis.port, password_file)) is None
    assert redis.commands == [["AUTH", "facilitator", PASSWORD], ["SET", "x402:canary", "1", "EX", "30"]]


async def test_without_a_password_file_only_set_is_sent() -> None:
    async with scripted_redis() as redis:
        assert await code_from(config(redis.port)) is None
    assert [command[0] for command in redis.commands] == ["SET"]


async def test_a_password_without_a_user_is_the_default_users(password_file: Path) -> None:
    async with scripted_redis() as redis:
        assert await code_from(config(redis.port, password_file, username=None)) is None
    assert redis.commands[0] == ["AUTH", PASSWORD]


async def test_another_database_is_selected() -> None:
    async with scripted_redis() as redis:
        assert await code_from(config(redis.port, db=3)) is None
    assert redis.commands[0] == ["SELECT", "3"]


ANSWERS = {
    "WRONGPASS": {"AUTH": b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"},
    "NOAUTH": {"SET": b"-NOAUTH Authentication required.\r\n"},
    "NOPERM": {"SET": b"-NOPERM this user has no permissions to access one of the keys used as arguments\r\n"},
    "MISCONF": {"SET": b"-MISCONF Errors writing to the AOF file: No space left on device\r\n"},
    "OOM": {"SET": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"},
    "READONLY": {"SET": b"-READONLY You can't write against a read only replica.\r\n"},
    "NOREPLICAS": {"SET": b"-NOREPLICAS Not enough good replicas to write.\r\n"},
    "LOADING": {"AUTH": b"-LOADING Redis is loading the dataset in memory\r\n"},
    "BUSY": {"SET": b"-BUSY Redis is busy running a script.\r\n"},
    "MASTERDOWN": {"SET": b"-MASTERDOWN Link with MASTER is down\r\n"},
    "CLUSTERDOWN": {"SET": b"-CLUSTERDOWN Hash slot not served\r\n"},
    "MOVED": {"SET": b"-MOVED 3999 127.0.0.1:6381\r\n"},
    "ERR": {"AUTH": b"-ERR AUTH <password> called without any password configured for the default user.\r\n"},
    "CLOSED": {"SET": b""},
    "PROTOCOL": {"SET": b"HTTP/1.1 400 Bad Request\r\n"},
}


@pytest.mark.parametrize(("code", "answers"), ANSWERS.items(), ids=ANSWERS)
async def test_each_answer_has_its_code(code: str, answers: dict[str, bytes | None], password_file: Path) -> None:
    async with scripted_redis(replies=answers) as redis:
        assert await code_from(config(redis.port, password_file)) == code


@pytest.mark.parametrize("command", ["AUTH", "SET"])
@pytest.mark.parametrize("garbage", [b":x\r\n", b"*\r\n", b"$x\r\n", b"\x00\x01\r\n", b"\r\n", b"-\r\n"])
async def test_garbage_is_an_outcome_and_not_a_crash(command: str, garbage: bytes, password_file: Path) -> None:
    async with scripted_redis(replies={command: garbage}) as redis:
        assert await code_from(config(redis.port, password_file)) in ("PROTOCOL", "CLOSED", "ERR")


async def test_protected_mode_and_too_many_clients_are_told_on_connecting(password_file: Path) -> None:
    async with scripted_redis(greeting=b"-DENIED Redis is running in protected mode.\r\n") as redis:
        assert await code_from(config(redis.port, password_file)) == "DENIED"
    async with scripted_redis(greeting=b"-ERR max number of clients reached\r\n") as redis:
        assert await code_from(config(redis.port, password_file)) == "MAXCLIENTS"


@pytest.mark.parametrize("command", ["AUTH", "SET"])
async def test_silence_is_a_timeout(command: str, password_file: Path) -> None:
    async with scripted_redis(replies={command: None}) as redis:
        assert await code_from(config(redis.port, password_file, timeout_seconds=0.05)) == "TIMEOUT"


async def test_redis_py_bounds_connecting_and_leaves_the_rest_to_the_batch() -> None:
    store = Store(config(1, timeout_seconds=0.25))
    settings = store._redis.connection_pool.connection_kwargs
    assert (settings["socket_timeout"], settings["socket_connect_timeout"]) == (None, 0.25)
    await store.close()


async def test_nobody_there_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert await code_from(config(port)) == "REFUSED"


async def test_an_unknown_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert await code_from(config(6379, host="redis-prod")) == "REFUSED"


async def test_tls_is_honoured() -> None:
    async with scripted_redis(replies={}) as redis:
        assert await code_from(config(redis.port, tls=True)) is not None
    assert redis.first_bytes[:2] == b"\x16\x03"


async def test_a_tls_failure_has_its_code() -> None:
    async def answer_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"-ERR plain text\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(answer_plainly, "127.0.0.1", 0) as server:
        assert await code_from(config(server.sockets[0].getsockname()[1], tls=True)) == "TLS"


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\n", b"x" * (MAX_PASSWORD_BYTES + 1)])
async def test_a_password_file_without_a_password_is_told(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    async with scripted_redis() as redis:
        assert await code_from(config(redis.port, path)) == "PASSWORDFILE"
    assert redis.commands == []


@pytest.mark.parametrize(
    ("written", "sent"), [("p\n", "p"), ("p\r\n", "p"), ("p", "p"), (" p \n", " p "), ("p\n\n", "p\n")]
)
async def test_one_line_end_is_taken_off_the_password(written: str, sent: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_bytes(written.encode())
    async with scripted_redis() as redis:
        await code_from(config(redis.port, path))
    assert redis.commands[0][2] == sent


async def test_the_password_is_read_at_each_connection(password_file: Path) -> None:
    async with scripted_redis() as redis:
        store = Store(config(redis.port, password_file))
        assert await outcome(store) is None
        password_file.write_text("changed\n")  # noqa: ASYNC240 - nothing else runs
        assert await outcome(store) is None
        redis.replies["SET"] = b""
        assert await outcome(store) == "CLOSED"
        del redis.replies["SET"]
        assert await outcome(store) is None
        await store.close()
    assert [command[2] for command in redis.commands if command[0] == "AUTH"] == [PASSWORD, "changed"]


async def test_a_restarted_redis_is_not_taken_for_a_failure() -> None:
    async with scripted_redis() as redis:
        store = Store(config(redis.port))
        assert await outcome(store) is None
    async with scripted_redis(port=redis.port):
        assert await outcome(store) is None
        await store.close()


async def test_health_shows_the_code_and_nothing_else() -> None:
    async def fail() -> None:
        raise StoreError("WRONGPASS")

    async with running(write_canary=fail) as service, connected(service.port) as client:
        reply = await client.get("/health")
    assert reply.status == 503
    assert reply.json == {
        "status": "unhealthy",
        "version": "0.1.0",
        "dependencies": {"redis": {"status": "down", "code": "WRONGPASS"}},
    }


class Canary:
    """Counts how often it is written, and how often at once."""

    def __init__(self) -> None:
        self.writes = self.at_once = self.most_at_once = 0
        self.code: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> None:
        self.writes += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await self.gate.wait()
        finally:
            self.at_once -= 1
        if self.code:
            raise StoreError(self.code)


def probe_of(canary: Canary, **seconds: Any) -> tuple[RedisProbe, Lines]:
    lines = Lines()
    return RedisProbe(canary, Log(lines), **seconds), lines


async def test_the_answer_is_kept_for_a_while() -> None:
    canary = Canary()
    probe, _ = probe_of(canary, cache_seconds=3600)
    assert [await probe.code() for _ in range(5)] == [None] * 5
    assert canary.writes == 1


async def test_a_failure_is_kept_for_a_while_too() -> None:
    canary = Canary()
    canary.code = "OOM"
    probe, _ = probe_of(canary, cache_seconds=3600)
    assert [await probe.code() for _ in range(5)] == ["OOM"] * 5
    assert canary.writes == 1


async def test_after_that_it_is_asked_again() -> None:
    canary = Canary()
    probe, _ = probe_of(canary, cache_seconds=0)
    assert await probe.code() is None
    canary.code = "OOM"
    assert await probe.code() == "OOM"


async def test_many_who_ask_at_once_share_one_question() -> None:
    canary = Canary()
    canary.gate.clear()
    probe, _ = probe_of(canary, cache_seconds=0)
    asked = [asyncio.create_task(probe.code()) for _ in range(50)]
    await until(lambda: canary.at_once)
    canary.gate.set()
    assert set(await asyncio.gather(*asked)) == {None}
    assert (canary.writes, canary.most_at_once) == (1, 1)


async def test_one_who_goes_away_does_not_take_the_answer_along() -> None:
    canary = Canary()
    canary.gate.clear()
    probe, _ = probe_of(canary)
    first, second = (asyncio.create_task(probe.code()) for _ in range(2))
    await until(lambda: canary.at_once)
    first.cancel()
    await asyncio.sleep(0)
    canary.gate.set()
    assert await second is None
    assert canary.writes == 1


async def test_a_canary_that_hangs_is_a_timeout() -> None:
    canary = Canary()
    canary.gate.clear()
    probe, _ = probe_of(canary, probe_seconds=0.01)
    assert await probe.code() == "TIMEOUT"
    assert canary.at_once == 0


async def test_closing_ends_a_question_under_way() -> None:
    canary = Canary()
    canary.gate.clear()
    probe, _ = probe_of(canary)
    asked = asyncio.create_task(probe.code())
    await until(lambda: canary.at_once)
    await probe.close()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_the_watcher_finds_redis_when_it_comes_back_and_logs_changes_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.health.backoff_seconds", lambda _: 0.0)
    canary = Canary()
    canary.code = "REFUSED"
    probe, lines = probe_of(canary, cache_seconds=3600)
    watcher = asyncio.create_task(probe.watch())
    await until(lambda: canary.writes >= 3)
    canary.code = None
    await until(lambda: b'"up"' in lines.raw)
    assert await probe.code() is None
    writes = canary.writes
    await asyncio.sleep(0.05)
    assert canary.writes == writes
    watcher.cancel()
    assert lines.raw.count(b"\n") == 2


async def test_the_watcher_acts_on_what_others_found() -> None:
    canary = Canary()
    probe, lines = probe_of(canary, cache_seconds=0)
    watcher = asyncio.create_task(probe.watch())
    await until(lambda: b'"up"' in lines.raw)
    canary.code = "OOM"
    assert await probe.code() == "OOM"
    canary.code = None
    await until(lambda: lines.raw.count(b'"up"') == 2)
    watcher.cancel()


async def test_a_redis_that_is_away_at_the_start_is_found_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    store = Store(config(port))
    async with running(write_canary=store.write_canary, cache_seconds=0) as service, connected(service.port) as client:
        reply = await client.get("/health")
        assert (reply.status, reply.json["dependencies"]["redis"]["code"]) == (503, "REFUSED")
        async with scripted_redis(port=port):
            assert (await client.get("/health")).status == 200
            await store.close()


@given(st.integers(min_value=0, max_value=10**6))
def test_the_wait_stays_within_its_bounds(failures: int) -> None:
    assert BACKOFF_FIRST_SECONDS <= backoff_seconds(failures) <= BACKOFF_MOST_SECONDS


def test_the_first_wait_is_the_shortest() -> None:
    assert backoff_seconds(0) == BACKOFF_FIRST_SECONDS
