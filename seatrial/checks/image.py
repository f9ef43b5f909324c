"""What the image says about itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check
from seatrial.evidence.accounts import is_hash, resolve
from seatrial.evidence.base import SCRATCH
from seatrial.evidence.commands import (
    cannot_fail,
    hides_redis_errors,
    ignores_http_errors,
    script_of,
    shell_of,
    shows_password,
)
from seatrial.evidence.dockerfile import Instruction
from seatrial.evidence.secrets import names_a_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_NEVER_SECONDS = 3600.0
LABELS = tuple(f"org.opencontainers.image.{name}" for name in ("revision", "source", "version", "created"))


def _with_config(evidence: Evidence, key: str, value: Any) -> Evidence:
    """Set one key of the image's configuration."""

    def edit(image: dict[str, Any]) -> None:
        image["Config"][key] = value

    return evidence.edited("image.inspect", edit)


@check(
    "image.user",
    sabotage=lambda e: _with_config(e, "User", "0:0"),
    mend="end the Dockerfile with `USER uid:gid`, two numbers over 0 that the image's passwd and group know",
    trips=("layers.code_read_only",),
)
def user(evidence: Evidence) -> Iterator[Problem]:
    """The image runs as a user and a group that are not root.

    A process that escapes from a root container is root on the host. Names, numbers and aliases are resolved through
    the image's own passwd and group, as the runtime does it.
    """
    written = str(evidence.image_config().get("User") or "")
    files = evidence.files()
    passwd, group = (files[name].text if name in files else "" for name in ("etc/passwd", "etc/group"))
    account = resolve(written, passwd, group)
    where = f"Config.User={written!r}"
    if account.uid is None:
        yield Problem("the user is not known to the image", where)
    if account.uid == 0:
        yield Problem("the image runs as uid 0", where)
    if account.gid == 0:
        yield Problem("the image runs in group 0", where)
    if 0 in account.groups:
        yield Problem("the image's user is a member of group 0", where)
    if account.gid is None and account.uid is not None:
        yield Problem("the group is not known to the image", where)
    if written and not re.fullmatch(r"\d+(:\d+)?", written):
        yield Problem("USER is not numeric, so a cluster cannot tell that it is not root", where)


@check(
    "image.accounts",
    sabotage=lambda e: _with_account(e, "worker::2000:2000::/:/usr/sbin/nologin"),
    mend="write `x` for the password in /etc/passwd and `*` in /etc/shadow, and give each account its own name and id",
)
def accounts(evidence: Evidence) -> Iterator[Problem]:
    """No account of the image has a password, an empty one least of all, and no two share a name or an id.

    Whoever gets a shell in the container becomes an account without a password; a hash can be guessed at by everyone
    who can pull the image; and a second name for an id hides whose files they are.
    """
    names: set[str] = set()
    owners: dict[str, str] = {}
    for file in ("passwd", "shadow"):
        for name, password, *_ in _accounts(evidence, file):
            if not password:
                yield Problem(f"{name} has an empty password", f"/etc/{file}")
            elif is_hash(password):
                yield Problem(f"{name} has a password", f"/etc/{file}")
    for name, _, number in _accounts(evidence, "passwd"):
        if name in names:
            yield Problem(f"{name} is listed twice", "/etc/passwd")
        elif owners.setdefault(number, name) != name:
            yield Problem(f"{name} has the id of {owners[number]}", "/etc/passwd")
        names.add(name)


def _accounts(evidence: Evidence, name: str) -> list[list[str]]:
    """Return the first fields of each line of the image's passwd (name, password, id) or shadow (name, password)."""
    files = evidence.files()
    text = files[f"etc/{name}"].text if f"etc/{name}" in files else ""
    columns = 3 if name == "passwd" else 2
    rows = (line.strip().split(":") for line in text.splitlines())
    return [fields[:columns] for fields in rows if len(fields) >= columns]


def _with_account(evidence: Evidence, line: str) -> Evidence:
    """Add a line to the image's passwd."""
    files = evidence.files()
    text = files["etc/passwd"].text if "etc/passwd" in files else ""
    return evidence.with_files({"etc/passwd": f"{text}{line}\n".encode()})


