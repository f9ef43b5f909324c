"""One container of the image, beside a Redis of its own, with the configuration that a test wants."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatrial import secret_files
from tests.docker.lone_redis import LABEL, LoneRedis, lone_redis
from tests.docker.yard import PATIENCE_SECONDS, PREFIX, docker, free_port
from tests.service.facilitator_harness import document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "a-token-of-the-tests-only-0123456789"
CLIENTS = [{"name": "shop", "tokenSha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]


@dataclass(frozen=True)
class Pier:
    """Where the facilitator lies: its address on this machine and its container."""

    container: str
    port: int
    redis: LoneRedis

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> tuple[int, Any]:
        """Ask as the configured client; 0 where nobody answers."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, None


@contextmanager
def pier(image: str, folder: Path, **sections: Any) -> Iterator[Pier]:
    """Start both and remove them again; `sections` replace those of the example configuration."""
    with lone_redis(folder) as redis:
        redis.load_ledger()
        found = Pier(f"{PREFIX}-{uuid.uuid4().hex[:8]}", free_port(), redis)
        config = folder / "config.json"
        given = {
            "server": {"host": "127.0.0.1", "port": found.port},
            "auth": {"clients": CLIENTS},
            "redis": {
                "host": "127.0.0.1",
                "port": redis.port,
                "username": "facilitator",
                "passwordFile": "/run/secrets/redis_password",
            },
            **sections,
        }
        config.write_text(json.dumps(document(**given)), encoding="utf-8")
        folder.chmod(0o755)
        config.chmod(0o644)
        # The machine's own network: the Redis is on one of its loopback ports, and the service listens on another.
        argv = ["run", "--detach", "--name", found.container, "--label", LABEL, "--network", "host", "--read-only"]
        argv += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--no-healthcheck"]
        argv += ["--volume", f"{config}:/app/config/config.json:ro"]
        argv += ["--volume", f"{redis.secrets / secret_files.SERVICE_FILE}:/run/secrets/redis_password:ro"]
        try:
            docker(*argv, image)
            _await_health(found)
            yield found
        finally:
            docker("rm", "--force", "--volumes", found.container)


def _await_health(found: Pier) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while found.get("/health")[0] != 200:
        assert time.monotonic() < deadline, docker("logs", found.container)
        time.sleep(0.05)
