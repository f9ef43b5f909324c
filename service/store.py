"""Redis, as far as the service needs it, and one short code for each way it can fail.

The ACL user needs AUTH (always allowed), SET and GET on keys `x402:*`, SELECT if `db` is not 0, and in mode ledger
FCALL of one function. redis-py is told to speak RESP2 and to leave out everything else it would send on connecting
(HELLO, CLIENT SETINFO, CLIENT MAINT_NOTIFICATIONS).

Codes, as /health shows them. The first word of Redis' own error reply, where it is one of ANSWERED:

    WRONGPASS NOAUTH      the password (or the user) is not what Redis has; Redis wants one and none is configured
    NOPERM                the ACL does not allow the command or the key
    MISCONF OOM READONLY NOREPLICAS
                          writes are refused: disk, memory, a replica, too few replicas
    LOADING BUSY MASTERDOWN CLUSTERDOWN MOVED DENIED
                          it is loading its data; a script blocks it; it is no master; it is a cluster; protected mode

and, where there was no such reply:

    TIMEOUT               no connection or no answer in time
    REFUSED               no connection: refused, no route, the name is not known
    CLOSED                the connection was closed before the answer
    TLS                   no agreement on TLS, or a certificate that is not trusted
    MAXCLIENTS            Redis has as many clients as it takes
    PASSWORDFILE          the password file is missing, unreadable, empty or too large
    PROTOCOL              what answered is not Redis
    RECORD LEDGER         what is stored is not what this service stores; nothing is settled on it
    FUNCTION              mode ledger: the operator has not loaded the function into Redis (docs/facilitator.md)
    ERR                   any other error reply
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, InvalidResponse, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service.batches import AT_ONCE, Batches
from service.claims import StoreError
from service.ledger import FUNCTION

if TYPE_CHECKING:
    from pathlib import Path

    from service.batches import Command
    from service.config import RedisConfig

CANARY_KEY = "x402:canary"
CANARY_SECONDS = 30
MAX_PASSWORD_BYTES = 1024

ANSWERED = frozenset(
    {
        *("WRONGPASS", "NOAUTH", "NOPERM", "MISCONF", "OOM", "READONLY", "NOREPLICAS"),
        *("LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "DENIED"),
    }
)


class PasswordFileError(AuthenticationError):
    """The password file gives no password.

    One of redis-py's own errors, because only after those it closes the connection that was being set up.
    """


class Store:
    """The connections to Redis, made on demand."""

    def __init__(self, config: RedisConfig, *, ledger: bool = False) -> None:
        self._ledger = ledger
        pool = BlockingConnectionPool(
            connection_class=SSLConnection if config.tls else Connection,
            max_connections=AT_ONCE,
            timeout=config.timeout_seconds,
            host=config.host,
            port=config.port,
            db=config.db,
            credential_provider=_provider(config),
            # A batch has one deadline for all it does; redis-py's own would be a timer for each reply, and a task for
            # each time it sends.
            socket_timeout=None,
            socket_connect_timeout=config.timeout_seconds,
            # Whoever asks decides about asking again.
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._redis = Redis.from_pool(pool)
        self._batches = Batches(self._redis, config.timeout_seconds)

    async def write_canary(self) -> None:
        """Write what proves that a claim could be written now. Raises StoreError.

        In mode ledger the function has to be there too. On a claim that is taken, as the canary is now, it changes
        nothing.
        """
        await self._ask(lambda redis: redis.set(CANARY_KEY, "1", ex=CANARY_SECONDS))
        if self._ledger:
            await self.move((CANARY_KEY, CANARY_KEY, CANARY_KEY), 0, b"")

    async def read(self, key: str) -> bytes | None:
        """Give what is stored under a key. Raises StoreError."""
        return cast("bytes | None", await self._ask(lambda redis: redis.get(key)))

    async def claim(self, key: str, record: bytes, expires_ms: int) -> bytes | None:
        """Store the record if there is none, in one command; gives the one that was there. Raises StoreError.

        When the reply is lost the claim may have been taken: asking again with the same record tells.
        """
        earlier = await self._ask(lambda redis: redis.set(key, record, nx=True, get=True, pxat=expires_ms))
        return cast("bytes | None", earlier)

    async def move(self, keys: tuple[str, str, str], amount: int, record: bytes) -> list[bytes]:
        """Call the ledger's function (ledger.lua says what it replies). Raises StoreError."""
        reply = await self._ask(lambda redis: redis.fcall(FUNCTION, len(keys), *keys, str(amount), record))
        return cast("list[bytes]", reply)

    async def expire(self, key: str, record: bytes, expires_ms: int) -> None:
        """Store a record that is there again, now with an expiry. Raises StoreError."""
        await self._ask(lambda redis: redis.set(key, record, xx=True, pxat=expires_ms))

    async def _ask(self, command: Command) -> object:
        try:
            return await self._batches.ask(command)
        except TimeoutError:
            raise StoreError("TIMEOUT") from None
        except Exception as error:  # noqa: BLE001 - redis-py lets parsing faults of its own escape too
            raise StoreError(code_of(error)) from None

    async def close(self) -> None:
        """Close every connection."""
        await self._batches.close()
        with suppress(RedisError):
            await self._redis.aclose()


class PasswordFile(CredentialProvider):
    """Reads the password anew for each connection, so that a changed one needs no restart."""

    def __init__(self, username: str | None, path: Path) -> None:
        self._username = username
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Give what AUTH is sent."""
        password = read_password(self._path)
        return (password,) if self._username is None else (self._username, password)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Give what AUTH is sent; a small local file is not worth a thread."""
        return self.get_credentials()


def _provider(config: RedisConfig) -> PasswordFile | None:
    return None if config.password_file is None else PasswordFile(config.username, config.password_file)


def read_password(path: Path) -> str:
    """Read the password, without the line end that editors add. Raises PasswordFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PASSWORD_BYTES + 1)
        password = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, ValueError):
        raise PasswordFileError("the password file cannot be read") from None
    if not password or len(content) > MAX_PASSWORD_BYTES:
        raise PasswordFileError("the password file is empty or too large")
    return password


def code_of(error: Exception) -> str:
    """Give the code of whatever redis-py raised."""
    if not isinstance(error, RedisError) or isinstance(error, InvalidResponse):
        return "PROTOCOL"
    word = error.status_code or str(error).partition(" ")[0]
    if word in ANSWERED:
        return word
    if isinstance(error, PasswordFileError):
        return "PASSWORDFILE"
    if isinstance(error, RedisTimeoutError):
        return "TIMEOUT"
    return _code_by_text(error)


def _code_by_text(error: RedisError) -> str:
    # redis-py has one type for these, and which exception is behind it depends on whether the pool had an older
    # connection to replace. Only the text tells them apart; it is looked at, never passed on.
    text = str(error)
    if "max number of clients" in text:
        return "MAXCLIENTS"
    if "unction not found" in text:
        return "FUNCTION"
    if text.startswith("No connection available"):
        return "TIMEOUT"
    if not isinstance(error, RedisConnectionError) or isinstance(error, AuthenticationError):
        return "ERR"
    if " connecting to " not in text:
        return "CLOSED"
    return "TLS" if "[SSL" in text else "REFUSED"
