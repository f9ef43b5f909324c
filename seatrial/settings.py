"""What a project says about itself: [tool.seatrial] in pyproject.toml, or seatrial.toml. Images that may be chosen."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import layout
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OWN_FILE, SHARED_FILE = "seatrial.toml", "pyproject.toml"
PROJECT_VARIABLE = "SEATRIAL_PROJECT"
"""The project's folder, where it is not the current one or above it; `--project` sets it."""
ROLES = ("service", "probe", "admin")
"""Who uses Redis: the service, its health check, the operator."""
IMAGE_DEFAULTS = {
    "PYTHON_IMAGE": "python:3.13-slim-trixie",
    "REDIS_IMAGE": "redis:7-alpine",
    "IPFS_IMAGE": "ipfs/kubo:latest",
}


@dataclass(frozen=True)
class Waiver:
    """A promise that is not kept for now: where, why, and until when."""

    promise: str
    place: str
    reason: str
    expires: date


@dataclass(frozen=True)
class Settings:
    """The table of settings. Every key has a default; an unknown one is an error. docs/projects.md explains each."""

    root: Path
    # --- the image ---
    image: str = ""
    dockerfile: str = ""
    build_inputs: tuple[str, ...] = (".",)
    project_file: str = SHARED_FILE
    lock_file: str = ""
    package_root: str = "/"
    payload_layers: int = 0
    payload_budget_mb: float = 200.0
    context_budget_kb: float = 10_240.0
    # --- the stack ---
    compose_file: str = ""
    compose_project: str = ""
    production_profile: str = "production"
    development_services: tuple[str, ...] = ()
    production_services: tuple[str, ...] = ()
    service: str = ""
    service_port: int = 0
    health_path: str = "/health"
    answers: tuple[str, ...] = ()
    config_mount: str = ""
    memory_budget_mb: float = 512.0
    start_budget_seconds: float = 30.0
    health_flip_budget_seconds: float = 60.0
    # --- Redis ---
    redis_service: str = ""
    redis_port: int = 6379
    redis_config: str = ""
    redis_keys: str = ""
    redis_users: Mapping[str, str] = field(default_factory=lambda: {"service": "default"})
    redis_passwords: Mapping[str, str] = field(default_factory=dict)
    # --- everything ---
    managed: bool = False
    waivers: tuple[Waiver, ...] = ()

    def path(self, name: str) -> Path:
        """Return a path inside the project."""
        return self.root / name

    def text(self, name: str) -> str:
        """Return the text of a file of the project, nothing when it has no such file."""
        file = self.path(name)
        return file.read_text(encoding="utf-8", errors="replace") if name and file.is_file() else ""

    def in_production(self, services: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return the services of a resolved compose model that production starts.

        These are the ones of the production profile, where the settings name no development services also those that
        they name for production, and what all of these depend on. A model without the profile is production as a whole.
        """
        gated = [name for name, found in services.items() if self.production_profile in (found.get("profiles") or [])]
        shared = () if self.development_services else self.production_services
        waiting = [*gated, *shared] if gated else list(services)
        started: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in services and name not in started:
                started.add(name)
                waiting += services[name].get("depends_on") or {}
        return {name: service for name, service in services.items() if name in started}

    @property
    def compose_folder(self) -> Path:
        """The folder that the compose file's own paths start from."""
        return self.path(self.compose_file).parent

    @property
    def ignore_files(self) -> tuple[str, str]:
        """The ignore file, and the one that takes its place where it exists."""
        return ".dockerignore", f"{self.dockerfile}.dockerignore"


def load(root: Path | None = None) -> Settings:
    """Read the settings of the project in `root`, by default of the one that the current folder is in.

    Raises SeatrialError SETTINGS: no project, not TOML, a key that is unknown or of the wrong type, a file that is
    named and is not there, or a choice that nobody but the project can make.
    """
    root = (root or find()).resolve()
    own, shared = root / OWN_FILE, root / SHARED_FILE
    table = _table(own) if own.is_file() else (_table(shared).get("tool") or {}).get("seatrial")
    if not isinstance(table, dict):
        raise SeatrialError(Code.SETTINGS, f"{shared} has no [tool.seatrial]", hint=f"write it, or a {OWN_FILE}")
    known = {item.name: str(item.type) for item in fields(Settings) if item.name != "root"}
    unknown = sorted(set(table) - set(known))
    if unknown:
        said = ", ".join(f"unknown key {key!r}" for key in unknown)
        raise SeatrialError(Code.SETTINGS, f"[tool.seatrial]: {said}", hint=f"known keys: {', '.join(sorted(known))}")
    given: dict[str, Any] = {key: _typed(key, known[key], value) for key, value in table.items()}
    for key in ("dockerfile", "compose_file", "lock_file", "redis_config"):
        if key in given and not (root / given[key]).is_file():
            raise SeatrialError(Code.SETTINGS, f"[tool.seatrial] {key}: there is no file {given[key]}", hint="mend it")
    defaults: dict[str, Callable[[Path], str]] = {
        "image": _plain_name,
        "compose_project": _plain_name,
        "dockerfile": layout.dockerfile,
        "compose_file": layout.compose_file,
        "lock_file": layout.lock_file,
    }
    found: dict[str, Any] = {key: default(root) for key, default in defaults.items() if key not in given}
    return Settings(root=root, **found, **given)


def find(start: Path | None = None) -> Path:
    """Return the folder of the project that SEATRIAL_PROJECT names, or that a folder is in: the nearest with settings.

    Raises SeatrialError SETTINGS when there is none.
    """
    named = os.environ.get(PROJECT_VARIABLE)
    if named:
        if not Path(named).is_dir():
            raise SeatrialError(Code.SETTINGS, f"there is no folder {named}", hint="name the project's folder")
        return Path(named)
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        shared = folder / SHARED_FILE
        if (folder / OWN_FILE).is_file() or (shared.is_file() and "seatrial" in (_table(shared).get("tool") or {})):
            return folder
    raise SeatrialError(
        Code.SETTINGS,
        f"no project: neither {start} nor a folder above it has a {OWN_FILE} or [tool.seatrial] in its {SHARED_FILE}",
        hint=f"go to the project, name it with --project, or begin with an empty {OWN_FILE} beside the Dockerfile",
    )


def of_image() -> Settings:
    """Return the settings for judging an image that is named: the project's, or the defaults where there is none."""
    try:
        root = find()
    except SeatrialError:
        if os.environ.get(PROJECT_VARIABLE):
            raise
        return Settings(Path.cwd())
    return load(root)


def chosen_image(settings: Settings, variable: str) -> str:
    """Return the image that PYTHON_IMAGE, REDIS_IMAGE or IPFS_IMAGE names: environment, then .env, then default."""
    from dotenv import dotenv_values  # noqa: PLC0415 - only tasks that need an image pay for it

    written = dotenv_values(settings.path(".env"), interpolate=False)
    return os.environ.get(variable) or written.get(variable) or IMAGE_DEFAULTS[variable]


def _table(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SeatrialError(Code.SETTINGS, f"{source}: {error}", hint=f"mend {source.name}") from error


def _plain_name(root: Path) -> str:
    """Return a folder's name as images and compose projects may have it."""
    return re.sub(r"[^a-z0-9_-]+", "-", root.name.lower()).strip("-_") or "project"


def _typed(key: str, kind: str, value: object) -> Any:
    if kind == "tuple[Waiver, ...]":
        return _waivers(value)
    fits = {
        "tuple[str, ...]": isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "bool": isinstance(value, bool),
        "str": isinstance(value, str) and bool(value),
        "Mapping[str, str]": isinstance(value, dict) and all(isinstance(item, str) for item in value.values()),
    }
    if not fits[kind]:
        raise SeatrialError(
            Code.SETTINGS, f"[tool.seatrial] {key} = {value!r} is not of type {kind}", hint="mend the settings"
        )
    if isinstance(value, dict) and (strangers := sorted(set(value) - set(ROLES))):
        raise SeatrialError(
            Code.SETTINGS,
            f"[tool.seatrial] {key}: unknown role {', '.join(strangers)}",
            hint=f"roles: {', '.join(ROLES)}",
        )
    return tuple(value) if isinstance(value, list) else float(value) if kind == "float" else value  # type: ignore[arg-type]


def _waivers(value: object) -> tuple[Waiver, ...]:
    rows = value if isinstance(value, list) else [value]
    known = {item.name for item in fields(Waiver)}
    found = []
    for number, written in enumerate(rows, start=1):
        where = f"[[tool.seatrial.waivers]] number {number}"
        row = written if isinstance(written, dict) else {}
        for what, keys in (("lacks", known - set(row)), ("has an unknown key,", set(row) - known)):
            if keys:
                hint = "each has a promise, a place, a reason and a date in expires: expires = 2026-12-31"
                raise SeatrialError(Code.SETTINGS, f"{where} {what} {', '.join(sorted(keys))}", hint=hint)
        empty = [key for key in ("promise", "place", "reason") if not isinstance(row[key], str) or not row[key].strip()]
        if empty:
            raise SeatrialError(Code.SETTINGS, f"{where}: {empty[0]} is empty", hint="say in words what it stands for")
        if type(row["expires"]) is not date:
            raise SeatrialError(
                Code.SETTINGS, f"{where}: expires = {row['expires']!r} is no date", hint="expires = 2026-12-31"
            )
        found.append(Waiver(**row))
    return tuple(found)
