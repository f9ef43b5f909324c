"""A trial stack's life: started under a name of its own, removed whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import compose, process, secret_files
from seatrial.engine import PROJECT_LABEL
from seatrial.errors import SeatrialError
from seatrial.evidence.trial.model import INSTEAD_LABEL, TRIAL_LABEL, Trial, secret_copy, trial_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.engine import Engine
    from seatrial.settings import Settings

FOLDER_PREFIX = "seatrial-trial-"
_BEGUN_SECONDS = 1.5
"""How long the engine may take to finish a container whose making was cut off."""


@contextlib.contextmanager
def started(settings: Settings, engine: Engine, image: str, note: Callable[[str], None]) -> Iterator[Trial]:
    """Start a trial stack and remove it again, whatever happens.

    A stack that does not become healthy is evidence, not an error: `trial.start` says what happened.
    """
    remove_leftovers(engine)
    label = f"{socket.gethostname()}/{os.getpid()}"
    project = f"{settings.compose_project}-trial-{os.getpid()}-{secrets.token_hex(3)}"
    folder = Path(tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-"))
    try:
        source = compose.parse_model(compose.stack(settings, production=True).model())
        password_files = _provide(settings, source, folder)
        configured = _configured(settings, folder)
        model = trial_model(source, settings, image, folder, label)
        file = folder / "compose.json"
        file.write_text(json.dumps(model), encoding="utf-8")
        trial = Trial(
            settings, engine, compose.Stack(project, folder, (file,)), folder, model, password_files, *configured
        )
        try:
            _start_whole(trial, note)
            yield trial
        finally:
            # A second Ctrl-C must not leave half a stack: what remains is named and can be removed by the next run.
            trial.stack.down(volumes=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start_whole(trial: Trial, note: Callable[[str], None]) -> None:
    try:
        _start(trial, note)
    except BaseException:
        # The engine finishes a container that it had begun to make when its client was ended: it shows only later.
        trial.stack.down(volumes=True)
        time.sleep(_BEGUN_SECONDS)
        raise


def instead(model: dict[str, Any]) -> list[str]:
    """Say what may keep a trial from starting: it writes nothing that is production's, and so has it empty."""
    labels = [volume["labels"] for volume in model["volumes"].values()]
    return [f"in the trial {label[INSTEAD_LABEL]} is an empty volume" for label in labels if INSTEAD_LABEL in label]


def _provide(settings: Settings, source: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Fill the trial's folder with what its containers mount; return where each user's password lies.

    Where seatrial makes the project's secrets the trial is given new ones, else copies of the project's own.
    """
    own = folder / "secrets"
    own.mkdir(mode=0o700)
    if settings.managed:
        secret_files.write_secrets(own, secrets.token_urlsafe(32))
        return {user: own / name for user, name in secret_files.USERS.items()}
    copies = {}
    for name, secret in (source.get("secrets") or {}).items():
        if "file" in secret and Path(secret["file"]).is_file():
            copies[Path(secret["file"]).resolve()] = secret_copy(settings, folder, name, secret)
            shutil.copy2(secret["file"], secret_copy(settings, folder, name, secret))
    named = {
        settings.redis_users.get(role, role): settings.path(name) for role, name in settings.redis_passwords.items()
    }
    return {user: copies.get(file.resolve(), file) for user, file in named.items()}


def _configured(settings: Settings, folder: Path) -> tuple[Any, str]:
    """Write what the project's own service reads when it starts; return that and the token of the trial's client."""
    if not settings.managed:
        return None, ""
    from seatrial.evidence.trial.managed import configure  # noqa: PLC0415 - it needs the service's own code

    return configure(settings, folder)


def remove_leftovers(engine: Engine) -> list[str]:
    """Remove trial stacks of this machine whose process is gone; return their project names."""
    projects = {
        (thing.get("Labels") or {}).get(PROJECT_LABEL, "")
        for thing in engine.labelled(TRIAL_LABEL)
        if _is_abandoned((thing.get("Labels") or {}).get(TRIAL_LABEL, ""))
    } - {""}
    for project in sorted(projects):
        process.run(["docker", "compose", "-p", project, "down", "--volumes"], check=False, timeout_seconds=120)
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"):
        pid = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if pid.isdigit() and not _is_alive(pid) and folder.is_dir() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)
    return sorted(projects)


def _is_abandoned(label: str) -> bool:
    host, _, pid = label.partition("/")
    return host == socket.gethostname() and pid.isdigit() and not _is_alive(pid)


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _start(trial: Trial, note: Callable[[str], None]) -> None:
    began = time.monotonic()
    outcome: dict[str, Any] = {"healthy": True, "error": ""}
    trial.moment("start", f"{', '.join(trial.main_services)} started")
    try:
        note("starting the trial stack")
        trial.stack.up(trial.main_services)
        if trial.config is not None:
            from seatrial.evidence.trial.managed import load_ledger  # noqa: PLC0415 - it needs the service's own code

            load_ledger(trial)
        compose.wait_until_healthy(
            trial.engine,
            trial.stack.project,
            trial.main_services,
            seconds=trial.settings.start_budget_seconds * 2,
            on_change=note,
        )
        trial.moment("healthy", "all healthy")
    except SeatrialError as error:
        outcome = {"healthy": False, "error": "\n".join([error.what, *instead(trial.model)])}
        trial.moment("failed", "not healthy")
    outcome["seconds"] = time.monotonic() - began
    outcome["running"] = sorted(
        compose.service_of(c) for c in trial.engine.containers(trial.stack.project, running_only=True)
    )
    trial.documents["trial.start"] = outcome
    trial.documents["trial.model"] = json.dumps(trial.model)
