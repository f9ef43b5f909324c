"""How long until a production stack is healthy: docker-compose.yml beside the seed plan's file, in turns.

Both go the same way: Compose resolves the file, `trial_model` gives the model own names and free ports, and
`docker compose up` and a poller start and watch it. Both are removed after each start.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.figures import HealthTiming, Series
from seatrial import compose, process, secret_files
from seatrial.evidence import trial
from seatrial.settings import chosen_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.engine import Document, Engine
    from seatrial.settings import Settings

SEED_FOLDER = Path(__file__).parent / "seed"
SEED_IMAGE = "seatrial/bench-seed"
"""Made of the project's image and removed again. Always one name: a run that was killed leaves no second one."""
OURS, SEED = "ours", "seed"
HEALTHY_SECONDS = 180.0
BUILD_SECONDS = 300.0
NANOSECONDS = 1e9


@dataclass(frozen=True)
class Variant:
    """A compose model that is ready to be started, in a folder with its config and secrets."""

    name: str
    file: Path
    services: tuple[str, ...]


def measure(
    settings: Settings, engine: Engine, rounds: int, note: Callable[[str], None]
) -> tuple[list[Series], list[HealthTiming]]:
    """Start both stacks in turns and return the seconds until all services were healthy, and the timings in force."""
    trial.remove_leftovers(engine)
    seconds: dict[str, list[float]] = defaultdict(list)
    timings: dict[str, list[HealthTiming]] = {}
    with _seed_image(settings, engine), _ours(settings) as ours, _seed(settings) as seed:
        for number in range(rounds):
            for variant in (ours, seed) if number % 2 == 0 else (seed, ours):
                note(f"starting {variant.name}, {number + 1} of {rounds}")
                taken, timings[variant.name] = _start(settings, engine, variant)
                seconds[variant.name].append(taken)
    command = "docker compose up --detach, until all are healthy"
    series = [Series(f"startup {name}", command, tuple(seconds[name])) for name in (OURS, SEED)]
    return series, [*timings[OURS], *timings[SEED]]


def timings_of(stack: str, containers: list[Document]) -> list[HealthTiming]:
    """Return the health check of each container as the engine reports it."""
    found = []
    for container in sorted(containers, key=compose.service_of):
        check: dict[str, Any] = container["Config"].get("Healthcheck") or {}

        def seconds(name: str, check: dict[str, Any] = check) -> float:
            return float(check.get(name) or 0) / NANOSECONDS

        found.append(
            HealthTiming(
                stack,
                compose.service_of(container),
                seconds("Interval"),
                seconds("Timeout"),
                seconds("StartPeriod"),
                seconds("StartInterval"),
                int(check.get("Retries") or 0),
            )
        )
    return found


def _start(settings: Settings, engine: Engine, variant: Variant) -> tuple[float, list[HealthTiming]]:
    project = f"{settings.compose_project}-bench-{variant.name}-{os.getpid()}-{secrets.token_hex(3)}"
    stack = compose.Stack(project, variant.file.parent, (variant.file,))
    try:
        began = time.monotonic()
        stack.up(variant.services)
        compose.wait_until_healthy(engine, project, variant.services, seconds=HEALTHY_SECONDS)
        taken = time.monotonic() - began
        return taken, timings_of(variant.name, engine.containers(project))
    finally:
        stack.down(volumes=True)


@contextlib.contextmanager
def _ours(settings: Settings) -> Iterator[Variant]:
    source = compose.parse_model(compose.stack(settings, production=True).model())
    with _prepared(settings, OURS, source, settings.image, "facilitator", secrets.token_hex(24)) as variant:
        yield variant


@contextlib.contextmanager
def _seed(settings: Settings) -> Iterator[Variant]:
    # Hexadecimal: a password that begins with a dash would be an option of redis-server and of redis-cli.
    password = secrets.token_hex(24)
    stack = compose.Stack(SEED, SEED_FOLDER, (SEED_FOLDER / "docker-compose.yml",), profiles=("production",))
    resolved = process.run(
        stack.command("config", "--format", "json"),
        cwd=SEED_FOLDER,
        env={"REDIS_IMAGE": chosen_image(settings, "REDIS_IMAGE"), "REDIS_PASSWORD": password},
        timeout_seconds=compose.CONFIG_TIMEOUT_SECONDS,
    )
    source = compose.parse_model(resolved.stdout)
    with _prepared(settings, SEED, source, SEED_IMAGE, "default", password) as variant:
        yield variant


@contextlib.contextmanager
def _prepared(  # noqa: PLR0913 - what a variant is made of
    settings: Settings, name: str, source: dict[str, Any], image: str, username: str, password: str
) -> Iterator[Variant]:
    """Write the model with its config and secrets into a folder; remove the folder afterwards."""
    # The label and the folder's name are those of trial stacks: what a killed run leaves, the next `verify` removes.
    label = f"{socket.gethostname()}/{os.getpid()}"
    folder = Path(tempfile.mkdtemp(prefix=f"{trial.FOLDER_PREFIX}{os.getpid()}-"))
    try:
        (folder / "secrets").mkdir(mode=0o700)
        secret_files.write_secrets(folder / "secrets", password)
        config = json.loads(settings.path("config/config.example.json").read_text(encoding="utf-8"))
        config["redis"]["username"] = username
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        (folder / "config.json").chmod(0o644)
        model = trial.trial_model(source, settings, image, folder, label)
        for control in (trial.TWIN, trial.OPEN_REDIS):
            del model["services"][control]
        file = folder / "compose.json"
        file.write_text(json.dumps(model), encoding="utf-8")
        file.chmod(0o600)
        yield Variant(name, file, tuple(sorted(model["services"])))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _seed_image(settings: Settings, engine: Engine) -> Iterator[None]:
    """Make the project's image with the seed's health check; remove it afterwards."""
    process.run(
        [
            *("docker", "buildx", "build", "--quiet", "--load", "--provenance=false"),
            *("--build-arg", f"IMAGE={settings.image}", "--tag", SEED_IMAGE, str(SEED_FOLDER)),
        ],
        timeout_seconds=BUILD_SECONDS,
    )
    try:
        yield
    finally:
        engine.remove_image(SEED_IMAGE)
