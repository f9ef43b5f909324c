"""How the image's steps bring in packages of the distribution, and what comes along with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.dockerfile import _at, _lineage, _read, _with_dockerfile
from seatrial.checks.dockerfile_commands import handed_on, started_in, steps, values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_DEBIANS = {"apt-get", "apt", "aptitude"}
_UPGRADES = {"upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade", "distro-sync", "dup"}
_UPGRADERS = {*_DEBIANS, "apk", "dnf", "microdnf", "tdnf", "yum", "zypper"}
_UPDATE_IS_UPGRADE = {"dnf", "microdnf", "tdnf", "yum", "zypper"}
"""With these `update` is another word for `upgrade`; with the others it fetches lists."""
_TAKES_PACKAGES = {"install", "add", "remove", "purge"}
_AFTER_LISTS = {"rm", "true", ":", "echo", "ls", "set", "export"}
"""What may follow an update when nothing is installed from its lists."""
_WITHOUT_RECOMMENDED = re.compile(
    r"--no-install-recommends|--without-recommends|Install-Recommends\W+(?:false|0|no)\b", re.IGNORECASE
)
_APT_SETTINGS = "apt.conf"
"""Where a step or a file says once and for all that nothing recommended is wanted."""
_DOWNLOADERS = {"curl", "wget"}
_HIGH_ID = 100_000
"""From here on the log of last logins, which has a place for every id, is larger than many an image."""


@check(
    "dockerfile.system_packages",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN apt-get update"),
    mend="take a newer base in place of an upgrade, and write apt-get update && apt-get install in one step",
)
def system_packages(evidence: Evidence) -> Iterator[Problem]:
    """The base's packages stay as they are, and new ones come from lists of the same step, by a program for scripts.

    An upgrade makes another base of the one that was named, a different one every day. Lists from an earlier step are
    as old as the build cache. `apt` is made for people and says so: its words may change.
    """
    for instruction, found in steps(evidence):
        if any(map(_upgrades, found)):
            yield Problem("a command upgrades the base to whatever is newest", _at(evidence, instruction))
        if any(_is_update(words) for words in found) and not any(_uses_lists(words) for words in found):
            yield Problem("lists are fetched, and nothing is installed from them", _at(evidence, instruction))
        if any(words[0] == "apt" and words[1:] for words in found):
            yield Problem("apt takes the place of apt-get", _at(evidence, instruction))


def _upgrades(words: list[str]) -> bool:
    name, *rest = words
    if name not in _UPGRADERS or _TAKES_PACKAGES & set(rest):
        return False
    return bool(_UPGRADES & set(rest)) or (name in _UPDATE_IS_UPGRADE and "update" in rest)


def _is_update(words: list[str]) -> bool:
    return words[0] in {*_DEBIANS, "apk"} and "update" in words


def _uses_lists(words: list[str]) -> bool:
    """Whether a command may install something: everything that is not known to do nothing of the kind."""
    cleans = words[0] in {*_DEBIANS, "apk"} and bool({"update", "clean", "autoclean", "cache"} & set(words))
    return not cleans and not handed_on(words) and words[0] not in _AFTER_LISTS


@check(
    "dockerfile.lean_steps",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN useradd --uid 4000000 worker"),
    mend="apt-get install --no-install-recommends; one of curl and wget; useradd --no-log-init",
)
def lean_steps(evidence: Evidence) -> Iterator[Problem]:
    """No step brings along what nobody asked for: recommended packages, a second downloader, a log for a high id.

    Each is time in every build, and more code than was planned. The log of last logins grows with the highest id: to
    gigabytes in the layer that `useradd` writes.
    """
    stages = _read(evidence).stages
    for stage in stages:
        downloaders: set[str] = set()
        written = [instruction for earlier in _lineage(stage, stages) for instruction in earlier.instructions]
        is_configured = any(_APT_SETTINGS in instruction.value for instruction in written)
        for run in stage.all_of("RUN"):
            found = started_in(run)
            if any(_takes_recommended(words) for words in found) and not is_configured:
                yield Problem("recommended packages are installed too", _at(evidence, run))
            if any(_logs_high_id(words) for words in found):
                yield Problem("useradd makes a log as long as its id is high", _at(evidence, run))
            used = {words[0] for words in found} & _DOWNLOADERS
            if used - downloaders and downloaders | used == _DOWNLOADERS:
                yield Problem("curl and wget are both used", _at(evidence, run))
            downloaders |= used


def _takes_recommended(words: list[str]) -> bool:
    return words[0] in _DEBIANS and "install" in words and not _WITHOUT_RECOMMENDED.search(" ".join(words))


def _logs_high_id(words: list[str]) -> bool:
    if words[0] != "useradd" or any(re.fullmatch(r"--no-log-init|-[a-zA-Z]*l[a-zA-Z]*", word) for word in words):
        return False
    return any(number.isdecimal() and int(number) >= _HIGH_ID for number in values(words, "u", "--uid"))
