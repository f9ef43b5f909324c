"""What the project says about itself: [tool.seatrial] in pyproject.toml, and the images that may be chosen."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from seatrial.errors import Code, SeatrialError

IMAGE_DEFAULTS = {
    "PYTHON_IMAGE": "python:3.13-slim-trixie",
    "REDIS_IMAGE": "redis:7-alpine",
    "IPFS_IMAGE": "ipfs/kubo:latest",
}


@dataclass(frozen=True)
class Settings:
    """The [tool.seatrial] table. An unknown key is an error."""

    root: Path
    image: str
    compose_project: str
    development_services: tuple[str, ...]
    production_services: tuple[str, ...]
    service: str
    redis_service: str
    package_root: str
    service_port: int
    payload_budget_mb: float
    context_budget_kb: float
    memory_budget_mb: float
    start_budget_seconds: float
    health_flip_budget_seconds: float

    def path(self, name: str) -> Path:
        """Return a path inside the project."""
        return self.root / name


def load(root: Path | None = None) -> Settings:
    """Read the settings of the project in `root` (by default: the folder that holds this package).

    Raises SeatrialError SETTINGS: no file, not TOML, a key that is missing, unknown or of the wrong type.
    """
    root = (root or Path(__file__).resolve().parent.parent).resolve()
    source = root / "pyproject.toml"
    try:
        table = tomllib.loads(source.read_text(encoding="utf-8")).get("tool", {}).get("seatrial", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SeatrialError(Code.SETTINGS, f"{source}: {error}", hint="mend pyproject.toml") from error
    known = {field.name: str(field.type) for field in fields(Settings) if field.name != "root"}
    unknown = sorted(set(table) - set(known))
    missing = sorted(set(known) - set(table))
    if unknown or missing:
        said = [f"unknown key {key!r}" for key in unknown] + [f"missing key {key!r}" for key in missing]
        raise SeatrialError(
            Code.SETTINGS, f"[tool.seatrial]: {', '.join(said)}", hint=f"known keys: {', '.join(sorted(known))}"
        )
    return Settings(root=root, **{key: _typed(key, kind, table[key]) for key, kind in known.items()})


def chosen_image(settings: Settings, variable: str) -> str:
    """Return the image that PYTHON_IMAGE, REDIS_IMAGE or IPFS_IMAGE names: environment, then .env, then default."""
    from dotenv import dotenv_values  # noqa: PLC0415 - only tasks that need an image pay for it

    written = dotenv_values(settings.path(".env"), interpolate=False)
    return os.environ.get(variable) or written.get(variable) or IMAGE_DEFAULTS[variable]


def _typed(key: str, kind: str, value: object) -> Any:
    if kind == "tuple[str, ...]":
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif kind == "float":
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif kind == "int":
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(value, str) and value:
        return value
    raise SeatrialError(
        Code.SETTINGS, f"[tool.seatrial] {key} = {value!r} is not of type {kind}", hint="mend pyproject.toml"
    )
