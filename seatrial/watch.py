"""`verify --watch`: the families that need no image and no stack, again whenever their files change."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import console, engine, settings, verify
from seatrial.errors import ExitCode, SeatrialError
from seatrial.evidence import collect
from seatrial.reports import text
from seatrial.verify import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatrial.engine import Engine
    from seatrial.settings import Settings
    from seatrial.verify import Result

FAMILIES = frozenset({"context", "dockerfile", "compose"})
QUIET_FOLDERS = frozenset(
    {".git", ".seatrial", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)
FINE = frozenset({Verdict.PASS, Verdict.SKIP, Verdict.WAIVED})
SETTLE_MILLISECONDS, STEP_MILLISECONDS = 150, 50
"""How long a burst of changes may last before it is judged, and how often it is looked for."""
WAKE_MILLISECONDS = 200
SHOWN_NAMES = 3


@dataclass
class Watch:
    """A project that is watched, and the last result of each check."""

    project: Settings
    engine: Engine
    only: str
    skip: str
    known: dict[str, Result] = field(default_factory=dict)

    def changed(self, names: list[str]) -> None:
        """Judge what reads these files. A project that cannot be read for the moment is said, and is not the end."""
        more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
        console.tell(f"{time.strftime('%H:%M:%S')} {', '.join(names[:SHOWN_NAMES])}{more}")
        try:
            self.project = settings.load(self.project.root)
            self.judge(families_of(self.project, names))
        except SeatrialError as error:
            console.tell(str(error))

    def judge(self, families: frozenset[str]) -> None:
        """Judge some families; print what is not right, what was mended, and how all stand now."""
        began = time.monotonic()
        checks = [check for check in verify.select(self.only, self.skip) if check.family in families]
        wanted = collect.request(checks, self.project.image, static=True)
        evidence = collect.collect(self.project, self.engine, wanted, lambda _: None)
        report = verify.judge_all(checks, evidence, {}, 0.0)
        for result in report.results:
            before = self.known.get(result.check.id)
            self.known[result.check.id] = result
            if result.verdict not in FINE:
                console.say(text.render_one(report, result))
            elif before is not None and before.verdict not in FINE:
                console.say(f"{console.paint('mended', 'green')} {result.check.id}")
        bad = [name for name, result in self.known.items() if result.verdict not in FINE]
        examined = sum(result.verdict is not Verdict.SKIP for result in self.known.values())
        said = f"{len(bad)} of {examined} checks fail: {', '.join(bad)}" if bad else f"{examined} checks hold"
        console.say(f"{said} ({', '.join(sorted(families))} in {time.monotonic() - began:.1f} s)")


def run(project: Settings, only: str, skip: str) -> int:
    """Judge once, then again after every change, until Ctrl-C, which is how it is meant to end: exit code 0."""
    from watchfiles import watch  # noqa: PLC0415 - only here

    connected = engine.connect()
    try:
        current = Watch(project, connected, only, skip)
        changes = watch(
            project.root,
            watch_filter=lambda _, path: _is_watched(project.root, Path(path)),
            debounce=SETTLE_MILLISECONDS,
            step=STEP_MILLISECONDS,
            rust_timeout=WAKE_MILLISECONDS,
            yield_on_timeout=True,
        )
        # It begins to look when it is first asked: what changes while we judge is seen afterwards.
        next(changes)
        current.judge(FAMILIES)
        console.tell(f"watching {project.root}, Ctrl-C ends it")
        for change in filter(None, changes):
            current.changed(sorted({Path(path).relative_to(project.root).as_posix() for _, path in change}))
    except KeyboardInterrupt:
        console.tell("the watch is over")
    finally:
        connected.close()
    return int(ExitCode.HOLDS)


def families_of(project: Settings, names: Iterable[str]) -> frozenset[str]:
    """Return the families that read one of these files. What is no file of theirs can still enter the context."""
    found = {"context"}
    composed = {project.compose_file, project.redis_config, ".env"}
    for name in names:
        if name in {settings.OWN_FILE, settings.SHARED_FILE}:
            return FAMILIES
        if name in {project.dockerfile, *project.ignore_files}:
            found.add("dockerfile")
        if name in composed or ("compose" in name and name.endswith((".yml", ".yaml"))):
            found.add("compose")
    return frozenset(found)


def _is_watched(root: Path, path: Path) -> bool:
    parts = path.relative_to(root).parts if path.is_relative_to(root) else ()
    return bool(parts) and not QUIET_FOLDERS & set(parts)
