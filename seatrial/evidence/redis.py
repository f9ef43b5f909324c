"""What a Redis answers to whom: raw questions over fresh sockets, raw replies back."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from seatrial.settings import Settings

TIMEOUT_SECONDS = 5.0
DEFAULT, UNKNOWN = "default", "nobody"
WRONG_PASSWORD = "not-the-password"
LONGEST_LINE_BYTES = 1 << 16
DEEPEST_ARRAY = 8
_LENGTH = re.compile(rb"-1|\d{1,9}")


@dataclass(frozen=True)
class Question:
    """One command asked by one user on a connection of its own.

    `user` is "" for a connection without a password. `password` says which one is sent: "right" or "wrong".
    `expected` is what the reply must begin with. Harmless questions change nothing even where Redis is wide open.
    """

    name: str
    user: str
    command: tuple[str, ...]
    expected: str
    password: str = "right"
    harmless: bool = True

    @property
    def asks(self) -> str:
        """The question as a person would put it."""
        who = f"{self.user}, {self.password} password" if self.user else "no password"
        return f"{' '.join(self.command)} ({who})"


def _named(
    who: str, user: str, expected: str, *commands: str, password: str = "right", harmless: bool = True
) -> list[Question]:
    return [
        Question(f"{who}: {command}", user, tuple(command.split()), expected, password, harmless)
        for command in commands
    ]


def questions(settings: Settings) -> tuple[Question, ...]:
    """Return what the project's Redis is asked: as nobody, as a stranger, and as each user that the settings name."""
    service, probe, admin = (settings.redis_users.get(role, "") for role in ("service", "probe", "admin"))
    mine, others = settings.redis_keys, "other:key"
    found = _named(
        "no password", "", "-NOAUTH", "PING", f"GET {mine}canary", "INFO server", "CONFIG GET dir", "ACL WHOAMI"
    )
    writes = (f"SET {mine}seatrial x", "KEYS *", "FLUSHALL", "EVAL return(1) 0")
    found += _named("no password", "", "-NOAUTH", *writes, harmless=False)
    found += _named("wrong password", service, "-WRONGPASS", "PING", password="wrong")
    if admin:
        found += _named("wrong password of admin", admin, "-WRONGPASS", "PING", password="wrong")
    found += _named("unknown user", UNKNOWN, "-WRONGPASS", "PING")
    if DEFAULT not in settings.redis_users.values():
        found += _named("default user", DEFAULT, "-WRONGPASS", "PING")
    found += _named("service", service, "+PONG", "PING")
    found += _named("service", service, "-NOPERM", "CONFIG GET dir", "KEYS *", "ACL LIST", "DBSIZE")
    dangerous = ("FLUSHALL", "SHUTDOWN ABORT", "EVAL return(1) 0", "MODULE LIST", "REPLICAOF NO ONE")
    found += _named("service", service, "-NOPERM", *dangerous, "ACL SETUSER intruder", harmless=False)
    if settings.managed:
        found += _named("service", service, "-NOPERM", f"FCALL x402_credit 1 {mine}seatrial 1", harmless=False)
    if mine:
        found += _named("service", service, "-NOPERM", f"GET {others}")
        found += _named("service", service, "-NOPERM", f"SET {others} x", harmless=False)
    if probe:
        found += _named("probe", probe, "+PONG", "PING")
        found += _named("probe", probe, "-NOPERM", f"GET {mine}canary", "INFO server", "CONFIG GET dir")
        found += _named("probe", probe, "-NOPERM", f"SET {mine}seatrial x", "FLUSHALL", harmless=False)
    return tuple(found)


SETTINGS_ASKED = ("dir", "appendonly", "appendfsync", "maxmemory-policy", "maxmemory", "protected-mode", "save")


def ask(address: tuple[str, int], question: Question, passwords: dict[str, str]) -> str:
    """Return Redis's reply to a question: its text, errors with their leading `-`.

    A refused AUTH is the reply, because no later command tells more. Raises SeatrialError ENGINE_FAILED when there is
    no connection.
    """
    # A stranger comes with the service's password.
    right = passwords.get(question.user) or next(iter(passwords.values()), WRONG_PASSWORD)
    password = WRONG_PASSWORD if question.password == "wrong" else right
    return converse(address, question.user, password, question.command)


def converse(address: tuple[str, int], user: str, password: str, command: tuple[str, ...]) -> str:
    """Authenticate when a user is given, ask one command, return the reply."""
    try:
        with socket.create_connection(address, TIMEOUT_SECONDS) as connection, connection.makefile("rb") as reader:
            if user:
                connection.sendall(encode("AUTH", user, password))
                answer = read_reply(reader)
                if answer != "+OK":
                    return answer
            connection.sendall(encode(*command))
            return read_reply(reader)
    except OSError as error:
        raise SeatrialError(
            Code.ENGINE_FAILED, f"Redis at {address[0]}:{address[1]} does not answer: {error}", hint="./invoke ps"
        ) from error


def encode(*words: str) -> bytes:
    """Return a command in the Redis protocol."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word.encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def read_reply(reader: IO[bytes], depth: int = 0) -> str:
    """Return one reply: `+status`, `-error` and `:number` as they come, bulk strings as text, arrays line by line.

    Raises ConnectionError for what is cut off or is not the Redis protocol.
    """
    line = reader.readline(LONGEST_LINE_BYTES)
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection was closed in the middle of a reply")
    kind, rest = line[:1], line[1:-2]
    if kind in b"+-:":
        return line[:-2].decode("utf-8", "replace")
    if kind not in b"$*" or not _LENGTH.fullmatch(rest) or depth > DEEPEST_ARRAY:
        raise ConnectionError(f"not the Redis protocol: {line[:40]!r}")
    length = int(rest)
    if kind == b"*":
        return "\n".join(read_reply(reader, depth + 1) for _ in range(max(length, 0)))
    if length < 0:
        return ""
    content = reader.read(length + 2)
    if len(content) < length + 2:
        raise ConnectionError("the connection was closed in the middle of a reply")
    return content[:-2].decode("utf-8", "replace")
