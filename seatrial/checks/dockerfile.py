"""How the image is written down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.evidence.dockerfile import Dockerfile, Instruction, parse
from seatrial.evidence.secrets import SECRET_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

REQUIRED = ("WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "CMD")
_INSTALLER = re.compile(r"\bpip3?(?:\s+--?\S+(?:[ =]\S+)?)*?\s+install\b|\buv\s+(?:pip\s+install|sync)\b")
_REMOTE = re.compile(r"(?:^|\s)(?:https?|ftp|git|ssh)(?:://|@)|\.git(?:#|\s)", re.IGNORECASE)


def _with_dockerfile(evidence: Evidence, old: str, new: str) -> Evidence:
    """Replace a pattern in the Dockerfile's text."""

    def edit(files: dict[str, str]) -> None:
        files["Dockerfile"] = re.sub(old, new, files["Dockerfile"], count=1, flags=re.MULTILINE | re.DOTALL)

    return evidence.edited("tree.files", edit)


def _read(evidence: Evidence) -> Dockerfile:
    text = evidence.document("tree.files", "").get("Dockerfile", "")
    parsed = parse(text)
    evidence.seen["instructions"] += len(parsed.instructions)
    return parsed


def _at(instruction: Instruction) -> str:
    return f"Dockerfile:{instruction.line}"


@check(
    "dockerfile.stages",
    sabotage=lambda e: _with_dockerfile(e, r"\A.*^(FROM \S+) AS production", r"\1 AS production"),
    mend="build in one stage and copy the result into a last one that starts from the base image",
)
def stages(evidence: Evidence) -> Iterator[Problem]:
    """The image is made in at least two stages, and the last one installs nothing.

    What builds the software (installers, compilers, caches) must not be shipped with it.
    """
    stages = _read(evidence).stages
    if len(stages) < 2:  # noqa: PLR2004 - a build stage and a production stage
        yield Problem(f"there is {len(stages)} stage", f"Dockerfile:{stages[0].line if stages else 1}")
        return
    last = stages[-1]
    earlier = {stage.name for stage in stages[:-1]} | {str(number) for number in range(len(stages) - 1)}
    copies = [
        copy for copy in last.all_of("COPY") if any(flag == f"--from={name}" for flag in copy.flags for name in earlier)
    ]
    if not copies:
        yield Problem("the last stage copies nothing from an earlier one", f"Dockerfile:{last.line}")
    for run in last.all_of("RUN"):
        if _INSTALLER.search(run.value) or re.search(r"\b(?:apt-get|apk|dnf|yum|npm|make|gcc)\b", run.value):
            yield Problem("the last stage installs or compiles", _at(run))


