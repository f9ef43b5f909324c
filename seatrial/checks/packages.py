"""Which Python distributions the image holds, and whether they are what was locked."""

from __future__ import annotations

import posixpath
import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from seatrial.checks import Problem, check
from seatrial.evidence import MissingEvidence, followed
from seatrial.evidence import bytecode as compiled
from seatrial.evidence.requirements import SITE_PACKAGES, Distribution, Locked, applies, installed, is_lock, parse_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from seatrial.evidence import Evidence
    from seatrial.evidence.archive import Entry, Layer

INSTALLERS = ("pip", "setuptools", "wheel", "ensurepip", "uv", "pipx", "virtualenv")
COMPILERS = re.compile(
    r"(?:^|/)bin/(?:\w+-linux-\w+-)?(?:gcc|g\+\+|cc|c\+\+|clang|tcc|ld|as|make|cmake|rustc|cargo|go)(?:-[\d.]+)?$"
)
INSTALLER_PROGRAM = re.compile(
    r"(?:^|/)bin/(?:pip[\d.]*|uv|uvx|pipx|virtualenv|easy_install[\d.-]*|npm|npx|yarn|yarnpkg|pnpm|corepack|gem|composer)$"
)
_WITHOUT_HASH = re.compile(r"\.dist-info/RECORD(?:\.jws|\.p7s)?$|\.pyc$")
_TIME_BITS = 0xFFFFFFFF
_UNOWNED = re.compile(r"(?:\.pyc$|__pycache__/)")
_EDITABLE = re.compile(r"(?:^|/)__editable__[^/]*$|\.egg-link$|/direct_url\.json$")


def payload_files(evidence: Evidence) -> Mapping[str, Entry]:
    """Return the files under the service's own root folder, or all of the payload, as a container sees them."""
    root = evidence.settings.package_root
    return evidence.files_below(root) if root.strip("/") else evidence.files(evidence.payload())


def _distributions(evidence: Evidence) -> list[Distribution]:
    """Return what is installed. Raises MissingEvidence when no Python package can be: there is no place for one."""
    files = payload_files(evidence)
    if not evidence.settings.lock_file and not any(SITE_PACKAGES.match(path) for path in files):
        raise MissingEvidence("the image holds no Python packages")
    found = installed(files)
    evidence.seen["distributions"] += len(found)
    return found


def _python_version(files: Mapping[str, Entry]) -> str:
    """Return the version in pyvenv.cfg, as `3.13` or `3.13.5`."""
    for path, entry in files.items():
        if path.endswith("/pyvenv.cfg"):
            version = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)", entry.text, re.MULTILINE)
            if version:
                return version[1]
    return "3.13"


def _locked(evidence: Evidence) -> tuple[Locked, ...]:
    """Return the lines of the lock. Raises MissingEvidence when there is none, or it is one of another kind."""
    name = evidence.settings.lock_file
    if not name:
        raise MissingEvidence(
            evidence.missing.get("tree.lock") or "the project has no requirements that lock what is shipped"
        )
    lines = parse_lock(evidence.document("tree.files", "").get(name, ""))
    evidence.seen["locked lines"] += len(lines)
    return lines


def _project(evidence: Evidence) -> dict[str, object]:
    text = evidence.document("tree.files", "").get(evidence.settings.project_file, "")
    return dict(tomllib.loads(text).get("project", {}))


def _with_file(evidence: Evidence, name: str, old: str, new: str, count: int = 1) -> Evidence:
    """Replace a pattern in a file of the tree, once or with 0 wherever it stands."""
    if name not in evidence.document("tree.files", ""):
        raise MissingEvidence(f"the project has no {name}" if name else "the project has no lock")
    return evidence.edited(
        "tree.files", lambda files: {**files, name: re.sub(old, new, files[name], count=count, flags=re.MULTILINE)}
    )


def _with_lock(evidence: Evidence, old: str, new: str) -> Evidence:
    _locked(evidence.unobserved())
    return _with_file(evidence, evidence.settings.lock_file, old, new, count=0)


