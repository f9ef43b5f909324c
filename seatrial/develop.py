"""What developers of this project run: tests, linters, locks, a broom."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

from seatrial import console, engine, process, toolbox
from seatrial.errors import Code, ExitCode, SeatrialError
from seatrial.evidence import trial
from seatrial.host import browser as chromium

if TYPE_CHECKING:
    from seatrial.settings import Settings

LOCKS = {
    "production": ["service/pyproject.toml"],
    "build": ["--group", "build"],
    "toolkit": ["pyproject.toml"],
    "development": ["service/pyproject.toml", "pyproject.toml", "--group", "build", "--group", "development"],
    # The development tools in the versions that were just locked, and more: the two are installed into one place.
    "oracles": [
        *("-c", "requirements/development.txt", "service/pyproject.toml", "pyproject.toml"),
        *("--group", "build", "--group", "development", "--group", "oracles"),
    ],
}
LOCK_TIMEOUT_SECONDS = 300.0
MINUTES = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?").fullmatch
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "dist", ".seatrial")


def test(settings: Settings, *, docker: bool, browser: bool, match: str) -> int:
    """Run pytest. With `docker` an engine must answer, with `browser` one must be there: nothing is skipped."""
    if docker:
        engine.connect().close()
    if browser and chromium.find() is None:
        with console.step("finding a browser for the HTML report's tests") as step:
            step.done(f"a browser: {chromium.ensure(note=step.note)}")
    toolbox.ensure_oracles(settings)
    argv = [sys.executable, "-m", "pytest"]
    left_out = [f"not {name}" for name, wanted in (("docker", docker), ("browser", browser)) if not wanted]
    if left_out:
        argv += ["-m", " and ".join(left_out)]
    if match:
        argv += ["-k", match]
    return int(ExitCode.BROKEN) if process.replace(argv, cwd=settings.root) else 0


def fuzz(settings: Settings, *, minutes: str) -> int:
    """Attack the service for some minutes. Raises SeatrialError USAGE for what is no number of minutes."""
    if not MINUTES(minutes) or float(minutes) == 0:
        raise SeatrialError(Code.USAGE, f"{minutes!r} is no number of minutes", hint="./invoke fuzz --minutes 30")
    toolbox.ensure_oracles(settings)
    argv = [sys.executable, "-m", "tests.service.fuzz", "--minutes", minutes]
    return int(ExitCode.BROKEN) if process.replace(argv, cwd=settings.root) else 0


def lint(settings: Settings) -> int:
    """Run ruff and mypy; every complaint of each is shown."""
    toolbox.ensure_development_tools(settings)
    commands = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])
    codes = [process.replace([sys.executable, "-m", *command], cwd=settings.root) for command in commands]
    return int(ExitCode.BROKEN) if any(codes) else 0


def lock(settings: Settings) -> int:
    """Resolve every lock anew, for all supported Pythons at once, with hashes and without a host name."""
    toolbox.ensure_development_tools(settings)
    for name, sources in LOCKS.items():
        target = settings.path(f"requirements/{name}.txt")
        with console.step(f"locking {name}") as step:
            argv = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--upgrade", "--universal"]
            argv += ["--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]
            draft = target.with_suffix(".txt.new")
            try:
                process.run(
                    [*argv, *sources, "-o", str(draft)], cwd=settings.root, timeout_seconds=LOCK_TIMEOUT_SECONDS
                )
                text = draft.read_text(encoding="utf-8")
                if "://" in text:
                    raise SeatrialError(
                        Code.TASK_FAILED, f"the lock {name} names a host", hint="look at pip's and uv's settings"
                    )
                changed = not target.is_file() or target.read_text(encoding="utf-8") != text
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
            step.done(
                f"{target.name} {'changed' if changed else 'unchanged'}", next="./invoke build test" if changed else ""
            )
    return 0


def clean(settings: Settings) -> int:
    """Remove what can be made again, and trial stacks whose process is gone."""
    removed = []
    for name in CACHES:
        if settings.path(name).is_dir():
            shutil.rmtree(settings.path(name))
            removed.append(name)
    for folder in settings.root.rglob("__pycache__"):
        if ".venv" not in folder.parts and ".git" not in folder.parts:
            shutil.rmtree(folder, ignore_errors=True)
    if os.environ.get("DOCKER_HOST") or shutil.which("docker"):
        try:
            removed += trial.remove_leftovers(engine.connect())
        except SeatrialError as error:
            console.warn(f"left-over trial stacks were not looked for: {error.what}")
    console.tell(f"removed {', '.join(removed) or 'nothing'}; .env, secrets, data and images stay")
    return 0
