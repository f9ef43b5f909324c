"""What a trial of the project's own service has besides: a configuration with one client, and a ledger in Redis."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from seatrial import clients
from seatrial.ledger import function_source
from seatrial.ledger.store import Store
from service import config_file

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.evidence.trial.model import Trial
    from seatrial.settings import Settings
    from service.config import Config


def configure(settings: Settings, folder: Path) -> tuple[Config | None, str]:
    """Write the project's own configuration with one client, the trial's; return it and the client's token.

    What is no configuration stays as it is.
    """
    chosen = settings.path(clients.CONFIG)
    text = (chosen if chosen.is_file() else settings.path(clients.CONFIG_EXAMPLE)).read_text(
        encoding="utf-8", errors="surrogateescape"
    )
    config, token = None, secrets.token_urlsafe(32)
    with contextlib.suppress(config_file.ConfigError):
        config_file.parse(text)
        text = clients.with_only_client(text, "trial", token)
        config = config_file.parse(text)
    target = folder / "config.json"
    target.write_text(text, encoding="utf-8", errors="surrogateescape")
    target.chmod(clients.CONFIG_MODE)
    return config, token


def load_ledger(trial: Trial) -> None:
    """Give Redis the ledger's functions, without which a service in that mode never turns healthy."""
    if trial.config is not None and trial.config.settlement.mode == "ledger":
        address = trial.address(trial.settings.redis_service, trial.settings.redis_port)
        store = Store(address, trial.passwords["admin"])
        store.load(function_source(trial.model["services"][trial.settings.service]["image"]))
