"""Lock files and installed distributions, by normalized name."""

from __future__ import annotations

import csv
import functools
import io
import posixpath
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from seatrial.evidence.archive import Entry

SITE_PACKAGES = re.compile(r"^(?P<site>.*?/(?:site|dist)-packages)/(?P<rest>.+)$")
_HASH = re.compile(r"--hash[= ](?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})(?![0-9a-f])")
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"\s--[\w-]+(?:[= ]\S+)?")
_TAKES_MORE = re.compile(r"^(?:-e|-r|--editable|--requirement)\b")


@dataclass(frozen=True)
class Locked:
    """One line of a lock file."""

    name: str
    version: str
    hashes: int
    line: int
    requirement: Requirement | None


@dataclass(frozen=True)
class Distribution:
    """One installed distribution: its name and version as METADATA says, where it lies, and its RECORD."""

    name: str
    version: str
    site: str
    info: str
    metadata: str
    record: tuple[tuple[str, str], ...]
    """Path relative to `site`, and the hash as `sha256=...` or nothing."""


def is_lock(name: str) -> bool:
    """Whether a file among those that decide about the image holds requirements."""
    return name.endswith(".txt")


@functools.lru_cache(maxsize=16)
def parse_lock(text: str) -> tuple[Locked, ...]:
    """Return the pinned lines of a requirements file. What is not `name==version` has an empty version.

    Several checks ask for the same few files, each twice.
    """
    found = []
    lines = text.splitlines()
    index = 0
    while index < len(lines):
        start = index
        logical = lines[index]
        # A comment is not continued, whatever it ends with.
        while logical.rstrip().endswith("\\") and not logical.lstrip().startswith("#") and index + 1 < len(lines):
            index += 1
            logical = logical.rstrip()[:-1] + " " + lines[index]
        index += 1
        stripped = (_COMMENT.sub("", logical) if "#" in logical else logical).strip().rstrip("\\").rstrip()
        if not stripped or (stripped.startswith("-") and not _TAKES_MORE.match(stripped)):
            continue
        hashes = len(_HASH.findall(stripped))
        written = _OPTION.sub("", stripped).strip()
        try:
            requirement = Requirement(written)
        except InvalidRequirement:
            found.append(Locked(written, "", hashes, start + 1, None))
            continue
        pins = [
            pin.version
            for pin in requirement.specifier
            if pin.operator in {"==", "==="} and not pin.version.endswith("*")
        ]
        version = pins[0] if len(pins) == 1 and not requirement.url else ""
        found.append(Locked(canonicalize_name(requirement.name), version, hashes, start + 1, requirement))
    return tuple(found)


def applies(requirement: Requirement, python_version: str, extras: Iterable[str] = ()) -> bool:
    """Whether a requirement's marker holds for CPython of that version (`3.13`) on Linux, with any of these extras.

    One that compares what cannot be compared holds: what it stands for is then looked for.
    """
    if requirement.marker is None:
        return True
    environment = {
        **default_environment(),
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": ".".join(python_version.split(".")[:2]),
        "python_full_version": python_version if python_version.count(".") > 1 else f"{python_version}.0",
    }
    known = {key: str(value) for key, value in environment.items()}
    try:
        return any(requirement.marker.evaluate({**known, "extra": extra}) for extra in ("", *extras))
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return True


def installed(files: Mapping[str, Entry]) -> list[Distribution]:
    """Return the distributions among a container's files, by their dist-info folders."""
    found = []
    for path, entry in files.items():
        match = SITE_PACKAGES.match(path)
        if not match or not re.fullmatch(r"[^/]+\.dist-info/METADATA", match["rest"]):
            continue
        info = match["rest"].partition("/")[0]
        head = entry.text.partition("\n\n")[0]
        fields = dict(re.findall(r"^(Name|Version):\s*(\S+)", head, re.MULTILINE))
        record = files.get(f"{match['site']}/{info}/RECORD")
        name, version = canonicalize_name(fields.get("Name", info)), fields.get("Version", "")
        rows = _record(record.text) if record else ()
        found.append(Distribution(name, version, match["site"], info, head, rows))
    return found


def _record(text: str) -> tuple[tuple[str, str], ...]:
    """Return the rows of a RECORD; nothing when it cannot be read, so that its files belong to nobody."""
    try:
        return tuple((row[0], row[1]) for row in csv.reader(io.StringIO(text, newline="")) if len(row) > 1 and row[0])
    except csv.Error:
        return ()


def weights(files: Mapping[str, Entry]) -> dict[str, int]:
    """Return how many bytes each distribution brings, the heaviest first; what belongs to none is under no name."""
    owner_of = {
        posixpath.normpath(f"{distribution.site}/{relative}"): distribution.name
        for distribution in installed(files)
        for relative, _ in distribution.record
    }
    found: Counter[str] = Counter()
    for path, entry in files.items():
        folder, _, name = path.rpartition("/")
        compiled_from = f"{folder.removesuffix('/__pycache__')}/{name.partition('.')[0]}.py"
        found[owner_of.get(path) or owner_of.get(compiled_from) or ""] += entry.size_bytes
    return dict(found.most_common())