def _with_site_file(evidence: Evidence, name: str, content: bytes) -> Evidence:
    """Put one more file into the payload's site-packages."""
    sites = [match["site"] for path in payload_files(evidence) if (match := SITE_PACKAGES.match(path))]
    root = evidence.settings.package_root.strip("/")
    site = sites[0] if sites else f"{root}/lib/python3/site-packages".lstrip("/")
    return evidence.with_files({f"{site}/{name}": content})


@check(
    "packages.locked",
    sabotage=lambda e: _with_lock(e, r"^([\w.-]+)==[^\s;]+", r"\1==9999"),
    mend="./invoke build, after ./invoke lock when dependencies changed",
)
def locked(evidence: Evidence) -> Iterator[Problem]:
    """The installed distributions are exactly the locked ones: none missing, none more, none of another version.

    What was tested is what was locked; anything else has never been tested together.
    """
    version = _python_version(payload_files(evidence))
    wanted = {
        line.name: line.version
        for line in _locked(evidence)
        if line.requirement is None or applies(line.requirement, version)
    }
    own = canonicalize_name(str(_project(evidence).get("name", "")))
    is_built = "[build-system]" in evidence.document("tree.files", "").get(evidence.settings.project_file, "")
    found: dict[str, Distribution] = {}
    for distribution in _distributions(evidence):
        if distribution.name in found:
            yield Problem(f"{distribution.name} is installed twice", f"/{distribution.site}/{distribution.info}")
        found[distribution.name] = distribution
    if not wanted and not found:
        raise MissingEvidence(f"nothing is locked in {evidence.settings.lock_file}, and nothing is installed")
    for name in sorted(wanted.keys() - found.keys()):
        yield Problem(f"{name} {wanted[name]} is locked and not installed", evidence.settings.lock_file)
    for name in sorted(found.keys() - wanted.keys() - {own}):
        yield Problem(
            f"{name} {found[name].version} is installed and not locked", f"/{found[name].site}/{found[name].info}"
        )
    for name in sorted(found.keys() & wanted.keys()):
        if not _same_version(found[name].version, wanted[name]):
            yield Problem(
                f"{name} is {found[name].version}, locked is {wanted[name]}", f"/{found[name].site}/{found[name].info}"
            )
    if is_built and own not in found:
        yield Problem(f"the service's own distribution {own} is not installed", evidence.settings.package_root)


@check(
    "packages.record",
    sabotage=lambda e: _with_site_file(e, "h11/__init__.py", b"print('changed')"),
    mend="./invoke build --no-cache; if it stays, find the step that changes installed files",
    trips=("packages.bytecode",),
)
def record(evidence: Evidence) -> Iterator[Problem]:
    """Every file in site-packages belongs to a distribution and is what its RECORD says.

    A file that was changed, added or removed after installation is code that nobody released. A line that names no file
    owns none, so its file is found without an owner; sizes are left out, because a hash says more.
    """
    files = evidence.files()
    owned: set[str] = set()
    for distribution in _distributions(evidence):
        for relative, digest in distribution.record:
            # Paths lead out of site-packages, to programs, and may be absolute.
            path = posixpath.normpath(posixpath.join("/", distribution.site, relative)).lstrip("/")
            owned.add(path)
            fault = _record_fault(files, path, digest)
            if fault:
                yield Problem(f"{distribution.name} recorded {fault}", f"/{path}")
    for path, entry in payload_files(evidence).items():
        if not SITE_PACKAGES.match(path) or entry.kind == "folder" or path in owned:
            continue
        if _UNOWNED.search(path) and _source_of(path) in owned:
            continue
        yield Problem("the file belongs to no distribution", f"/{path}")


