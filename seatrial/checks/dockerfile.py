"""How the image is written down."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.evidence.commands import commands, programs, shell_of, shows_password
from seatrial.evidence.dockerfile import Dockerfile, Instruction, Stage, filled, parse
from seatrial.evidence.references import is_pinned
from seatrial.evidence.secrets import PUBLIC_CERTIFICATES, SECRET_FILE, names_a_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

REQUIRED = (("WORKDIR",), ("USER",), ("EXPOSE",), ("HEALTHCHECK",), ("CMD", "ENTRYPOINT"))
"""One of each must be there; EXPOSE where the settings name a port."""
_PIP = re.compile(r"pip[\d.]*")
_PIP_WORDS, _UV_WORDS = {"install", "download", "wheel"}, {"install", "sync"}
BUILDERS = {
    *("apt-get", "apt", "aptitude", "apk", "dnf", "microdnf", "yum", "zypper", "dpkg", "npm", "yarn", "pnpm"),
    *("make", "cmake", "gcc", "g++", "cc", "c++", "clang", "cargo", "rustc", "go", "easy_install", "pipx", "poetry"),
    *("curl", "wget"),
}
"""Programs that fetch, install or compile."""
LOCKED = ("--frozen", "--locked", "--frozen-lockfile", "--immutable", "--deploy")
"""With these uv, cargo, yarn, pnpm and pipenv install from a lock that has hashes."""
_UNLOCKED = {
    "npm": {"i", "install", "add"},
    "yarn": {"install", "add"},
    "pnpm": {"i", "install", "add"},
    "pipenv": {"install", "sync"},
    "cargo": {"install"},
    "gem": {"install"},
    "bun": {"i", "install", "add"},
    "poetry": {"add"},
}
"""Installers of other languages that take what the index has at the moment unless they are told otherwise."""
_FLOATS = re.compile(r"@(?!v\d+\.\d+\.\d+|[0-9a-f]{12,40}$)[\w./-]+$")
"""A Go module at a version that means another one tomorrow: @latest, a branch, @v1."""
_REMOTE = re.compile(r"(?:^|[\s\"'\[,=])(?:(?:https?|ftp|git|ssh)://|git@)|\.git(?:#|[\s\"']|$)", re.IGNORECASE)

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SECRET_MOUNT = re.compile(r"--mount=(\S*type=secret\S*)")
_MOUNTED_AT = re.compile(r"(?:target|dst|destination)=([^,\s]+)")
_REMOTE_HTTP = re.compile(r"(?:https?|ftp)://(?!127\.0\.0\.1|localhost)", re.IGNORECASE)
_FETCH_AND_RUN = re.compile(r"\b(?:curl|wget)\b[^;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|\$\((?:curl|wget)\b")
_COMPARES = re.compile(
    r"\b(?:sha(?:1|224|256|384|512)sum|shasum|b2sum|b3sum|md5sum|gpgv?|cosign|minisign|signify)\b|openssl dgst"
)


def _with_dockerfile(evidence: Evidence, old: str, new: str, count: int = 1) -> Evidence:
    """Replace a pattern in the Dockerfile's text, once or with 0 wherever it stands."""
    flags = re.MULTILINE | re.DOTALL | re.IGNORECASE

    def edit(files: dict[str, str]) -> None:
        files[evidence.settings.dockerfile] = re.sub(old, new, evidence.dockerfile(), count=count, flags=flags)

    return evidence.edited("tree.files", edit)


def _read(evidence: Evidence) -> Dockerfile:
    parsed = parse(evidence.dockerfile())
    evidence.seen["instructions"] += len(parsed.instructions)
    return parsed


def _at(evidence: Evidence, instruction: Instruction | Stage | None) -> str:
    return f"{evidence.settings.dockerfile}:{instruction.line if instruction else 1}"


@check(
    "dockerfile.stages",
    sabotage=lambda e: _with_dockerfile(e, r"\Z", "\nRUN apt-get install --no-install-recommends --yes gcc\n"),
    mend="build in one stage and copy the result into a last one that starts from the base image",
)
def stages(evidence: Evidence) -> Iterator[Problem]:
    """The image is made in at least two stages, and the last one installs nothing.

    What builds the software (installers, compilers, caches) must not be shipped with it.
    """
    stages = _read(evidence).stages
    if len(stages) < 2:  # noqa: PLR2004 - a build stage and a production stage
        yield Problem(f"there is {len(stages)} stage", _at(evidence, stages[0] if stages else None))
        return
    last = stages[-1]
    earlier = {stage.name for stage in stages[:-1]} | {str(number) for number in range(len(stages) - 1)}
    if not any(_source(copy).lower() in earlier for copy in last.all_of("COPY")):
        yield Problem("the last stage copies nothing from an earlier one", _at(evidence, last))
    for run in (run for stage in _lineage(last, stages) for run in stage.all_of("RUN")):
        script = " ".join(run.exec_form) if run.exec_form else run.value
        if any(_installs(words) for _, words in commands(_bare(script))) or programs(_bare(script)) & BUILDERS:
            yield Problem("the last stage installs or compiles", _at(evidence, run))


