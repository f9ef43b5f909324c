"""Where passwords stand."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.compose.model import Service, hooks, texts, words
from seatrial.evidence.commands import shows_password
from seatrial.evidence.secrets import SECRET_FILE, names_a_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

WEAK = re.compile(
    r"(?:^|[\s\"'=:])(?:changeme|change_me|password|passw0rd|secret|redis|admin|example|123456\d*)(?:$|[\s\"'])",
    re.IGNORECASE,
)
_REDIS_PASSWORD = re.compile(
    r"\s*(?:requirepass|masterauth|tls-key-file-pass)\s+(?!\"\")\S|\s*user\s.*\s(?:>\S|nopass\b)", re.IGNORECASE
)
_VARIABLE = re.compile(r"(?<!\$)(?:\$\$)*\$\{?(\w+)")
"""A variable that Compose fills in; two dollars are one for the container."""
_DEFAULT = re.compile(r"\$\{(\w+):?-([^}]*)\}")
_CONFIGURATION = re.compile(r"(?:^|/)config/config\.json$")


@check(
    "compose.no_secrets",
    sabotage=lambda e: e.with_service(
        e.settings.redis_service or e.a_service(),
        lambda s: s.update(command=["redis-server", "--requirepass", "changeme"]),
    ),
    mend="declare it under secrets: as a file, and read it from /run/secrets",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No environment variable, command, label or health check holds a password, in the files or after interpolation.

    All of them are shown by `docker inspect` and `docker compose config`, to everyone who may ask the engine.
    """
    model = evidence.json("compose.production", "")
    for name, service in evidence.services().items():
        yield from _variables(f"services.{name}", service)
        for key, value in service.items():
            for leak in evidence.wanted.seen_in_text("\n".join(texts(value))):
                yield Problem(f"it holds {leak}", f"services.{name}.{key}")
        for place, command in _commands(service):
            if shows_password(" ".join(command)):
                yield Problem("a password is written in it", f"services.{name}.{place}")
        for place, hook in hooks(service):
            yield from _variables(f"services.{name}.{place}", hook)
    for part in ("configs", "volumes", "networks"):
        for name, told in (model.get(part) or {}).items():
            written = "\n".join(texts(told))
            if shows_password(written) or evidence.wanted.seen_in_text(written):
                yield Problem("a password is written in it", f"{part}.{name}")
    yield from _interpolated(evidence)
    yield from _in_redis_conf(evidence)


def _commands(service: Service) -> Iterator[tuple[str, list[str]]]:
    """Yield every command that is run in a container, and its place."""
    for key in ("command", "entrypoint"):
        yield key, words(service.get(key))
    yield "healthcheck", words((service.get("healthcheck") or {}).get("test"))
    for place, hook in hooks(service):
        yield place, words(hook.get("command"))


def _variables(where: str, service: Service) -> Iterator[Problem]:
    """Judge what is set by name: variables, labels, build arguments."""
    places = {key: service.get(key) or {} for key in ("environment", "labels", "annotations")}
    places["build.args"] = (service.get("build") or {}).get("args") or {}
    for place, values in places.items():
        pairs = values if isinstance(values, dict) else dict(str(text).partition("=")[::2] for text in values)
        for variable, value in pairs.items():
            if names_a_secret(variable) and value is None:
                yield Problem("a secret is taken from whoever starts it", f"{where}.{place}.{variable}")
            elif names_a_secret(variable) and value:
                yield Problem("the variable's value is a secret by its name", f"{where}.{place}.{variable}")
            elif shows_password(str(value or "")):
                yield Problem("a password is written in it", f"{where}.{place}.{variable}")


def _interpolated(evidence: Evidence) -> Iterator[Problem]:
    """Look for secrets that the files themselves take from the environment, before Compose puts the values in."""
    for file, text in evidence.document("compose.sources", "").items():
        evidence.seen["compose files"] += 1
        for number, line in enumerate(text.splitlines(), start=1):
            code = line.partition(" #")[0] if not line.lstrip().startswith("#") else ""
            if any(names_a_secret(name) for name in _VARIABLE.findall(code)):
                yield Problem("a secret is interpolated into the model", f"{file}:{number}")


def _in_redis_conf(evidence: Evidence) -> Iterator[Problem]:
    root = str(evidence.settings.root)
    mounted = evidence.document("compose.mounts", "")
    files = {posixpath.relpath(path, root): facts.get("text", "") for path, facts in mounted.items()}
    config = evidence.settings.redis_config
    files[config] = evidence.document("tree.files", "").get(config, "")
    for name, text in files.items():
        for number, line in enumerate(text.splitlines(), start=1):
            if _REDIS_PASSWORD.match(line) or evidence.wanted.seen_in_text(line):
                yield Problem("a password is written in it", f"{name}:{number}")


@check(
    "compose.strong_password",
    sabotage=lambda e: e.edited("workspace.password_fault", lambda _: "it is a well-known default"),
    mend="remove REDIS_PASSWORD from .env and run ./invoke setup, which generates a strong one",
)
def strong_password(evidence: Evidence) -> Iterator[Problem]:
    """The Redis password is neither a default nor weak, and no default stands in the compose files.

    Scanners try `changeme` first.
    """
    fault = evidence.document("workspace.password_fault")
    if fault:
        yield Problem(fault, ".env: REDIS_PASSWORD")
    for file, text in evidence.document("compose.sources", "").items():
        for number, line in enumerate(text.splitlines(), start=1):
            has_default = any(names_a_secret(name) and default for name, default in _DEFAULT.findall(line))
            literal = re.search(r"requirepass[\s,\"'=]+(?P<literal>[\w-]+)", line)
            if has_default or (literal and WEAK.search(literal["literal"])):
                yield Problem("a default password is written here", f"{file}:{number}")


@check(
    "compose.secret_files",
    sabotage=lambda e: e.edited(
        "compose.production", lambda m: m.setdefault("secrets", {}).update(more={"environment": "TOKEN"})
    ),
    mend="secrets: name: {file: ./secrets/name}",
)
def secret_files(evidence: Evidence) -> Iterator[Problem]:
    """Secrets come from files in the closed secrets folder, and each service is given only those that it declares.

    A secret from the environment is in the environment of everything that the shell starts.
    """
    model = evidence.json("compose.production", "")
    declared = model.get("secrets") or {}
    evidence.seen["secrets"] += len(declared)
    for name, secret in declared.items():
        if "file" not in secret:
            yield Problem("the secret does not come from a file", f"secrets.{name}")
        elif not SECRET_FILE.search(str(secret["file"])):
            yield Problem("the secret's file is outside the secrets folder", f"secrets.{name}")
    for name, config in (model.get("configs") or {}).items():
        file = str(config.get("file") or "")
        if names_a_secret(str(config.get("environment") or "")) or (file and _holds_secrets(file)):
            yield Problem("a secret is declared as a config, which everybody may read", f"configs.{name}")
    for name, service in evidence.services().items():
        for mount in service.get("volumes") or []:
            if mount.get("type") == "bind" and _holds_secrets(str(mount.get("source", ""))):
                yield Problem(f"{mount['source']} holds secrets and is mounted past them", f"services.{name}.volumes")
        if service.get("credential_spec"):
            yield Problem("it is given credentials that are no secret", f"services.{name}.credential_spec")


def _holds_secrets(path: str) -> bool:
    """Whether a path is a file of secrets or a folder of them. The service's configuration is neither, but its name."""
    bare = path.rstrip("/")
    is_named = SECRET_FILE.search(bare) or SECRET_FILE.search(f"{bare}/.")
    return bool(is_named) and not _CONFIGURATION.search(bare)