@check(
    "image.healthcheck",
    sabotage=lambda e: _with_config(e, "Healthcheck", {"Test": ["NONE"]}),
    mend="add HEALTHCHECK in exec form that asks 127.0.0.1",
)
def healthcheck(evidence: Evidence) -> Iterator[Problem]:
    """The image has a health check in exec form, without credentials, aimed at 127.0.0.1.

    Without one nothing notices that the service hangs. `localhost` can mean ::1, where nothing listens.
    """
    test = (evidence.image_config().get("Healthcheck") or {}).get("Test") or []
    where = "Config.Healthcheck"
    if not test or test[0] == "NONE":
        yield Problem("there is no health check", where)
        return
    words = " ".join(test[1:])
    if test[0] != "CMD" or shell_of(test[1:]):
        yield Problem("the health check runs in a shell", where)
    if re.search(r"\blocalhost\b|\[?::1\]?(?![\w:])|\b0\.0\.0\.0\b", words):
        yield Problem("the health check asks localhost instead of 127.0.0.1", where)
    if shows_password(words):
        yield Problem("the health check shows a credential", where)
    script = words if test[0] != "CMD" else script_of(test[1:])
    if not test[1:] or cannot_fail(script):
        yield Problem("the health check cannot fail", where)
    if hides_redis_errors(script) or ignores_http_errors(script):
        yield Problem("the health check takes an error answer for a good one", where)
    declared = evidence.image_config()["Healthcheck"]
    until_red = int(declared.get("Retries") or 3) * int(declared.get("Interval") or 0) / 1e9
    if until_red >= _NEVER_SECONDS or int(declared.get("StartPeriod") or 0) / 1e9 >= _NEVER_SECONDS:
        yield Problem("the health check takes more than an hour to turn red", where)


@check(
    "image.command",
    sabotage=lambda e: _with_config(_with_config(e, "Entrypoint", None), "Cmd", ["/bin/sh", "-c", "python -m service"]),
    mend="write CMD and ENTRYPOINT in exec form, and STOPSIGNAL SIGTERM",
)
def command(evidence: Evidence) -> Iterator[Problem]:
    """The image starts its program directly, and is stopped with SIGTERM.

    A shell in front does not pass signals on: every stop would take the whole grace period and end in a kill.
    """
    config = evidence.image_config()
    words = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    if not words:
        yield Problem("no command is set", "Config.Cmd")
    elif shell_of(words):
        yield Problem("the command starts a shell", "Config.Cmd")
    if str(config.get("StopSignal") or "SIGTERM").upper().removeprefix("SIG") not in {"TERM", "15"}:
        yield Problem(f"the stop signal is {config['StopSignal']}", "Config.StopSignal")


@check(
    "image.port",
    sabotage=lambda e: _with_config(e, "ExposedPorts", {"22/tcp": {}}),
    mend="EXPOSE exactly the service's port",
)
def port(evidence: Evidence) -> Iterator[Problem]:
    """The image exposes the service's port and no other.

    One more open port is one more way in.
    """
    evidence.needs("service_port")
    wanted = f"{evidence.settings.service_port}/tcp"
    exposed = set(evidence.image_config().get("ExposedPorts") or {})
    if wanted not in exposed:
        yield Problem(f"{wanted} is not exposed", "Config.ExposedPorts")
    for extra in sorted(exposed - {wanted}):
        yield Problem(f"{extra} is exposed", "Config.ExposedPorts")


@check(
    "image.labels",
    sabotage=lambda e: _with_config(e, "Labels", {**(e.image_config().get("Labels") or {}), LABELS[1]: ""}),
    mend="build with ./invoke build, which fills in the labels",
)
def labels(evidence: Evidence) -> Iterator[Problem]:
    """The image carries its revision, source, version and time as OCI labels.

    Who finds the image on a machine must be able to tell what it is.
    """
    found = evidence.image_config().get("Labels") or {}
    for label in LABELS:
        if found.get(label, "") in {"", "unknown"}:
            yield Problem("the label is missing or empty", label)


@check(
    "image.revision",
    sabotage=lambda e: e.edited("tree.revision", lambda _: "0" * 40),
    mend="./invoke build",
)
def revision(evidence: Evidence) -> Iterator[Problem]:
    """The image was made from this tree.

    A proof of another revision's image says nothing about this one.
    """
    found = (evidence.image_config().get("Labels") or {}).get(LABELS[0], "")
    tree = evidence.document("tree.revision", "")
    if found != tree:
        yield Problem(f"the image is of revision {found or '(none)'}, the tree of {tree}", LABELS[0])