def _record_fault(files: Mapping[str, Entry], path: str, digest: str) -> str:
    """Return what was recorded of a file and is not so; nothing when all is well."""
    entry = files.get(path)
    if entry is not None and entry.kind == "hardlink":
        entry = files.get(entry.link)
    if entry is None:
        return "this file, and it is gone"
    if not digest:
        return "" if _WITHOUT_HASH.search(path) else "no hash of this file"
    if not digest.startswith("sha256="):
        return f"another hash of this file than SHA-256, which is not compared ({digest.partition('=')[0][:20]})"
    return "" if entry.kind == "file" and digest == f"sha256={entry.sha256}" else "another content of this file"


@check(
    "packages.bytecode",
    sabotage=lambda e: e.edited("image.layers", lambda layers: tuple(map(_with_stale_bytecode, layers))),
    mend="./invoke build: compile after the last step that changes a source",
)
def bytecode(evidence: Evidence) -> Iterator[Problem]:
    """Every compiled Python file was compiled from the source that lies beside it.

    Python runs the compiled code and, as it is shipped here, never looks at the source again: another source, or none,
    means that what is read is not what is run.
    """
    files = evidence.files()
    for path, entry in files.items():
        if path.endswith(".pyc") and entry.kind == "file":
            evidence.seen["compiled files"] += 1
            fault = _bytecode_fault(entry, followed(files, _source_of(path)))
            if fault:
                yield Problem(fault, f"/{path}")
    if not evidence.seen["compiled files"]:
        raise MissingEvidence("the image holds no compiled Python files")


def _bytecode_fault(entry: Entry, source: Entry | None) -> str:
    """Return what is wrong with a compiled file; nothing when it is of its source."""
    head = compiled.head(entry.bytecode)
    if head is None:
        return "the file is named like compiled code and is none"
    if source is None or source.kind != "file":
        return "the compiled code has no source"
    if not head.hash:
        matches = (source.mtime & _TIME_BITS, source.size_bytes & _TIME_BITS) == (head.mtime, head.size_bytes)
        return "" if matches else "the code was compiled from a source of another time or size"
    expected = compiled.source_hash(source.bytecode, head.format)
    if not expected:
        return "the code was compiled by a Python that cannot be compared, or from too large a source"
    return "" if head.hash == expected else "the code was compiled from another source"


def _with_stale_bytecode(layer: Layer) -> Layer:
    """Return a layer whose sources are others than their compiled code came from."""
    return replace(
        layer,
        entries=tuple(
            replace(entry, bytecode="", mtime=entry.mtime + 60) if entry.path.endswith(".py") else entry
            for entry in layer.entries
        ),
    )


@check(
    "packages.no_development",
    sabotage=lambda e: _with_site_file(e, "pip-99.0.dist-info/METADATA", b"Name: pip\nVersion: 99.0\n"),
    mend="install only requirements/production.txt into what is shipped",
    trips=("packages.locked", "packages.record", "supply.sbom"),
)
def no_development(evidence: Evidence) -> Iterator[Problem]:
    """Nothing of the development or toolkit groups is installed, and no installer, compiler or editable install.

    Test tools, package managers and compilers are what an intruder would bring along.
    """
    files, lock = evidence.document("tree.files", ""), evidence.settings.lock_file
    production = {line.name for line in parse_lock(files.get(lock, ""))}
    others = {
        line.name: name for name in sorted(files) if is_lock(name) and name != lock for line in parse_lock(files[name])
    }
    found = installed(payload_files(evidence))
    evidence.seen["distributions"] += len(found)
    for distribution in found:
        where = f"/{distribution.site}/{distribution.info}"
        if distribution.name in INSTALLERS:
            yield Problem(f"the installer {distribution.name} is in the image", where)
        elif distribution.name in others and distribution.name not in production:
            yield Problem(f"{distribution.name} is a development dependency ({others[distribution.name]})", where)
    yield from _tools(evidence)


