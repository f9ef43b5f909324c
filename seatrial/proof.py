"""`verify`: choose the checks, gather the evidence, judge, report."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import baseline, console, engine, reports, verify, waivers
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import collect

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.engine import Engine
    from seatrial.evidence import Evidence
    from seatrial.settings import Settings
    from seatrial.verify import Report


@dataclass(frozen=True)
class Options:
    """What `verify` was asked."""

    only: str = ""
    skip: str = ""
    image: str = ""
    static: bool = False
    format: str = "text"
    output: str = ""
    against: str = ""
    watch: bool = False


def print_list(options: Options) -> int:
    """Print the id and the promise of each chosen check."""
    for check in verify.select(options.only, options.skip):
        console.say(f"{check.id:<28} {check.promise}")
    return 0


def start(project: Callable[[], Settings], options: Options) -> int:
    """Verify once, or watch. Raises SeatrialError USAGE for options that do not go together."""
    if not options.watch:
        return run(project(), options)
    given = [name for name in ("image", "output", "against") if getattr(options, name)]
    if given or options.format != "text":
        raise SeatrialError(
            Code.USAGE,
            f"--watch and --{(given or ['format'])[0]} do not go together",
            hint="it takes --only and --skip",
        )
    from seatrial import watch  # noqa: PLC0415 - it brings a library that nothing else needs

    return watch.run(project(), options.only, options.skip)


def run(settings: Settings, options: Options) -> int:
    """Verify, write the report, and return the exit code that it asks for."""
    render = reports.renderer(options.format)
    target = _target(options.output)
    verify.select(options.only, options.skip)
    waivers.refuse_unknown(settings, verify.select())
    earlier = baseline.load(options.against, verify.SCHEMA) if options.against else None
    connected = engine.connect()
    with console.step("verifying") as step:
        report = examine(settings, connected, options, step.note)
        if earlier is not None:
            report = report.compared_with(earlier)
        step.done(f"{len(report.results)} checks judged", next="" if report.exit_code == 0 else "mend what is named")
    text = render(report)
    if target is None:
        console.say(text)
    else:
        _write_whole(target, text + "\n")
        console.tell(f"  report written to {target}: {report.verdict}")
    return int(report.exit_code)


def examine(settings: Settings, connected: Engine, options: Options, note: Callable[[str], None]) -> Report:
    """Gather the evidence that the chosen checks need, and judge it.

    Raises SeatrialError: USAGE for an unknown check, IMAGE_MISSING, and what the engine or the project cannot do.
    """
    began = time.monotonic()
    checks = verify.select(options.only, options.skip)
    reference = options.image or settings.image
    if connected.image(reference) is None:
        raise SeatrialError(Code.IMAGE_MISSING, f"there is no image {reference}", hint="./invoke build")
    wanted = collect.request(checks, reference, static=options.static)
    evidence = collect.collect(settings, connected, wanted, note)
    return verify.judge_all(checks, evidence, _subject(evidence, reference), time.monotonic() - began)


def _subject(evidence: Evidence, reference: str) -> dict[str, str]:
    inspected = evidence.documents.get("image.inspect") or {}
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    return {
        "image": reference,
        "image_id": str(inspected.get("Id", "")),
        "revision": str(labels.get("org.opencontainers.image.revision", "")),
        "tree": str(evidence.documents.get("tree.revision", "")),
        "base": str((evidence.documents.get("image.base") or {}).get("reference", "")),
    }


def _target(output: str) -> Path | None:
    """Return where the report goes, and refuse a place that cannot be written before any work is done."""
    if not output:
        return None
    path = Path(output)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise SeatrialError(
            Code.USAGE, f"the report cannot be written to {output}", hint="name a file in a folder that exists"
        )
    return path


def _write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise SeatrialError(
            Code.DISK_FULL, f"the report cannot be written to {path}: {error.strerror}", hint="make room"
        ) from error