@check(
    "image.no_volumes",
    sabotage=lambda e: _with_config(e, "Volumes", {"/app": {}}),
    mend="remove VOLUME from the Dockerfile; name volumes in the compose file",
)
def no_volumes(evidence: Evidence) -> Iterator[Problem]:
    """The image declares no volume.

    A volume makes its folder writable in spite of a read-only root, and keeps old code over a new image's.
    """
    for path in sorted(evidence.image_config().get("Volumes") or {}):
        yield Problem("it is declared as a volume", f"Config.Volumes {path}")


@check(
    "image.no_secrets",
    sabotage=lambda e: _with_config(e, "Env", ["PATH=/usr/bin", "REDIS_PASSWORD=example-of-a-secret"]),
    mend="give secrets to the container as files at run time; change a secret that was in an image",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No environment variable, label, history line, health check, command or ONBUILD of the image holds a secret.

    Everyone who can pull the image can read them all with `docker inspect`.
    """
    config = evidence.image_config()
    places = {
        f"Config.Env {name}": value for name, _, value in (text.partition("=") for text in config.get("Env") or [])
    }
    places |= {f"Config.Labels {name}": str(value) for name, value in (config.get("Labels") or {}).items()}
    for where, value in places.items():
        if names_a_secret(where.rpartition(" ")[2]) and value:
            yield Problem("the name says that the value is a secret", where)
    for number, kept in enumerate(config.get("OnBuild") or []):
        word, value = [*kept.split(None, 1), "", ""][:2]
        if word.upper() in {"ENV", "ARG", "LABEL"}:
            for name in filter(names_a_secret, Instruction(word.upper(), value, 0).assignments):
                yield Problem(f"{name} is named like a secret", f"Config.OnBuild[{number}]")
    places |= {f"Config.{key}": " ".join(config.get(key) or []) for key in ("Cmd", "Entrypoint", "OnBuild", "Shell")}
    places |= {f"Config.{key}": str(config.get(key) or "") for key in ("User", "WorkingDir", "Hostname", "Domainname")}
    places |= {key: str(evidence.image().get(key) or "") for key in ("Author", "Comment")}
    places["Config.Healthcheck"] = " ".join((config.get("Healthcheck") or {}).get("Test") or [])
    steps = evidence.document("image.history", "")
    evidence.seen["history steps"] += len(steps)
    places |= {
        f"history step {number}": f"{step.get('CreatedBy', '')} {step.get('Comment', '')}"
        for number, step in enumerate(reversed(steps), start=1)
    }
    for where, text in places.items():
        for leak in evidence.wanted.seen_in_text(text):
            yield Problem(f"it holds {leak}", where)
        if shows_password(text):
            yield Problem("it shows a credential", where)


@check(
    "image.payload_budget",
    sabotage=lambda e: e.with_files(
        {"app/data.bin": b""}, size_bytes=int(e.settings.payload_budget_mb * 1_000_000 + 1)
    ),
    mend="see the ledger of ./invoke build for what grew; leave it out or raise payload_budget_mb in [tool.seatrial]",
)
def payload_budget(evidence: Evidence) -> Iterator[Problem]:
    """What the image adds to its base is within its size budget.

    Size is download time on every host, and more code than planned is more to attack.
    """
    reference = evidence.document("image.base", "")["reference"]
    if reference != SCRATCH and not evidence.base_layer_count():
        yield Problem("the image is not built on the base image that is in the store", reference)
        return
    entries = [entry for layer in evidence.payload() for entry in layer.entries]
    total_mb = sum(entry.size_bytes for entry in entries) / 1_000_000
    limit_mb = evidence.settings.payload_budget_mb
    if total_mb > limit_mb:
        largest = max(entries, key=lambda entry: entry.size_bytes)
        yield Problem(f"the payload is {total_mb:.1f} MB, over {limit_mb:.1f} MB", largest.path)


@check(
    "image.created",
    sabotage=lambda e: e.edited("tree.epoch", lambda epoch: epoch + 86_400),
    mend="build with ./invoke build, which hands SOURCE_DATE_EPOCH to the build",
)
def created(evidence: Evidence) -> Iterator[Problem]:
    """The image's time is the time of its source, not of its build.

    A time that changes with every build makes every build another image, and nobody can compare.
    """
    epoch = evidence.document("tree.epoch", "")
    wanted = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    found = str(evidence.image().get("Created", ""))[:19]
    if found != wanted:
        yield Problem(f"the image was created at {found}, its source at {wanted}", "Created")
