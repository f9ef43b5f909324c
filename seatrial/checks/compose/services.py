"""Which services a model starts, from what, and how."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from seatrial import compose_files
from seatrial.checks import Problem, check
from seatrial.checks.compose.model import Service, main, seconds, words
from seatrial.evidence import MissingEvidence, compose_model, dockerfile
from seatrial.evidence.commands import commands, script_of, shell_of
from seatrial.evidence.references import is_pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_STOPS_CLEANLY = {"", "TERM", "15", "INT", "2", "QUIT", "3"}


@check(
    "compose.services",
    sabotage=lambda e: e.edited(
        "compose.production",
        lambda m: m["services"].update(debug={"image": "busybox:1", "profiles": [e.settings.production_profile]}),
    ),
    mend="give the service its profile, or name it in [tool.seatrial]",
    trips=(
        "compose.read_only",
        "compose.capabilities",
        "compose.no_new_privileges",
        "compose.user",
        "compose.limits",
        "compose.restart",
        "compose.logging",
        "compose.healthcheck",
    ),
)
def services(evidence: Evidence) -> Iterator[Problem]:
    """Development starts its own services and production starts its own, and neither one more.

    A development Redis without a password beside the production stack is an open door, by whatever it was started: its
    profile, or a production service that depends on it.
    """
    settings = evidence.settings
    evidence.document("compose.production", "")
    evidence.needs("production_services")
    wanted = {"production": settings.production_services, "development": settings.development_services}
    for profile, names in wanted.items():
        found = evidence.services(profile) if names else {}
        for name in sorted(set(names) - set(found)):
            yield Problem(f"{profile} lacks the service", f"services.{name}")
        for name in sorted(set(found) - set(names)):
            yield Problem(f"{profile} starts a service that is not planned", f"services.{name}")
    for name, service in evidence.services().items():
        yield from _odd_ones(name, service, settings.redis_service)


def _odd_ones(name: str, service: Service, redis_service: str) -> Iterator[Problem]:
    """Judge what is started instead of one container: none, several, a program of the host."""
    replicas = [service.get("scale"), (service.get("deploy") or {}).get("replicas")]
    for count in (int(count) for count in replicas if count is not None):
        if count < 1:
            yield Problem("no container of it is started", f"services.{name}.deploy.replicas")
        elif count > 1 and name == redis_service:
            yield Problem(f"{count} servers would write to one volume", f"services.{name}.deploy.replicas")
    if service.get("provider"):
        yield Problem("a program of the host runs instead of a container", f"services.{name}.provider")
    if service.get("models"):
        yield Problem("a model runner is started beside it", f"services.{name}.models")


@check(
    "compose.no_development",
    sabotage=lambda e: e.with_service(
        main(e), lambda s: s.update(environment={"REDIS_URL": f"redis://{min(_for_development(e))}:6379"})
    ),
    mend="name the production service instead",
)
def no_development(evidence: Evidence) -> Iterator[Problem]:
    """No production service is told to talk to a development service.

    The development Redis asks nobody for a password, and is gone when production runs alone.
    """
    strangers = _for_development(evidence)
    known = evidence.document("compose.mounts", "")
    for name, service in evidence.services().items():
        for variable, value in (service.get("environment") or {}).items():
            for host in strangers & set(compose_model.hosts_in(f"{variable}={value}")):
                yield Problem(f"it talks to {host}", f"services.{name}.environment.{variable}")
        for link in service.get("links") or []:
            if str(link).partition(":")[0] in strangers:
                yield Problem(f"it talks to {link}", f"services.{name}.links")
        for mount in service.get("volumes") or []:
            told = known.get(str(mount.get("source")), {}).get("talks_to", "")
            for host in strangers & set(told.split()):
                yield Problem(f"{mount.get('source')} names {host}", f"services.{name}.volumes: {mount.get('target')}")


def _for_development(evidence: Evidence) -> set[str]:
    """Return the services that only development has. Raises MissingEvidence when there is none."""
    found = set(evidence.settings.development_services) - set(evidence.settings.production_services)
    if not found:
        raise MissingEvidence("no service is for development alone")
    return found


@check(
    "compose.files",
    sabotage=lambda e: e.edited(
        "compose.sources", lambda files: {**files, "more.yml": "include: [oci://registry.example.org/stack:1]\n"}
    ),
    mend="copy what is included into this tree",
)
def files(evidence: Evidence) -> Iterator[Problem]:
    """Everything that the compose model is made from lies in this tree.

    What is included from elsewhere can change what production is without a change of the project.
    """
    for name, text in evidence.document("compose.sources", "").items():
        evidence.seen["compose files"] += 1
        if posixpath.isabs(name):
            yield Problem("the file lies outside of the tree", name)
        for reference in compose_files.references(text):
            if compose_files.is_remote(reference):
                yield Problem(f"{reference} is fetched from elsewhere", name)


@check(
    "compose.images",
    sabotage=lambda e: e.with_service(e.a_service(), lambda s: s.update(image="redis:latest", build=None)),
    mend="name a version: image: redis:7-alpine",
)
def images(evidence: Evidence) -> Iterator[Problem]:
    """Every production service names its image by an explicit tag or digest, or builds it from this tree.

    `latest` is another image on the next host, and so is `stable`.
    """
    for name, service in evidence.services().items():
        image = str(service.get("image") or "")
        if not service.get("build") and not service.get("provider") and not is_pinned(image):
            yield Problem(f"the image {image or '(none)'} has no explicit version", f"services.{name}.image")


@check(
    "compose.build",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(build={"context": "/project", "target": "build"})),
    mend="build: {context: .}, and nothing that gives the build more",
)
def build(evidence: Evidence) -> Iterator[Problem]:
    """What production builds is the last stage of the Dockerfile that was judged, from this tree, without privileges.

    Another file, another stage or another context makes another image than the one that is proven.
    """
    root = str(evidence.settings.root)
    stages = dockerfile.parse(evidence.document("tree.files").get(evidence.settings.dockerfile, "")).stages
    for name, service in evidence.services().items():
        told: dict[str, Any] = service.get("build") or {}
        where = f"services.{name}.build"
        if not told:
            continue
        context = str(told.get("context") or root)
        if compose_files.is_remote(context) or not f"{posixpath.normpath(context)}/".startswith(f"{root}/"):
            yield Problem(f"it is built from {context}, outside of the tree", f"{where}.context")
        if name == main(evidence) and stages:
            judged = posixpath.relpath(f"{root}/{evidence.settings.dockerfile}", posixpath.join(root, context))
            yield from _other_than_judged(told, judged, {stages[-1].name, str(len(stages) - 1)}, where)
        for key in ("privileged", "entitlements"):
            if told.get(key):
                yield Problem(f"the build is given more rights: {key}", f"{where}.{key}")
        for other, source in (told.get("additional_contexts") or {}).items():
            image = str(source).removeprefix("docker-image://")
            if is_pinned(image) if image != source else not compose_files.is_remote(str(source)):
                continue
            yield Problem(f"{source} has no explicit version", f"{where}.additional_contexts.{other}")


def _other_than_judged(told: dict[str, Any], judged: str, last: set[str], where: str) -> Iterator[Problem]:
    """Yield what makes a build another one than that of the Dockerfile, named as the context's folder sees it."""
    written = str(told.get("dockerfile") or "Dockerfile")
    if told.get("dockerfile_inline"):
        yield Problem(f"it is built from other instructions than {judged}", f"{where}.dockerfile_inline")
    elif posixpath.normpath(written) != judged:
        yield Problem(f"it is built from {written} instead of {judged}", f"{where}.dockerfile")
    target = str(told.get("target") or "")
    if target and target.lower() not in last:
        yield Problem(f"the stage {target} is built, which is not the last one", f"{where}.target")


