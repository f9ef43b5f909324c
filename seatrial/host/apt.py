"""Packages of Debian and Ubuntu: what can be had, from which release, and how it is installed without a question."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import process
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Version = tuple[int, ...]

APT_ROOT = Path("/etc/apt")
OS_RELEASE = Path("/etc/os-release")
LOCK_TIMEOUT_SECONDS = 120
INSTALL_TIMEOUT_SECONDS = 900
SOURCES_NAME = "seatrial-docker.sources"
PREFERENCES_NAME = "seatrial-docker.pref"
SUCCESSORS = {"bookworm": "trixie"}
"""Debian releases whose own packages are too old, and the release whose packages work on them."""

_ONE_LINE_OPTIONS = {"arch": "Architectures", "lang": "Languages", "target": "Targets", "pdiffs": "PDiffs"}
_WORTH_TELLING = ("Need to get", "Fetched", "Setting up")
_NO_QUESTIONS = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l", "APT_LISTCHANGES_FRONTEND": "none"}


@dataclass(frozen=True)
class Source:
    """One place that apt takes packages from."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        """Return the source as a deb822 stanza."""
        fields = [("Types", "deb"), ("URIs", self.uri), ("Suites", self.suite)]
        if self.components:
            fields.append(("Components", " ".join(self.components)))
        return "".join(f"{name}: {value}\n" for name, value in (*fields, *self.options))


def os_release() -> dict[str, str]:
    """Return /etc/os-release; nothing where there is no such file."""
    try:
        lines = OS_RELEASE.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def is_debian_family(release: Mapping[str, str]) -> bool:
    """Whether this is Debian, Ubuntu, or a distribution that calls itself like them."""
    return bool({"debian", "ubuntu"} & {release.get("ID", ""), *release.get("ID_LIKE", "").split()})


def parse_sources(text: str, *, deb822: bool) -> list[Source]:
    """Read an apt sources file, one entry for each URI and suite; what is disabled or source-only is left out."""
    return list(_deb822(text) if deb822 else _one_line(text))


def machine_sources() -> list[Source]:
    """Return every enabled source of this machine."""
    files = [APT_ROOT / "sources.list", *sorted((APT_ROOT / "sources.list.d").glob("*"))]
    found: list[Source] = []
    for file in files:
        if file.suffix in {".list", ".sources"} and file.is_file():
            text = file.read_text(encoding="utf-8", errors="replace")
            found += parse_sources(text, deb822=file.suffix == ".sources")
    return found


def translated(sources: Iterable[Source], codename: str, wanted: str) -> list[Source]:
    """Return the same mirrors for another release: its main, updates and security suites."""
    suite = re.compile(rf"(?:{re.escape(codename)}|oldstable|stable|testing|unstable|sid)(|-updates|-security)$")
    found: dict[tuple[str, str], Source] = {}
    for source in sources:
        match = suite.match(source.suite)
        if match and "main" in source.components:
            new = Source(source.uri, wanted + match[1], ("main",), source.options)
            found.setdefault((new.uri, new.suite), new)
    return list(found.values())


def archive_sources() -> list[Source]:
    """Return the machine's sources that hold Debian itself, by apt's own word: no third party's repository."""
    asked = process.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        timeout_seconds=60,
        check=False,
    )
    rows = (line.split(" ", 2) for line in asked.stdout.splitlines() if line.startswith("Debian "))
    own = {(suite, uri.rstrip("/")) for _, suite, uri in rows}
    return [source for source in machine_sources() if (source.suite, source.uri.rstrip("/")) in own]


def preferences(packages: Sequence[str], release: str) -> str:
    """Return apt preferences that take exactly these packages from a release and nothing else."""
    text = f"# Written by seatrial: these packages come from {release}, everything else stays where it was.\n"
    for suite in (release, f"{release}-updates", f"{release}-security"):
        for names, priority in ((" ".join(packages), 600), ("*", 50)):
            text += f"\nPackage: {names}\nPin: release n={suite}\nPin-Priority: {priority}\n"
    return text


def add_release(release: str, sources: Iterable[Source], packages: Sequence[str]) -> None:
    """Make packages of another release available, pinned so that apt takes nothing else from it."""
    # Preferences first: at no moment may the other release be open to everything.
    _written(APT_ROOT / "preferences.d" / PREFERENCES_NAME, preferences(packages, release))
    _written(APT_ROOT / "sources.list.d" / SOURCES_NAME, "\n".join(source.text() for source in sources))
    update(only=APT_ROOT / "sources.list.d" / SOURCES_NAME)


