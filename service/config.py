"""What can be configured. `config_file` reads it from JSON.

| section    | key                | default           | meaning                                                       |
| ---------- | ------------------ | ----------------- | ------------------------------------------------------------- |
| server     | host               | 0.0.0.0           | address to listen on, an IP address                           |
|            | port               | 3000              | 0 takes any free port; the log says which                     |
|            | maxConnections     | 512               | above it a connection is answered 503 and closed              |
|            | maxBodyBytes       | 65536             | above it a request is answered 413                            |
|            | drainSeconds       | 10                | time that requests in flight are given after SIGTERM          |
| logging    | level              | info              | debug, info, warning or error                                 |
| auth       | clients            | []                | {name, tokenSha256}: SHA-256 of the bearer token, 64 hex      |
|            | requestsPerSecond  | 1000              | for each client, with a second's worth at once; 0: any number |
| redis      | host               | required          | name or IP address                                            |
|            | port, db           | 6379, 0           |                                                               |
|            | username           | none              | ACL user; needs passwordFile                                  |
|            | passwordFile       | none              | absolute path, read at each connection, not at validation     |
|            | tls                | false             | verifies the server against the system's authorities          |
|            | timeoutMs          | 1000              | for a connection and for each command                         |
| settlement | mode               | record            | record, or ledger for networks `ledger:<name>`                |
|            | retentionSeconds   | 2592000           | how long a claim is kept                                      |
|            | maxWindowSeconds   | 3600              | how far ahead an authorization may end                        |
|            | skewSeconds        | 6                 | how much time an authorization must have left                 |
| kinds      |                    | required, not []  | what is accepted: {scheme, network, asset, domain, payTo}     |

A section that has only defaults may be left out. An unknown key, a repeated key and an inline password are problems.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """Where the service listens and how much it takes at once."""

    host: str
    port: int
    max_connections: int
    max_body_bytes: int
    drain_seconds: int


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Who may call the routes that ask for a bearer token."""

    name: str
    token_sha256: str


@dataclass(frozen=True, slots=True)
class RedisConfig:
    """How Redis is reached."""

    host: str
    port: int
    db: int
    username: str | None
    password_file: Path | None
    tls: bool
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class SettlementConfig:
    """What settling means here and for how long it is remembered."""

    mode: str
    retention_seconds: int
    max_window_seconds: int
    skew_seconds: int


@dataclass(frozen=True, slots=True)
class KindConfig:
    """One kind of payment that is accepted."""

    scheme: str
    network: str
    asset: str
    domain_name: str
    domain_version: str
    pay_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration."""

    server: ServerConfig
    log_level: str
    clients: tuple[ClientConfig, ...]
    requests_per_second: int
    redis: RedisConfig
    settlement: SettlementConfig
    kinds: tuple[KindConfig, ...]