def _tools(evidence: Evidence) -> Iterator[Problem]:
    """Look for installers and compilers by their files: none needs metadata to work."""
    folders = set()
    for path in payload_files(evidence):
        match = SITE_PACKAGES.match(path)
        if match and match["rest"].partition("/")[0] in INSTALLERS:
            folders.add(f"{match['site']}/{match['rest'].partition('/')[0]}")
        if _EDITABLE.search(path):
            yield Problem("an editable or local install is in the image", f"/{path}")
        if INSTALLER_PROGRAM.search(path):
            yield Problem("an installer is in the image", f"/{path}")
    for folder in sorted(folders):
        yield Problem(f"the installer {folder.rpartition('/')[2]} is in the image", f"/{folder}")
    for layer in evidence.payload():
        for entry in layer.entries:
            if COMPILERS.search(entry.path):
                yield Problem("a compiler is in the image", f"/{entry.path}")


@check(
    "packages.hashes",
    sabotage=lambda e: _with_lock(e, r"(?:\s*\\\n)?[ \t]*--hash[= ]\S+", ""),
    mend="./invoke lock",
)
def hashes(evidence: Evidence) -> Iterator[Problem]:
    """Each line of the lock pins one version and has a hash.

    Without a hash the index decides what a version contains.
    """
    lines = _locked(evidence)
    if not lines:
        raise MissingEvidence(f"{evidence.settings.lock_file} locks nothing")
    for line in lines:
        where = f"{evidence.settings.lock_file}:{line.line}"
        if not line.version:
            yield Problem(f"{line.name} is not pinned to one version", where)
        if not line.hashes:
            yield Problem(f"{line.name} has no hash", where)


@check(
    "packages.lock_in_step",
    sabotage=lambda e: _with_file(
        e, e.settings.project_file, r"^dependencies\s*=\s*\[", 'dependencies = ["not-locked>=1",'
    ),
    mend="./invoke lock",
)
def lock_in_step(evidence: Evidence) -> Iterator[Problem]:
    """The lock satisfies every dependency that the project declares, and holds nothing that none of them needs.

    A lock that lags behind ships what nobody declared any more.
    """
    lock, project = evidence.settings.lock_file, _project(evidence)
    if "dependencies" not in project:
        raise MissingEvidence(f"{evidence.settings.project_file} declares no dependencies to compare the lock with")
    version = _python_version(payload_files(evidence))
    lines = [line for line in _locked(evidence) if line.requirement is not None and applies(line.requirement, version)]
    pins = {line.name: line.version for line in lines}
    declared = [Requirement(text) for text in project["dependencies"]]  # type: ignore[attr-defined]
    roots = [requirement for requirement in declared if applies(requirement, version)]
    for requirement in roots:
        name = canonicalize_name(requirement.name)
        if name not in pins:
            yield Problem(f"{requirement} is declared and not locked", lock)
        elif not requirement.specifier.contains(pins[name] or "0", prereleases=True):
            yield Problem(f"{requirement} is declared, locked is {pins[name]}", lock)
    needs = {distribution.name: _requirements(distribution) for distribution in _distributions(evidence)}
    needed: set[str] = set()
    pending, visited = roots, set()
    while pending:
        requirement = pending.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) not in visited:
            visited.add((name, extras))
            needed.add(name)
            pending += [item for item in needs.get(name, []) if applies(item, version, extras)]
    for line in lines:
        if line.name not in needed:
            yield Problem(f"{line.name} is locked and nothing needs it", f"{lock}:{line.line}")


def _requirements(distribution: Distribution) -> list[Requirement]:
    found = []
    for text in re.findall(r"^Requires-Dist:\s*(.+)$", distribution.metadata, re.MULTILINE):
        try:
            found.append(Requirement(text.strip()))
        except InvalidRequirement:
            continue
    return found


def _same_version(one: str, other: str) -> bool:
    """Whether two versions are one, however they are written: 1.0 and 1.0.0."""
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return one == other


def _source_of(path: str) -> str:
    """Return the source file that a cached .pyc was compiled from."""
    folder, _, name = path.rpartition("/")
    return f"{folder.removesuffix('/__pycache__')}/{name.partition('.')[0]}.py"
