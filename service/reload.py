"""SIGHUP: the configuration is read again, and takes effect whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.config_file import ConfigError, load
from service.wiring import Parts, build_app

if TYPE_CHECKING:
    from pathlib import Path

    from service.config import Config
    from service.messages import Answer, Request


class Reloadable:
    """The application in force. A request is answered by the one that was in force when it came."""

    def __init__(self, config: Config, path: Path, parts: Parts) -> None:
        self._config = config
        self._path = path
        self._parts = parts
        self._app = build_app(config, parts)

    async def __call__(self, request: Request) -> Answer:
        """Answer by the configuration in force."""
        return await self._app(request)

    def reload(self) -> None:
        """Put the file's configuration in force if it can be, and say so; otherwise leave everything as it is."""
        log = self._parts.log
        try:
            config = load(self._path)
        except ConfigError as error:
            log("error", "reload", result="invalid", problems=error.problems)
            return
        fixed = _needing_restart(self._config, config)
        if fixed:
            # Half of a new configuration would be a third one, which nobody wrote.
            log("error", "reload", result="needs-restart", sections=fixed)
            return
        self._app = build_app(config, self._parts)
        self._config = config
        log.set_level(config.log_level)
        log("info", "reload", result="done")


def _needing_restart(old: Config, new: Config) -> list[str]:
    changed = {
        "server": old.server != new.server,
        "redis": old.redis != new.redis,
        "settlement.mode": old.settlement.mode != new.settlement.mode,
    }
    return [name for name, differs in changed.items() if differs]
