"""One real Redis with the production's configuration and users, alone, to be broken at will."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatrial import secret_files, settings
from seatrial.errors import SeatrialError
from seatrial.evidence import redis
from service.config import RedisConfig
from service.ledger import function_source
from tests.docker.yard import PATIENCE_SECONDS, PREFIX, ROOT, docker, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LABEL = f"{PREFIX}.lone-redis"


@dataclass(frozen=True)
class LoneRedis:
    """A container; its port stays the same when it is started again."""

    container: str
    port: int
    secrets: Path

    def admin(self, *command: str) -> str:
        passwords = secret_files.passwords(self.secrets)
        return redis.converse(("127.0.0.1", self.port), "admin", passwords["admin"], command)

    def config(self, timeout_seconds: float = 5.0) -> RedisConfig:
        """How the service reaches it, as its own user."""
        return RedisConfig(
            host="127.0.0.1",
            port=self.port,
            db=0,
            username="facilitator",
            password_file=self.secrets / secret_files.SERVICE_FILE,
            tls=False,
            timeout_seconds=timeout_seconds,
        )

    def load_ledger(self) -> None:
        """Do what an operator does once."""
        assert self.admin("FUNCTION", "LOAD", "REPLACE", function_source()) == "x402"

    def address(self) -> str:
        """Where other containers reach it."""
        return docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", self.container).strip()

    def as_root(self, *argv: str) -> str:
        return docker("exec", "--privileged", "--user", "0", self.container, *argv)

    def answers(self) -> bool:
        try:
            return self.admin("PING") == "+PONG"
        except SeatrialError:
            return False

    def await_answer(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, docker("logs", self.container)
            time.sleep(0.05)


@contextmanager
def lone_redis(folder: Path) -> Iterator[LoneRedis]:
    """Start one and remove it again; `folder` is where its secrets are kept."""
    secrets = folder / "secrets"
    secret_files.write_secrets(secrets, uuid.uuid4().hex)
    # The folder keeps others out of a checkout; this one lies in a temporary folder that does so itself.
    secrets.chmod(0o755)
    with _started(secrets) as found:
        yield found


@contextmanager
def replica_of(master: LoneRedis) -> Iterator[LoneRedis]:
    """Start a second one with the same users that has, and goes on getting, everything the first one has."""
    with _started(master.secrets) as found:
        passwords = secret_files.passwords(master.secrets)
        for redis in (master, found):
            # Either may be the other's replica, once they have changed places.
            redis.admin("CONFIG", "SET", "masteruser", "admin", "masterauth", passwords["admin"])
        found.admin("REPLICAOF", master.address(), "6379")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while "master_link_status:up" not in found.admin("INFO", "replication"):
            assert time.monotonic() < deadline, docker("logs", found.container)
            time.sleep(0.05)
        yield found


@contextmanager
def _started(secrets: Path) -> Iterator[LoneRedis]:
    found = LoneRedis(f"{PREFIX}-{uuid.uuid4().hex[:8]}", free_port(), secrets)
    mounts = [
        f"{ROOT / 'config/redis.conf'}:/etc/redis/redis.conf:ro",
        f"{secrets / 'redis.acl'}:/run/secrets/redis_acl:ro",
    ]
    argv = ["run", "--detach", "--name", found.container, "--label", LABEL, "--user", "999:999"]
    argv += ["--publish", f"127.0.0.1:{found.port}:6379", *(word for mount in mounts for word in ("--volume", mount))]
    image = settings.chosen_image(settings.load(ROOT), "REDIS_IMAGE")
    try:
        docker(*argv, image, "redis-server", "/etc/redis/redis.conf")
        found.await_answer()
        yield found
    finally:
        docker("rm", "--force", "--volumes", found.container)
