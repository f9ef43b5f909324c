"""The configuration file, validated whole: every problem at once, each with its path, before anything starts."""

from __future__ import annotations

import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from service.config import (
    ClientConfig,
    Config,
    KindConfig,
    RedisConfig,
    ServerConfig,
    SettlementConfig,
)
from service.defaults import PORT
from service.schema import Rule, Section, matching, parse_json

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

MAX_FILE_BYTES = 64 * 1024
LOG_LEVELS = ("debug", "info", "warning", "error")
MODES = ("record", "ledger")
SCHEMES = ("exact",)


class ConfigError(Exception):
    """The configuration cannot be used; carries every problem found, one line each."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


def _is_ip_address(text: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, text)
            return True
    return False


_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_host_name = matching(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*", "").holds

IP_ADDRESS = Rule(_is_ip_address, "an IP address")
HOST = Rule(lambda text: _host_name(text) or _is_ip_address(text), "a host name or an IP address")
ABSOLUTE_PATH = matching(r"/[^\x00-\x1f\x7f]{1,4095}", "an absolute path")
USERNAME = matching(r"[!-~]{1,128}", "1 to 128 visible ASCII characters")
CLIENT_NAME = matching(r"[A-Za-z0-9._-]{1,64}", "1 to 64 letters, digits, dots, dashes or underscores")
SHA256 = matching(r"[0-9A-Fa-f]{64}", "the SHA-256 of the token, 64 hex digits")
NETWORK = matching(
    r"eip155:[1-9][0-9]{0,31}|ledger:[-_a-z0-9]{1,32}",
    "a CAIP-2 network such as eip155:84532, or ledger:<name> in lower case",
)
ADDRESS = matching(r"0x(?!0{40})[0-9A-Fa-f]{40}", "a 20-byte address, 0x and 40 hex digits, and not zero")
DOMAIN_TEXT = matching(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,64}", "1 to 64 characters, no control characters")


def load(path: Path) -> Config:
    """Read and validate the file; raises ConfigError with everything that is wrong."""
    return parse(_read(path))


def parse(text: str) -> Config:
    """Validate the text of a configuration file."""
    try:
        document = parse_json(text)
    except ValueError as error:
        raise ConfigError([f"not JSON: {error}"]) from None
    problems: list[str] = []
    config = _config(Section(document, "", problems))
    if problems:
        raise ConfigError(sorted(problems))
    return config


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise ConfigError(["is a directory (a bind mount makes one when the file is missing on the host)"])
        if not stat.S_ISREG(mode):
            raise ConfigError(["is not a regular file"])
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError([_reading_problem(error)]) from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError([f"is larger than {MAX_FILE_BYTES} bytes"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([f"is not UTF-8 (byte {error.start})"]) from None


def _reading_problem(error: OSError | ValueError) -> str:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"cannot be read: {reason}"


def _config(root: Section) -> Config:
    with root:
        clients, requests_per_second = _auth(root.section("auth", required=False))
        settlement = _settlement(root.section("settlement", required=False))
        return Config(
            server=_server(root.section("server", required=False)),
            log_level=_log_level(root.section("logging", required=False)),
            clients=clients,
            requests_per_second=requests_per_second,
            redis=_redis(root.section("redis", required=True)),
            settlement=settlement,
            kinds=_kinds(root, settlement.mode),
        )


def _server(section: Section) -> ServerConfig:
    with section:
        return ServerConfig(
            host=section.text("host", IP_ADDRESS, "0.0.0.0"),  # noqa: S104 - inside a container; compose publishes on loopback
            port=section.integer("port", PORT, 0, 65535),
            max_connections=section.integer("maxConnections", 512, 1, 10_000),
            max_body_bytes=section.integer("maxBodyBytes", 65_536, 1_024, 1_048_576),
            drain_seconds=section.integer("drainSeconds", 10, 0, 300),
        )


def _log_level(section: Section) -> str:
    with section:
        return section.choice("level", LOG_LEVELS, "info")


def _auth(section: Section) -> tuple[tuple[ClientConfig, ...], int]:
    with section:
        entries = section.sections("clients", required=False)
        clients = tuple(_client(entry) for entry in entries)
        _refuse_twins(entries, [client.name for client in clients], "name")
        _refuse_twins(entries, [client.token_sha256 for client in clients], "tokenSha256")
        return clients, section.integer("requestsPerSecond", 1_000, 0, 1_000_000)


def _client(section: Section) -> ClientConfig:
    with section:
        return ClientConfig(
            name=section.text("name", CLIENT_NAME),
            token_sha256=section.text("tokenSha256", SHA256).lower(),
        )


def _redis(section: Section) -> RedisConfig:
    with section:
        section.refuse("password", "may not be written here: put it into a file and name that in passwordFile")
        username = section.optional_text("username", USERNAME)
        password_file = section.optional_text("passwordFile", ABSOLUTE_PATH)
        if username is not None and password_file is None:
            section.problem("passwordFile", "is required with a username")
        return RedisConfig(
            host=section.text("host", HOST),
            port=section.integer("port", 6379, 1, 65535),
            db=section.integer("db", 0, 0, 9_999),
            username=username,
            password_file=None if password_file is None else Path(password_file),
            tls=section.boolean("tls", default=False),
            timeout_seconds=section.integer("timeoutMs", 1_000, 10, 60_000) / 1_000,
        )


def _settlement(section: Section) -> SettlementConfig:
    with section:
        settlement = SettlementConfig(
            mode=section.choice("mode", MODES, "record"),
            retention_seconds=section.integer("retentionSeconds", 2_592_000, 60, 315_360_000),
            max_window_seconds=section.integer("maxWindowSeconds", 3_600, 1, 31_536_000),
            skew_seconds=section.integer("skewSeconds", 6, 0, 3_600),
        )
        if settlement.max_window_seconds <= settlement.skew_seconds:
            section.problem("maxWindowSeconds", "must be more than skewSeconds")
        return settlement


def _kinds(root: Section, mode: str) -> tuple[KindConfig, ...]:
    entries = root.sections("kinds", required=True)
    kinds = tuple(_kind(entry) for entry in entries)
    for entry, kind in zip(entries, kinds, strict=True):
        # What is settled in a ledger has to be worthless on a chain, and the other way round.
        if kind.network and kind.network.startswith("ledger:") != (mode == "ledger"):
            entry.problem("network", f"is not for settlement.mode {mode}: a ledger's networks are ledger:<name>")
    _refuse_twins(entries, [(kind.scheme, kind.network, kind.asset.lower()) for kind in kinds], "asset")
    return kinds


def _kind(section: Section) -> KindConfig:
    with section:
        with section.section("domain", required=True) as domain:
            name = domain.text("name", DOMAIN_TEXT)
            version = domain.text("version", DOMAIN_TEXT)
        return KindConfig(
            scheme=section.choice("scheme", SCHEMES),
            network=section.text("network", NETWORK),
            asset=section.text("asset", ADDRESS),
            domain_name=name,
            domain_version=version,
            pay_to=section.texts("payTo", ADDRESS),
        )


def _refuse_twins(entries: list[Section], identities: list[Hashable], key: str) -> None:
    """Report each entry whose identity an earlier one has; an unreadable part ("") was reported already."""
    first: dict[Hashable, Section] = {}
    for entry, identity in zip(entries, identities, strict=True):
        unreadable = "" in identity if isinstance(identity, tuple) else not identity
        earlier = first.setdefault(identity, entry)
        if earlier is not entry and not unreadable:
            entry.problem(key, f"is the same as in {earlier.path}")
