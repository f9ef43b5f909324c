"""How the steps of the image are written down: that each does what it seems to do, or stops the build."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.dockerfile import _REMOTE, _at, _bare, _lineage, _read, _with_dockerfile
from seatrial.evidence.commands import commands, programs
from seatrial.evidence.dockerfile import Instruction, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_CANNOT_FAIL = {"echo", "printf", "true", ":", "yes"}
"""Programs at the beginning of a pipe whose failure nobody misses."""
_USED = re.compile(r"(?<!\\)\$\{?([A-Za-z_]\w*)")
_UNCHECKED_OPTION = re.compile(
    r"(?:^|\s)(?:--no-check-certificate|--trusted-host|--allow-unauthenticated|--allow-untrusted|--force-yes"
    r"|--nogpgcheck|--no-gpg-checks?|--nosignature)(?=[\s=]|$)"
    r"|\[[^\]]*\btrusted=yes\b|\bAllowInsecureRepositories=(?:true|1|yes)\b"
    r"|\bstrict-ssl[ =]false\b|\bsslVerify[ =](?:false|0)\b",
    re.IGNORECASE,
)
_UNCHECKED_VARIABLE = re.compile(
    r"(?:PYTHONHTTPSVERIFY|NODE_TLS_REJECT_UNAUTHORIZED)=0$|NPM_CONFIG_STRICT_SSL=(?:false|0)$"
    r"|GIT_SSL_NO_VERIFY=(?!0?$|false$)|PIP_TRUSTED_HOST=.",
    re.IGNORECASE,
)


@check(
    "dockerfile.copy",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nADD vendor.tar.gz /srv/"),
    mend="write COPY; unpack an archive in a RUN of the build stage",
)
def copy(evidence: Evidence) -> Iterator[Problem]:
    """Files of the tree are copied with COPY, never added with ADD.

    ADD unpacks what looks like an archive and fetches what looks like a URL: what lands in the image depends on what
    a file happens to be.
    """
    for instruction in _read(evidence).instructions:
        if instruction.word == "ADD" and not _REMOTE.search(instruction.value):
            yield Problem("ADD takes the place of COPY", _at(evidence, instruction))


@check(
    "dockerfile.once",
    sabotage=lambda e: _with_dockerfile(e, r"\Z", '\nCMD ["true"]\nCMD ["true"]\n'),
    mend="keep the last one of them, which is the one in force",
)
def once(evidence: Evidence) -> Iterator[Problem]:
    """CMD, ENTRYPOINT and HEALTHCHECK stand at most once in a stage.

    Only the last one counts. The others read as if they were in force, and are not.
    """
    for stage in _read(evidence).stages:
        for word in ONCE:
            for overridden in stage.all_of(word)[:-1]:
                yield Problem(f"this {word} is overridden by a later one", _at(evidence, overridden))


@check(
    "dockerfile.pipes",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN cat words.txt | sort >sorted.txt"),
    mend="write the first part's output to a file, or use a shell with `set -o pipefail`",
)
def pipes(evidence: Evidence) -> Iterator[Problem]:
    """A step that contains a pipe fails when any part of the pipe fails.

    A shell asks only for the last part's exit code: a download that breaks off becomes a half-built image.
    """
    for stage in _read(evidence).stages:
        shell_stops = False
        for instruction in stage.instructions:
            if instruction.word == "SHELL":
                shell_stops = "pipefail" in instruction.value
            if instruction.word == "RUN" and not shell_stops and _hides_failure(instruction):
                yield Problem("a failure in front of a pipe goes unseen", _at(evidence, instruction))


def _hides_failure(run: Instruction) -> bool:
    if run.exec_form is not None or "pipefail" in run.value:
        return False
    found = commands(_bare(run.value))
    return any(
        separator in {"|", "|&"} and before[0].rpartition("/")[2] not in _CANNOT_FAIL
        for (_, before), (separator, _) in itertools.pairwise(found)
    )


@check(
    "dockerfile.verified_sources",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nENV NODE_TLS_REJECT_UNAUTHORIZED=0"),
    mend="hand the build the certificate authority it needs (--secret), or the repository's key, and check again",
)
def verified_sources(evidence: Evidence) -> Iterator[Problem]:
    """No step switches off the check of a certificate or of a signature.

    Whoever stands between the build and the index then decides what is installed.
    """
    for instruction in _read(evidence).instructions:
        if instruction.word in {"ENV", "ARG"}:
            for name, value in instruction.assignments.items():
                if _UNCHECKED_VARIABLE.match(f"{name}={value}"):
                    yield Problem(f"{name} switches a check off", _at(evidence, instruction))
        elif instruction.word == "RUN":
            script = " ".join(instruction.exec_form) if instruction.exec_form else _bare(instruction.value)
            if any(_is_unchecked(words) for _, words in commands(script)):
                yield Problem("a command switches a check off", _at(evidence, instruction))


def _is_unchecked(words: list[str]) -> bool:
    text = " ".join(words)
    if _UNCHECKED_OPTION.search(text) or any(_UNCHECKED_VARIABLE.match(word) for word in words):
        return True
    return "curl" in programs(text) and any(re.fullmatch(r"--insecure|-[a-zA-Z]*k[a-zA-Z]*", word) for word in words)


@check(
    "dockerfile.absolute_paths",
    sabotage=lambda e: _with_dockerfile(e, r"\Z", "\nWORKDIR cache\nWORKDIR /app\n"),
    mend="write WORKDIR and what is copied before it with a leading /",
)
def absolute_paths(evidence: Evidence) -> Iterator[Problem]:
    """Each WORKDIR is absolute, and nothing is copied to a relative path before the first one.

    A relative path means another place as soon as the base image changes its own.
    """
    stages = _read(evidence).stages
    for stage in stages:
        is_set = any(_workdirs(earlier) for earlier in _lineage(stage, stages)[1:])
        for instruction in stage.instructions:
            if instruction.word == "WORKDIR":
                is_set = True
                if not re.match(r"[\"']?(?:/|\$|[A-Za-z]:)", instruction.value):
                    yield Problem(f"WORKDIR {instruction.value} is relative", _at(evidence, instruction))
            elif instruction.word in {"COPY", "ADD"} and not is_set and _is_relative(instruction):
                yield Problem(f"{instruction.word} to a relative path before any WORKDIR", _at(evidence, instruction))


def _workdirs(stage: Stage) -> list[Instruction]:
    return stage.all_of("WORKDIR")


def _is_relative(copied: Instruction) -> bool:
    bare = _bare(copied.value.partition("\n")[0])
    words = Instruction("COPY", bare, 0).exec_form or bare.split()
    return bool(words) and not re.match(r"[\"']?(?:/|\$|[A-Za-z]:)", words[-1])


@check(
    "dockerfile.variables",
    sabotage=lambda e: _with_dockerfile(e, r"\Z", '\nENV ROOT=/srv DATA="${ROOT}/data"\n'),
    mend="set the first variable in an ENV of its own, above",
)
def variables(evidence: Evidence) -> Iterator[Problem]:
    """No ENV uses a variable that only the same ENV sets.

    All values of one ENV are filled in before any of them is set: there the variable is still empty.
    """
    dockerfile = _read(evidence)
    for stage in dockerfile.stages:
        known = {
            name
            for earlier in _lineage(stage, dockerfile.stages)[1:]
            for instruction in (*earlier.all_of("ENV"), *earlier.all_of("ARG"))
            for name in instruction.assignments
        }
        for instruction in stage.instructions:
            if instruction.word not in {"ENV", "ARG"}:
                continue
            set_here = instruction.assignments
            if instruction.word == "ENV":
                for name, value in set_here.items():
                    for used in (set(_USED.findall(value)) & set(set_here)) - known - {name}:
                        yield Problem(f"{name} uses {used}, which the same ENV sets", _at(evidence, instruction))
            known |= set(set_here)