@check(
    "dockerfile.no_secrets",
    sabotage=lambda e: _with_dockerfile(e, r"^USER ", "ENV REDIS_PASSWORD=example\nUSER "),
    mend="hand secrets to the build with --mount=type=secret, and to the container as files",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No ARG or ENV carries a secret.

    Both stay in the image's configuration and history, for everyone who can pull it.
    """
    for instruction in _read(evidence).instructions:
        if instruction.word not in {"ARG", "ENV"}:
            continue
        for name in re.findall(r"([A-Za-z_]\w*)=", instruction.value) or instruction.value.split()[:1]:
            if SECRET_NAME.search(name):
                yield Problem(f"{instruction.word} {name} is named like a secret", _at(instruction))
        for leak in evidence.wanted.seen_in_text(instruction.value):
            yield Problem(f"{instruction.word} holds {leak}", _at(instruction))


@check(
    "dockerfile.no_remote_files",
    sabotage=lambda e: _with_dockerfile(e, r"^USER ", "ADD https://example.org/tool /usr/bin/tool\nUSER "),
    mend="keep the file in the tree, or fetch it in the build stage and check its hash",
)
def no_remote_files(evidence: Evidence) -> Iterator[Problem]:
    """Nothing is added from a URL.

    The file behind a URL can change from one build to the next, and nothing compares it with what was meant.
    """
    for instruction in _read(evidence).instructions:
        pinned = any(flag.startswith("--checksum=") for flag in instruction.flags)
        if instruction.word == "ADD" and _REMOTE.search(instruction.value) and not pinned:
            yield Problem("ADD fetches from a URL without a checksum", _at(instruction))


@check(
    "dockerfile.exec_form",
    sabotage=lambda e: _with_dockerfile(e, r"^CMD \[.*?\]$", "CMD python -m service"),
    mend='write it as a JSON array: CMD ["program", "argument"]',
)
def exec_form(evidence: Evidence) -> Iterator[Problem]:
    """CMD, ENTRYPOINT and HEALTHCHECK are in exec form.

    The shell form puts a shell in front: signals end at the shell, and the image needs one.
    """
    stages = _read(evidence).stages
    for instruction in stages[-1].instructions if stages else ():
        form = instruction.exec_form
        if instruction.word in {"CMD", "ENTRYPOINT"} and form is None:
            yield Problem(f"{instruction.word} is in shell form", _at(instruction))
        if instruction.word == "HEALTHCHECK":
            command = re.search(r"\bCMD\s+(.*)", instruction.value, re.DOTALL)
            if command and Instruction("CMD", command[1].strip(), instruction.line).exec_form is None:
                yield Problem("HEALTHCHECK is in shell form", _at(instruction))
            form = None
        if form and form[0].rpartition("/")[2] in {"sh", "bash", "ash", "dash"} and "-c" in form[1:]:
            yield Problem(f"{instruction.word} starts a shell in exec form", _at(instruction))


@check(
    "dockerfile.instructions",
    sabotage=lambda e: _with_dockerfile(e, r"^HEALTHCHECK .*?^    CMD .*?$", ""),
    mend="add the instruction to the last stage",
)
def instructions(evidence: Evidence) -> Iterator[Problem]:
    """The last stage says WORKDIR, USER, EXPOSE, HEALTHCHECK and CMD itself.

    What it does not say it takes from the base image, and changes with it.
    """
    stages = _read(evidence).stages
    for word in REQUIRED:
        if not stages or not stages[-1].all_of(word):
            yield Problem(f"the last stage has no {word}", f"Dockerfile:{stages[-1].line if stages else 1}")


@check(
    "dockerfile.pinned_base",
    sabotage=lambda e: _with_dockerfile(e, r"^ARG PYTHON_IMAGE=\S+", "ARG PYTHON_IMAGE=python:latest"),
    mend="name a version: FROM image:version, or image@sha256:digest",
)
def pinned_base(evidence: Evidence) -> Iterator[Problem]:
    """Each base image is named by an explicit tag or digest.

    `latest` is another image tomorrow.
    """
    stages = _read(evidence).stages
    names = {stage.name for stage in stages}
    for stage in stages:
        if stage.base.lower() in names or stage.base == "scratch":
            continue
        tag = stage.base.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in stage.base and tag in {"", "latest"}:
            yield Problem(f"FROM {stage.base or '(nothing)'} has no explicit version", f"Dockerfile:{stage.line}")


@check(
    "dockerfile.hash_locked",
    sabotage=lambda e: _with_dockerfile(e, r"install --quiet --require-hashes", "install --quiet"),
    mend="install with --require-hashes from a lock file, or with --no-index from what was built here",
)
def hash_locked(evidence: Evidence) -> Iterator[Problem]:
    """Every package is installed from a lock with hashes.

    Without hashes the index decides what is installed.
    """
    for instruction in _read(evidence).instructions:
        if instruction.word != "RUN":
            continue
        for command in re.split(r"&&|\|\||;|\n", instruction.value):
            if not _INSTALLER.search(command):
                continue
            if "--require-hashes" not in command and "--no-index" not in command and "--frozen" not in command:
                yield Problem("packages are installed without hashes", _at(instruction))