def _installs(words: list[str]) -> bool:
    """Whether a command installs Python packages."""
    names = [word.rpartition("/")[2] for word in words]
    for number, name in enumerate(names):
        rest = set(names[number + 1 :])
        if (_PIP.fullmatch(name) and rest & _PIP_WORDS) or (name == "pipx" and "install" in rest):
            return True
        if name == "easy_install" or (name == "uv" and rest & _UV_WORDS):
            return True
    return False


def _is_unlocked(words: list[str]) -> bool:
    """Whether a command of another language's installer takes whatever the index has."""
    program, *rest = [word for word in words if not _ASSIGNMENT.match(word)] or [""]
    name = program.rpartition("/")[2]
    if name == "go":
        return rest[:1] == ["get"] or (rest[:1] in (["install"], ["run"]) and any(map(_FLOATS.search, rest)))
    return bool(_UNLOCKED.get(name, set()) & set(rest)) or (name == "yarn" and not rest)


def _source(instruction: Instruction) -> str:
    """Return what a COPY is `--from`, or nothing."""
    return next((flag.partition("=")[2] for flag in instruction.flags if flag.startswith("--from=")), "")


def _bare(script: str) -> str:
    """Return what a RUN runs, without its own options."""
    return re.sub(r"^(?:--\S+\s+)+", "", script)


def _lineage(stage: Stage, stages: tuple[Stage, ...]) -> list[Stage]:
    """Return a stage and the stages that it starts from."""
    found = [stage]
    earlier = list(stages[: stages.index(stage)])
    while parents := [other for other in earlier if other.name == found[-1].base.lower()]:
        found.append(parents[-1])
        earlier = earlier[: earlier.index(parents[-1])]
    return found