def update(*, only: Path | None = None) -> str:
    """Fetch apt's lists; return apt's complaint, if any: one broken third-party source need not stop us."""
    argv = ["apt-get", "update", "-q", "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_SECONDS}"]
    if only is not None:
        argv += ["-o", f"Dir::Etc::sourcelist={only}", "-o", "Dir::Etc::sourceparts=-"]
        argv += ["-o", "APT::Get::List-Cleanup=0"]
    done = process.run(argv, env=_NO_QUESTIONS, timeout_seconds=INSTALL_TIMEOUT_SECONDS, check=False)
    return "" if done.ok else done.complaint


def candidates(packages: Sequence[str]) -> dict[str, Version]:
    """Return the upstream version that apt would install, for each package that it knows."""
    asked = process.run(["apt-cache", "policy", *packages], env={"LC_ALL": "C"}, timeout_seconds=60, check=False)
    return parse_policy(asked.stdout)


def parse_policy(text: str) -> dict[str, Version]:
    """Read `apt-cache policy`: package -> numbers of the candidate's upstream version."""
    found: dict[str, Version] = {}
    name = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            name = line.rstrip(":")
        elif line.startswith("  Candidate:"):
            version = numbers(line.split(":", 1)[1].strip().rpartition(":")[2])
            if version:
                found[name] = version
    return found


def numbers(version: str) -> Version:
    """Return the leading numbers of a version: `v26.1.5+dfsg1-9` is (26, 1, 5). No number: nothing."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(int(part) for part in match[1].split(".")) if match else ()


def install(packages: Sequence[str], *, on_line: Callable[[str], None] | None = None) -> None:
    """Install packages without recommendations, without questions and without starting what they bring."""

    def tell(line: str) -> None:
        if on_line is not None and line.startswith(_WORTH_TELLING):
            on_line(line)

    # What a killed run of dpkg left must be finished first; where nothing was left this does nothing.
    process.run(["dpkg", "--configure", "-a"], env=_NO_QUESTIONS, timeout_seconds=INSTALL_TIMEOUT_SECONDS, check=False)
    done = process.run(
        [
            *("apt-get", "install", "-y", "-q", "--no-install-recommends"),
            *("-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT_SECONDS}"),
            *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
            *packages,
        ],
        # RUNLEVEL=1 keeps maintainer scripts from starting services where no policy-rc.d does: we start the engine.
        env={**_NO_QUESTIONS, "RUNLEVEL": "1"},
        timeout_seconds=INSTALL_TIMEOUT_SECONDS,
        check=False,
        on_line=tell,
    )
    if not done.ok:
        raise SeatrialError(
            Code.COMMAND_FAILED,
            f"apt-get could not install {' '.join(packages)}:\n{done.complaint}",
            hint=f"apt-get update && apt-get install {' '.join(packages)}",
        )


def fetch_options() -> list[str]:
    """Return what this machine tells apt about fetching (proxies, checks of dates), as apt options."""
    asked = process.run(["apt-config", "dump", "Acquire"], timeout_seconds=60, check=False)
    wanted = re.compile(r'Acquire::(https?::[^"]*|ftp::[^"]*|Check-[\w-]+|Retries) "[^"]+";$')
    return [line for line in asked.stdout.splitlines() if wanted.match(line) and "User-Agent" not in line]


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n[ \t]*\n", "\n".join(_uncommented(text))):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line[:1] in {" ", "\t"}:
                fields[name] += "\n" + line
            else:
                name, _, value = line.partition(":")
                fields[name.strip().lower()] = value.strip()
                name = name.strip().lower()
        yield from _enabled(fields)


def _enabled(fields: Mapping[str, str]) -> Iterator[Source]:
    if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in {"no", "false", "0"}:
        return
    known = {"types", "uris", "suites", "components", "enabled"}
    names = {name: "-".join(part.capitalize() for part in name.split("-")) for name in fields}
    options = tuple((names[name], value) for name, value in fields.items() if name not in known and name[:2] != "x-")
    for uri in fields.get("uris", "").split():
        for suite in fields.get("suites", "").split():
            yield Source(uri, suite, tuple(fields.get("components", "").split()), options)


def _one_line(text: str) -> Iterator[Source]:
    shape = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<components>[^#]*)")
    for line in text.splitlines():
        match = shape.match(line.strip())
        if match:
            pairs = (option.partition("=") for option in (match["options"] or "").split())
            options = tuple((_option_name(name.rstrip("+-")), value.replace(",", " ")) for name, _, value in pairs)
            yield Source(match["uri"], match["suite"], tuple(match["components"].split()), options)


def _option_name(name: str) -> str:
    return _ONE_LINE_OPTIONS.get(name) or "-".join(part.capitalize() for part in name.split("-"))


def _uncommented(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if not line.startswith("#"))


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o644)
    temporary.replace(path)


def is_root() -> bool:
    """Whether this process may install packages."""
    return os.geteuid() == 0
