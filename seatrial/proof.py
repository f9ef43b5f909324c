"""`verify`: choose the checks, gather the evidence, judge, report."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seatrial import ahead, baseline, ci, console, engine, verify, waivers
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import collect, filed_image
from seatrial.reports import targets, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.ahead import Ahead
    from seatrial.engine import Engine
    from seatrial.evidence import Evidence
    from seatrial.evidence.archive.filed import ImageFile
    from seatrial.settings import Settings
    from seatrial.verify import Report


@dataclass(frozen=True)
class Options:
    """What `verify` was asked."""

    only: str = ""
    skip: str = ""
    image: str = ""
    base: str = ""
    static: bool = False
    format: str = "text"
    output: str = ""
    quiet: bool = False
    verbose: bool = False
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
    given = [name for name in ("image", "base", "output", "quiet", "verbose", "against") if getattr(options, name)]
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
    reports = _wanted(options)
    checks = verify.select(options.only, options.skip)
    waivers.refuse_unknown(settings, verify.select())
    earlier = baseline.load(options.against, verify.SCHEMA) if options.against else None
    file = filed_image.opened(options.image) if options.image else None
    wanted = collect.request(
        checks, options.image or settings.image, static=options.static, file=file, base=options.base
    )
    is_read = wanted.file is None and wanted.needs_layers
    reading = ahead.reading(settings, wanted.image) if is_read else contextlib.nullcontext()
    with file or contextlib.nullcontext(), console.step("verifying") as step, reading as now:
        wanted = replace(wanted, begun=now)
        report = examine(settings, _connected(options, file, now), options, step.note, wanted)
        if earlier is not None:
            report = report.compared_with(earlier)
        step.done(f"{len(report.results)} checks judged", next="" if report.exit_code == 0 else "mend what is named")
    targets.write(report, reports)
    ci.annotate(report, reports)
    return int(report.exit_code)


def _wanted(options: Options) -> tuple[targets.Target, ...]:
    """Return the reports that are asked for. Raises SeatrialError USAGE before any work is done."""
    wanted = targets.parse(options.format, options.output)
    if options.quiet and options.verbose:
        raise SeatrialError(Code.USAGE, "--quiet and --verbose exclude each other", hint="leave one out")
    render = text.render_quiet if options.quiet else text.render_verbose if options.verbose else text.render
    return tuple(replace(target, render=render) if target.format == "text" else target for target in wanted)


def examine(
    settings: Settings,
    connected: Engine | None,
    options: Options,
    note: Callable[[str], None],
    wanted: collect.Request | None = None,
) -> Report:
    """Gather the evidence that the chosen checks need, and judge it.

    Raises SeatrialError: USAGE for an unknown check, IMAGE_MISSING, and what the engine or the project cannot do.
    """
    began = time.monotonic()
    checks = verify.select(options.only, options.skip)
    reference = options.image or settings.image
    wanted = wanted or collect.request(checks, reference, static=options.static, base=options.base)
    if wanted.file is None and connected is not None and connected.image(reference) is None:
        raise SeatrialError(Code.IMAGE_MISSING, f"there is no image {reference}", hint="./invoke build")
    evidence = collect.collect(settings, connected, wanted, note)
    if evidence.documents.get("cache.fault"):
        console.warn(f"the next run reads everything again, nothing can be kept: {evidence.documents['cache.fault']}")
    return verify.judge_all(checks, evidence, _subject(evidence, reference), time.monotonic() - began)


def _connected(options: Options, file: ImageFile | None, begun: Ahead | None) -> Engine | None:
    """Connect to the engine, or later, where nothing is to be started.

    Only for an image in a file, of which nothing is to be started, it may be missing.
    """
    if options.static and begun is not None:
        return begun.engine
    try:
        return engine.connect()
    except SeatrialError as error:
        if file is None or not options.static:
            raise
        console.warn(f"{error.what}: what only an engine can tell is skipped")
        return None


def _subject(evidence: Evidence, reference: str) -> dict[str, str]:
    inspected = evidence.documents.get("image.inspect") or {}
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    return {
        "image": reference,
        "image_id": str(inspected.get("Id", "")),
        "revision": str(labels.get("org.opencontainers.image.revision", "")),
        "tree": str(evidence.documents.get("tree.revision", "")),
        "base": str((evidence.documents.get("image.base") or {}).get("reference", "")),
        "judged": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