@check(
    "dockerfile.no_secrets",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nENV REDIS_PASSWORD=example"),
    mend="hand secrets to the build with --mount=type=secret, and to the container as files",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No ARG, ENV or LABEL carries a secret, no command shows one, and no secret file is copied.

    All of it stays in the image's configuration, history or layers, for everyone who can pull it.
    """
    for instruction in map(_meant, _read(evidence).instructions):
        for leak in evidence.wanted.seen_in_text(instruction.value):
            yield Problem(f"{instruction.word} holds {leak}", _at(evidence, instruction))
        if instruction.word in {"ARG", "ENV", "LABEL"}:
            for name in filter(names_a_secret, instruction.assignments):
                yield Problem(f"{instruction.word} {name} is named like a secret", _at(evidence, instruction))
        elif instruction.word in {"COPY", "ADD"}:
            for path in filter(_holds_secrets, [] if _source(instruction) else _copied(instruction)):
                yield Problem(f"{path} holds secrets by its name", _at(evidence, instruction))
        elif shows_password(instruction.value):
            yield Problem(f"{instruction.word} shows a password", _at(evidence, instruction))
        elif instruction.word == "RUN" and _keeps_secret(instruction.value):
            yield Problem("RUN writes a mounted secret into the image", _at(evidence, instruction))


def _holds_secrets(path: str) -> bool:
    bare = path.rstrip("/")
    is_named = SECRET_FILE.search(bare) or SECRET_FILE.search(f"{bare}/.")
    return bool(is_named) and not PUBLIC_CERTIFICATES.search(path)


def _meant(instruction: Instruction) -> Instruction:
    """Return an instruction, or the one that ONBUILD keeps for the next image."""
    if instruction.word != "ONBUILD":
        return instruction
    word, value = [*instruction.value.split(None, 1), "", ""][:2]
    return Instruction(word.upper(), value, instruction.line)


def _keeps_secret(script: str) -> bool:
    """Whether a command writes what is mounted for its time only to a file that stays."""
    places = [place for mount in _SECRET_MOUNT.findall(script) for place in _MOUNTED_AT.findall(mount)]
    for place in ["/run/secrets/", *places]:
        for _, words in commands(_bare(script)):
            named = [number for number, word in enumerate(words) if word.startswith(place)]
            if not named:
                continue
            program = words[0].rpartition("/")[2]
            is_copied = program in {"cp", "mv", "install"} and named[0] < len(words) - 1
            written = [words[number + 1] for number, word in enumerate(words[:-1]) if word in {">", ">>"}]
            if is_copied or any(not target.startswith("/dev/") for target in written):
                return True
    return False


def _copied(instruction: Instruction) -> list[str]:
    """Return the paths that a COPY or ADD takes from the context."""
    bare = _bare(instruction.value.partition("\n")[0])
    words = Instruction("COPY", bare, 0).exec_form or bare.split()
    return [word for word in words[:-1] if not word.startswith("<<")]


@check(
    "dockerfile.no_remote_files",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nADD https://example.org/tool /usr/bin/tool"),
    mend="keep the file in the tree, or fetch it in the build stage and check its hash",
)
def no_remote_files(evidence: Evidence) -> Iterator[Problem]:
    """Nothing is added from a URL, by ADD or by a program, unless it is compared with what was meant.

    The file behind a URL can change from one build to the next.
    """
    values: dict[str, str] = {}
    for instruction in map(_meant, _read(evidence).instructions):
        if instruction.word in {"ARG", "ENV"}:
            values |= {name: filled(value, values) for name, value in instruction.assignments.items() if value}
        pinned = any(flag.startswith("--checksum=") for flag in instruction.flags)
        if instruction.word == "ADD" and _REMOTE.search(filled(instruction.value, values)) and not pinned:
            yield Problem("ADD fetches from a URL without a checksum", _at(evidence, instruction))
        if instruction.word == "RUN" and _fetches(filled(instruction.value, values)):
            yield Problem("RUN fetches from a URL and compares nothing", _at(evidence, instruction))


def _fetches(script: str) -> bool:
    """Whether a script downloads something and checks neither a hash nor a signature."""
    fetched = programs(_bare(script)) & {"curl", "wget", "aria2c"} or _FETCH_AND_RUN.search(script)
    return bool(fetched) and bool(_REMOTE_HTTP.search(script)) and not _COMPARES.search(script)


@check(
    "dockerfile.exec_form",
    sabotage=lambda e: _with_dockerfile(e, r"\Z", "\nENTRYPOINT python -m service\n"),
    mend='write it as a JSON array: CMD ["program", "argument"]',
)
def exec_form(evidence: Evidence) -> Iterator[Problem]:
    """CMD, ENTRYPOINT and HEALTHCHECK are in exec form.

    The shell form puts a shell in front: signals end at the shell, and the image needs one.
    """
    stages = _read(evidence).stages
    for instruction in stages[-1].instructions if stages else ():
        if instruction.word not in {"CMD", "ENTRYPOINT", "HEALTHCHECK"} or instruction.value.upper() == "NONE":
            continue
        form = instruction.exec_form
        if form is None:
            yield Problem(f"{instruction.word} is in shell form", _at(evidence, instruction))
        elif shell_of(form):
            yield Problem(f"{instruction.word} starts a shell in exec form", _at(evidence, instruction))


@check(
    "dockerfile.instructions",
    sabotage=lambda e: _with_dockerfile(e, r"^USER .*?$", "", count=0),
    mend="add the instruction to the last stage",
)
def instructions(evidence: Evidence) -> Iterator[Problem]:
    """The last stage says WORKDIR, USER, EXPOSE, HEALTHCHECK and its command itself.

    What it does not say it takes from the base image, and changes with it.
    """
    stages = _read(evidence).stages
    for words in REQUIRED:
        if words == ("EXPOSE",) and not evidence.settings.service_port:
            continue
        said = [item.value.strip() for word in words for item in stages[-1].all_of(word)] if stages else []
        if not any(said) or not said[-1] or (words[0] == "HEALTHCHECK" and said[-1].upper() == "NONE"):
            yield Problem(f"the last stage has no {words[0]}", _at(evidence, stages[-1] if stages else None))


@check(
    "dockerfile.pinned_base",
    sabotage=lambda e: _with_dockerfile(e, r"^FROM (?:--\S+ )*\S+", "FROM python:latest"),
    mend="name a version: FROM image:version, or image@sha256:digest",
)
def pinned_base(evidence: Evidence) -> Iterator[Problem]:
    """Each image that the build takes something from is named by an explicit tag or digest.

    `latest` is another image tomorrow.
    """
    stages = _read(evidence).stages
    names: set[str] = {"scratch"}
    for number, stage in enumerate(stages):
        if not _is_pinned(stage.base, names):
            yield Problem(f"FROM {stage.base or '(nothing)'} has no explicit version", _at(evidence, stage))
        for instruction in stage.instructions:
            mounted = re.findall(r"--mount=\S*?\bfrom=([^,\s]+)", instruction.value)
            for image in filter(None, [_source(instruction) if instruction.word == "COPY" else "", *mounted]):
                if "$" not in image and not _is_pinned(image, names):
                    yield Problem(
                        f"{instruction.word} from {image} has no explicit version", _at(evidence, instruction)
                    )
        names |= {stage.name, str(number)}


def _is_pinned(image: str, stages: set[str]) -> bool:
    return image.lower() in stages or is_pinned(image)


@check(
    "dockerfile.hash_locked",
    sabotage=lambda e: _with_dockerfile(e, r"^(FROM .*?)$", r"\1\nRUN pip install h11"),
    mend="install with --require-hashes from a lock file, or with --no-index from what was built here",
)
def hash_locked(evidence: Evidence) -> Iterator[Problem]:
    """Every package is installed from a lock with hashes.

    Without hashes the index decides what is installed.
    """
    for instruction in _read(evidence).instructions:
        if instruction.word != "RUN":
            continue
        script = " ".join(instruction.exec_form) if instruction.exec_form else _bare(instruction.value)
        for _, words in commands(script):
            if (_installs(words) or _is_unlocked(words)) and not {"--require-hashes", "--no-index", *LOCKED} & set(
                words
            ):
                yield Problem("packages are installed without hashes", _at(evidence, instruction))
