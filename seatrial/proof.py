"""`verify`: choose the checks, gather the evidence, judge, report."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from seatrial import ci, console, engine, process, verify
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import collect, filed_image
from seatrial.reports import targets, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


def print_list(options: Options) -> int:
    """Print the id and the promise of each chosen check."""
    for check in verify.select(options.only, options.skip):
        console.say(f"{check.id:<28} {check.promise}")
    return 0


def run(settings: Settings, options: Options) -> int:
    """Verify, write the report, and return the exit code that it asks for."""
    reports = _wanted(options)
    checks = verify.select(options.only, options.skip)
    file = filed_image.opened(options.image) if options.image else None
    wanted = collect.request(
        checks, options.image or settings.image, static=options.static, file=file, base=options.base
    )
    with file or contextlib.nullcontext(), console.step("verifying") as step, _reading_ahead(settings, wanted) as begun:
        report = examine(settings, _connected(options, file), options, step.note, begun)
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


@contextlib.contextmanager
def _reading_ahead(settings: Settings, wanted: collect.Request) -> Iterator[collect.Request]:
    """Begin to read the image in the engine, where it is needed, while the connection is being made."""
    if wanted.file is not None or not wanted.needs_layers:
        yield wanted
        return
    kept = collect.open_cache(settings)
    with ThreadPoolExecutor(max_workers=1) as pool:
        try:
            yield replace(wanted, kept=kept, ahead=pool.submit(collect.read_ahead, settings, wanted.image, kept))
        except BaseException:
            # The pool waits for its thread, and an archive can be long.
            process.end_all()
            raise


def _connected(options: Options, file: ImageFile | None) -> Engine | None:
    """Connect to the engine. Only for an image in a file, of which nothing is to be started, it may be missing."""
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
