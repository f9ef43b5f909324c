"""Every way in which the Redis behind the service breaks, and how it is mended."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import secret_files
from tests.docker.lone_redis import LoneRedis, replica_of
from tests.docker.yard import PATIENCE_SECONDS, docker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.docker.switch import Switch

COMMAND_SECONDS = 0.3
"""What the service waits for Redis here; a fault that hangs lasts longer."""
A_WHILE = 0.4


@dataclass
class Harm:
    """What a fault works on: the Redis that serves, and the address under which it is known.

    `behind` calls a function in the loop that the address lives in.
    """

    redis: LoneRedis
    switch: Switch
    behind: Callable[[Callable[[], None]], object]


@dataclass(frozen=True)
class Fault:
    """Something that happens to Redis from beginning to end; afterwards Redis serves again."""

    name: str
    happen: Callable[[Harm], None]
    refuses: bool = True
    """Whether some requests cannot be decided meanwhile."""


def slow(harm: Harm) -> None:
    for _ in range(4):
        harm.redis.admin("CLIENT", "PAUSE", str(int(COMMAND_SECONDS * 300)), "ALL")
        time.sleep(COMMAND_SECONDS / 2)


def hangs(harm: Harm) -> None:
    docker("pause", harm.redis.container)
    # What was sent meanwhile is done after everybody gave up on it.
    time.sleep(3 * COMMAND_SECONDS)
    docker("unpause", harm.redis.container)


def killed(harm: Harm) -> None:
    docker("kill", "--signal", "KILL", harm.redis.container)
    time.sleep(A_WHILE)
    docker("start", harm.redis.container)
    harm.redis.await_answer()


def restarted(harm: Harm) -> None:
    docker("restart", "--time", "3", harm.redis.container)
    harm.redis.await_answer()


def cut_off(harm: Harm) -> None:
    for _ in range(10):
        harm.redis.admin("CLIENT", "KILL", "TYPE", "normal")
        time.sleep(0.05)


def out_of_memory(harm: Harm) -> None:
    harm.redis.admin("CONFIG", "SET", "maxmemory", "1")
    time.sleep(A_WHILE)
    harm.redis.admin("CONFIG", "SET", "maxmemory", "192mb")


def disk_not_written(harm: Harm) -> None:
    redis = harm.redis
    redis.admin("CONFIG", "SET", "save", "3600 1")
    redis.as_root("chmod", "0500", "/data")
    redis.as_root("chown", "0:0", "/data")
    redis.admin("BGSAVE")
    _until(lambda: "rdb_last_bgsave_status:err" in redis.admin("INFO", "persistence"))
    time.sleep(A_WHILE)
    redis.as_root("chown", "999:999", "/data")
    redis.as_root("chmod", "0755", "/data")
    redis.admin("CONFIG", "SET", "save", "")


def read_only_replica(harm: Harm) -> None:
    harm.redis.admin("REPLICAOF", "127.0.0.1", "1")
    time.sleep(A_WHILE)
    harm.redis.admin("REPLICAOF", "NO", "ONE")


def password_rotated(harm: Harm) -> None:
    """Redis is given a new password first; the service's file follows later, and nothing is restarted."""
    secrets = harm.redis.secrets
    new = uuid.uuid4().hex
    harm.redis.admin("ACL", "SETUSER", "facilitator", "resetpass", f">{new}")
    harm.redis.admin("CLIENT", "KILL", "USER", "facilitator")
    time.sleep(A_WHILE)
    # Both: what the service reads, and what Redis reads when it is started again.
    secret_files.write_secrets(secrets, new)


def failed_over(harm: Harm) -> None:
    """A fresh server gets all there is, takes the master's place when it has every write, and the old one is gone."""
    with replica_of(harm.redis) as fresh:
        harm.redis.admin("FAILOVER", "TO", fresh.address(), "6379", "TIMEOUT", "5000")
        _until(lambda: "role:master" in fresh.admin("INFO", "replication"))
        # Those who are still connected to the old one are told READONLY.
        time.sleep(A_WHILE)
        harm.behind(lambda: harm.switch.turn_to(fresh.port))
        time.sleep(A_WHILE)
        # And back, so that the next fault meets the server that this test began with.
        _until(lambda: "master_link_status:up" in harm.redis.admin("INFO", "replication"))
        fresh.admin("FAILOVER", "TO", harm.redis.address(), "6379", "TIMEOUT", "5000")
        _until(lambda: "role:master" in harm.redis.admin("INFO", "replication"))
        docker("kill", "--signal", "KILL", fresh.container)
        time.sleep(A_WHILE)
        harm.behind(lambda: harm.switch.turn_to(harm.redis.port))


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "Redis did not come to this"
        time.sleep(0.05)


FAULTS = (
    Fault("slow", slow, refuses=False),
    Fault("hangs", hangs),
    Fault("killed (SIGKILL) and started", killed),
    Fault("restarted", restarted),
    Fault("connections cut off", cut_off, refuses=False),
    Fault("out of memory (OOM)", out_of_memory),
    Fault("disk not written (MISCONF)", disk_not_written),
    Fault("a read-only replica (READONLY)", read_only_replica),
    Fault("password changed before the service's file (WRONGPASS)", password_rotated),
    Fault("failed over to a fresh master, and back", failed_over),
)