@check(
    "compose.command",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(entrypoint=["sh", "-c", "python -m service"])),
    mend="leave command and entrypoint to the image; elsewhere exec form, or `exec` in front of the program",
)
def command(evidence: Evidence) -> Iterator[Problem]:
    """Every production service starts its program directly, hears its stop signal, and is given time to obey.

    The image was proven with its own command: another one here is another service. A shell in front keeps the signal
    for itself, and a stop without grace cuts off what is in flight.
    """
    for name, service in evidence.services().items():
        where = f"services.{name}"
        argv = [*words(service.get("entrypoint")), *words(service.get("command"))]
        if shell_of(argv) and not _hands_over(script_of(argv)):
            yield Problem("a shell stands in front of the program", f"{where}.command")
        if name == main(evidence):
            yield from _overridden(evidence, service, where)
        signal = str(service.get("stop_signal") or "").upper().removeprefix("SIG")
        if signal not in _STOPS_CLEANLY:
            yield Problem(f"it is stopped with {signal}", f"{where}.stop_signal")
        grace = service.get("stop_grace_period")
        if grace is not None and seconds(grace) < 1:
            yield Problem(f"it is killed {grace} after it is told to stop", f"{where}.stop_grace_period")


def _overridden(evidence: Evidence, service: Service, where: str) -> Iterator[Problem]:
    config = (evidence.documents.get("image.inspect") or {}).get("Config") or {}
    entrypoint, command = config.get("Entrypoint") or [], config.get("Cmd") or []
    if service.get("entrypoint") is not None and service["entrypoint"] != entrypoint:
        yield Problem("another entry point than the image's is started", f"{where}.entrypoint")
    elif config and not entrypoint and service.get("command") is not None and service["command"] != command:
        yield Problem("another command than the image's is started", f"{where}.command")


def _hands_over(script: str) -> bool:
    """Whether a script ends by becoming its program."""
    last = commands(script)[-1:]
    return bool(last) and last[0][1][0] == "exec"


@check(
    "compose.depends_on",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.pop("depends_on", None)),
    mend="depends_on: {redis-prod: {condition: service_healthy}}",
)
def depends_on(evidence: Evidence) -> Iterator[Problem]:
    """The service is started when its Redis is healthy, not when Redis's container exists.

    A service that starts first reports errors that are none.
    """
    services, settings = evidence.services(), evidence.settings
    evidence.needs("service", "redis_service")
    service = services.get(settings.service, {})
    waits = (service.get("depends_on") or {}).get(settings.redis_service) or {}
    where = f"services.{settings.service}.depends_on"
    if waits.get("condition") != "service_healthy":
        yield Problem(f"it does not wait for {settings.redis_service} to be healthy", where)
    elif waits.get("required") is False:
        yield Problem(f"it starts without {settings.redis_service} too", where)
