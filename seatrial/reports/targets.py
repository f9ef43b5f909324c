"""Where reports go: `--format junit=out.xml,html=report.html,text` read, refused early, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import console
from seatrial.errors import Code, SeatrialError
from seatrial.reports import renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from seatrial.verify import Report

USABLE = "name a file in a folder that exists"


@dataclass(frozen=True)
class Target:
    """One report that was asked for: how it is rendered, and its file, or None for standard output."""

    format: str
    render: Callable[[Report], str]
    path: Path | None = None


def parse(formats: str, output: str = "") -> tuple[Target, ...]:
    """Return the reports that `--format` and `--output` ask for.

    Raises SeatrialError USAGE for an unknown format, a file that cannot be written, two reports for one place.
    """
    wanted = [_wanted(word.strip()) for word in formats.split(",") if word.strip()]
    if not wanted:
        raise SeatrialError(Code.USAGE, "--format names nothing", hint="for example: --format text,html=report.html")
    if output:
        if len(wanted) > 1 or wanted[0].path is not None:
            hint = ",".join(f"{target.format}={target.path or 'FILE'}" for target in wanted)
            raise SeatrialError(
                Code.USAGE, "--output is for one format without a file of its own", hint=f"--format {hint}"
            )
        wanted = [Target(wanted[0].format, wanted[0].render, _writable(output))]
    _refuse_sharing(wanted)
    return tuple(wanted)


def write(report: Report, targets: Sequence[Target]) -> None:
    """Write every report. All are rendered first, and all files are complete before one of them takes its name.

    Raises SeatrialError DISK_FULL.
    """
    rendered = [(target, target.render(report)) for target in targets]
    files = [(target.path, text + "\n") for target, text in rendered if target.path is not None]
    _write_whole(files)
    for target, text in rendered:
        if target.path is None:
            console.say(text)
        else:
            console.tell(f"  report written to {target.path}: {report.verdict}")


def _wanted(word: str) -> Target:
    name, separator, path = word.partition("=")
    if separator and not path:
        raise SeatrialError(Code.USAGE, f"{word} names no file", hint=USABLE)
    return Target(name, renderer(name), _writable(path) if path else None)


def _writable(path: str) -> Path:
    """Return a path, and refuse one that cannot be written before any work is done."""
    file = Path(path)
    fault = ""
    if file.is_dir():
        fault = "it is a folder"
    elif not file.parent.is_dir():
        fault = f"there is no folder {file.parent}"
    elif not os.access(file.parent, os.W_OK) or (file.exists() and not os.access(file, os.W_OK)):
        fault = "it is not writable"
    elif file.exists() and not file.is_file():
        fault = "it is not a file"
    if fault:
        raise SeatrialError(Code.USAGE, f"the report cannot be written to {path}: {fault}", hint=USABLE)
    return file


def _refuse_sharing(targets: list[Target]) -> None:
    places = [str(target.path.resolve()) if target.path else "standard output" for target in targets]
    for place in places:
        if places.count(place) > 1:
            both = " and ".join(target.format for target, other in zip(targets, places, strict=True) if other == place)
            raise SeatrialError(
                Code.USAGE, f"{both} would go to the same place: {place}", hint="give each a file: format=file"
            )


def _write_whole(files: list[tuple[Path, str]]) -> None:
    """Write files so that nobody ever sees half of one, and none is changed when one cannot be written."""
    path = Path()
    with contextlib.ExitStack() as drafts:
        try:
            ready = []
            for path, text in files:
                ready.append((drafts.enter_context(_draft(path, text)), path))
            for draft, path in ready:
                draft.replace(path)
        except OSError as error:
            raise SeatrialError(
                Code.DISK_FULL, f"the report cannot be written to {path}: {error.strerror}", hint="make room"
            ) from error


@contextlib.contextmanager
def _draft(path: Path, text: str) -> Iterator[Path]:
    """Write a file beside the one it will replace; it is gone at the end unless it has taken the other's name."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        draft.chmod(0o644)
        yield draft
    finally:
        draft.unlink(missing_ok=True)
