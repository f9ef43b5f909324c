"""What the resolved compose model grants."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check
from seatrial.evidence.commands import cannot_fail, script_of, shows_password
from seatrial.evidence.secrets import SECRET_FILE, names_a_secret
from seatrial.ports import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

Service = dict[str, Any]

WEAK = re.compile(
    r"(?:^|[\s\"'=:])(?:changeme|change_me|password|passw0rd|secret|redis|admin|example|123456\d*)(?:$|[\s\"'])",
    re.IGNORECASE,
)
SOCKETS = (
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/containerd/x"),
    *("/run/podman/podman.sock", "/run/crio/crio.sock", "/run/user/1000/docker.sock", "/proc/1/root/run/docker.sock"),
)
"""Where container engines listen, and ways to the same."""
_FOLDER_SUFFIX = re.compile(r"\.(?:d|git|ssh|aws|docker|kube|config|cache|local)$")
_SINGLE_FILES = ("/etc/localtime", "/etc/timezone", "/etc/machine-id", "/etc/hostname", "/etc/hosts")
_TRUE, _FALSE = {"", "1", "t", "true"}, {"0", "f", "false"}
_REDIS_PASSWORD = re.compile(
    r"\s*(?:requirepass|masterauth|tls-key-file-pass)\s+(?!\"\")\S|\s*user\s.*\s(?:>\S|nopass\b)", re.IGNORECASE
)
_BOUNDED = re.compile(r"[1-9]\d*(?:\.\d+)?\s*[a-z]*", re.IGNORECASE)


def _words(value: Any) -> str:
    """Return a command, entry point or test as one text."""
    return " ".join(str(word) for word in value) if isinstance(value, list) else str(value or "")


def _main(evidence: Evidence) -> str:
    return evidence.a_service()


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

    A development Redis without a password beside the production stack is an open door.
    """
    settings = evidence.settings
    evidence.document("compose.production", "")
    evidence.needs("production_services")
    wanted = {"production": settings.production_services, "development": settings.development_services}
    for profile, names in wanted.items():
        if not names:
            continue
        found = set(evidence.services(profile))
        for name in sorted(set(names) - found):
            yield Problem(f"{profile} lacks the service", f"services.{name}")
        for name in sorted(found - set(names)):
            yield Problem(f"{profile} starts a service that is not planned", f"services.{name}")


@check(
    "compose.read_only",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.pop("read_only", None)),
    mend="read_only: true, and a volume or tmpfs for what must be written",
)
def read_only(evidence: Evidence) -> Iterator[Problem]:
    """Every production service has a read-only root file system.

    An intruder then has nowhere to put a program, and a restart removes what is in memory.
    """
    for name, service in evidence.services().items():
        if service.get("read_only") is not True:
            yield Problem("the root file system is writable", f"services.{name}.read_only")


@check(
    "compose.capabilities",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.update(cap_add=["NET_ADMIN"])),
    mend="cap_drop: [ALL], and no cap_add",
)
def capabilities(evidence: Evidence) -> Iterator[Problem]:
    """Every production service drops all capabilities and adds none.

    Each capability is a part of root's power; neither service needs one.
    """
    for name, service in evidence.services().items():
        if "ALL" not in [str(capability).upper().removeprefix("CAP_") for capability in service.get("cap_drop") or []]:
            yield Problem("not all capabilities are dropped", f"services.{name}.cap_drop")
        for capability in service.get("cap_add") or []:
            yield Problem(f"the capability {capability} is added", f"services.{name}.cap_add")


@check(
    "compose.no_new_privileges",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.pop("security_opt", None)),
    mend='security_opt: ["no-new-privileges:true"], and no unconfined profile',
)
def no_new_privileges(evidence: Evidence) -> Iterator[Problem]:
    """Every production service forbids new privileges and keeps Docker's seccomp and AppArmor profiles.

    Without it a setuid file in the image makes any process root.
    """
    for name, service in evidence.services().items():
        options = [str(option).replace("=", ":", 1).lower() for option in service.get("security_opt") or []]
        where = f"services.{name}.security_opt"
        # Of several the engine takes the last one.
        said = [option.partition(":")[2] for option in options if option.partition(":")[0] == "no-new-privileges"]
        if not said or said[-1] not in _TRUE:
            yield Problem("new privileges are not forbidden", where)
        for option in options:
            if option.endswith(":unconfined") or option.startswith(("label:disable", "writable-cgroups:t")):
                yield Problem(f"{option} takes a protection away", where)


@check(
    "compose.user",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.update(user="0:0")),
    mend='user: "uid:gid", both numbers over 0',
)
def user(evidence: Evidence) -> Iterator[Problem]:
    """Every production service runs as a numeric user and group that are not root, and joins no group 0.

    The image's USER can be overridden here, for better or worse.
    """
    for name, service in evidence.services().items():
        written = str(service.get("user") or "")
        where = f"services.{name}.user"
        uid, _, gid = written.partition(":")
        if not re.fullmatch(r"\d+", uid) or not re.fullmatch(r"\d+", gid):
            yield Problem(f"the user is {written or 'not set'}, not two numbers", where)
        elif int(uid) == 0 or int(gid) == 0:
            yield Problem(f"the service runs as {written}", where)
        for group in service.get("group_add") or []:
            if not re.fullmatch(r"\d+", str(group)) or int(group) == 0:
                yield Problem(f"the service joins the group {group}", f"services.{name}.group_add")


@check(
    "compose.limits",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.update(deploy={}, mem_limit=0, pids_limit=-1)),
    mend="deploy.resources.limits with memory and pids",
)
def limits(evidence: Evidence) -> Iterator[Problem]:
    """Every production service has a memory and a process limit.

    One service that leaks or forks must not take the host down with it.
    """
    for name, service in evidence.services().items():
        declared = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
        memory = service.get("mem_limit") or declared.get("memory")
        pids = service.get("pids_limit") or declared.get("pids")
        where = f"services.{name}.deploy.resources.limits"
        if not _BOUNDED.fullmatch(str(memory or "")):
            yield Problem("there is no memory limit", where)
        if not _BOUNDED.fullmatch(str(pids or "")):
            yield Problem("there is no process limit", where)
        if service.get("oom_kill_disable"):
            yield Problem("the memory limit is not enforced", f"services.{name}.oom_kill_disable")


@check(
    "compose.restart",
    sabotage=lambda e: e.with_service(
        _main(e), lambda s: s.update(restart="no", deploy={**s.get("deploy", {}), "restart_policy": None})
    ),
    mend="restart: unless-stopped",
)
def restart(evidence: Evidence) -> Iterator[Problem]:
    """Every production service is started again when it ends by itself or the host restarts.

    Without a policy one crash at night is an outage until the morning.
    """
    for name, service in evidence.services().items():
        # Where both are given, the one under `deploy` counts.
        deployed = (service.get("deploy") or {}).get("restart_policy")
        policy = (deployed.get("condition") or "any") if deployed else service.get("restart") or "no"
        if policy not in {"always", "unless-stopped", "any"}:
            yield Problem(f"the restart policy is {policy}", f"services.{name}.restart")


@check(
    "compose.logging",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.pop("logging", None)),
    mend="logging: json-file with max-size and max-file, or the local driver",
)
def logging(evidence: Evidence) -> Iterator[Problem]:
    """Every production service keeps its logs, bounded.

    Docker's default keeps everything until the disk is full.
    """
    for name, service in evidence.services().items():
        logging = service.get("logging") or {}
        driver, options = logging.get("driver", ""), logging.get("options") or {}
        where = f"services.{name}.logging"
        if driver == "none":
            yield Problem("logs are thrown away", where)
        elif driver in {"", "json-file"} and not _BOUNDED.fullmatch(str(options.get("max-size") or "")):
            yield Problem("logs grow without bound", where)


@check(
    "compose.isolation",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.update(privileged=True)),
    mend="remove the setting; if the service truly needs it, it needs a machine of its own",
)
def isolation(evidence: Evidence) -> Iterator[Problem]:
    """No production service is privileged, shares a namespace of the host or of another container, or sees a device.

    Each of these is a way out of the container.
    """
    for name, service in evidence.services().items():
        if service.get("privileged"):
            yield Problem("the service is privileged", f"services.{name}.privileged")
        for key in ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"):
            value = str(service.get(key) or "")
            if value == "host" or value.startswith(("container:", "service:")):
                yield Problem(f"{key} is {value}", f"services.{name}.{key}")
        for key in ("devices", "device_cgroup_rules", "volumes_from", "gpus"):
            if service.get(key):
                yield Problem(f"{key} are given", f"services.{name}.{key}")
        resources = (service.get("deploy") or {}).get("resources") or {}
        if (resources.get("reservations") or {}).get("devices"):
            yield Problem("devices are reserved", f"services.{name}.deploy.resources.reservations.devices")


@check(
    "compose.host_folders",
    sabotage=lambda e: e.with_service(
        _main(e),
        lambda s: s.setdefault("volumes", []).append(
            {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}
        ),
    ),
    mend="mount single files, read-only; keep data in named volumes",
)
def host_folders(evidence: Evidence) -> Iterator[Problem]:
    """Production services see no Docker socket and nothing of the host but single files, read-only.

    Who can write to the Docker socket is root on the host; a folder that holds the socket is the same.
    """
    volumes = evidence.json("compose.production", "").get("volumes") or {}
    for name, service in evidence.services().items():
        if service.get("use_api_socket"):
            yield Problem("the service is given the Docker Engine", f"services.{name}.use_api_socket")
        for mount in service.get("volumes") or []:
            source, where = _host_source(mount, volumes), f"services.{name}.volumes: {mount.get('target')}"
            if not source:
                continue
            if source.endswith(".sock") or any(f"{path}/".startswith(f"{source.rstrip('/')}/") for path in SOCKETS):
                yield Problem(f"{source} gives the service the Docker Engine", where)
            elif not mount.get("read_only"):
                yield Problem(f"{source} is mounted writable", where)
            elif not _is_single_file(source):
                yield Problem(f"{source} is a folder, not a single file", where)


def _host_source(mount: dict[str, Any], volumes: dict[str, Any]) -> str:
    """Return the path of the host that a mount shows, directly or by way of a volume's options; else nothing."""
    source = str(mount.get("source") or "")
    if mount.get("type") != "bind":
        options = (volumes.get(source) or {}).get("driver_opts") or {}
        is_bound = "bind" in str(options.get("o", "")).split(",") or options.get("type") == "none"
        source = str(options.get("device") or "") if is_bound else ""
    return posixpath.normpath(source).replace("//", "/") if source else ""


def _is_single_file(source: str) -> bool:
    """Whether a path is a file, told by its name: nothing else says so in a compose model."""
    name = posixpath.basename(source)
    return source in _SINGLE_FILES or bool(posixpath.splitext(name)[1] and not _FOLDER_SUFFIX.search(name))


@check(
    "compose.ports",
    sabotage=lambda e: e.with_service(
        _main(e), lambda s: s.setdefault("ports", []).append({"target": 1, "published": "1"})
    ),
    mend='publish on loopback: "127.0.0.1:3000:3000"; BIND_ADDRESS in .env asks for more',
)
def ports(evidence: Evidence) -> Iterator[Problem]:
    """Published ports are on loopback, unless .env asks for another address.

    Docker publishes around the host's firewall: a port without an address is open to the whole network.
    """
    asked = evidence.document("workspace.bind_address", "")
    for name, service in evidence.services().items():
        for port in service.get("ports") or []:
            address = str(port.get("host_ip") or "")
            if not is_loopback(address) and (not asked or address != asked):
                where = f"services.{name}.ports: {port.get('published', 'any')}->{port.get('target')}"
                yield Problem(f"the port is published on {address or 'every address'}", where)


@check(
    "compose.config_mount",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.update(volumes=[], configs=[])),
    mend="./config/config.json:/app/config/config.json:ro",
)
def config_mount(evidence: Evidence) -> Iterator[Problem]:
    """The service's configuration is mounted read-only, and is not in the image.

    One image serves every environment, and the service cannot change what it was told.
    """
    services = evidence.services()
    evidence.needs("service", "config_mount")
    target, service = evidence.settings.config_mount, services.get(_main(evidence), {})
    mounts = [mount for mount in service.get("volumes") or [] if mount.get("target") == target]
    where = f"services.{_main(evidence)}.volumes"
    if any(config.get("target") == target for config in service.get("configs") or []):
        return
    if not mounts:
        yield Problem(f"nothing is mounted at {target}", where)
    elif not mounts[0].get("read_only"):
        yield Problem(f"{target} is mounted writable", where)


@check(
    "compose.no_secrets",
    sabotage=lambda e: e.with_service(
        e.a_service(), lambda s: s.update(command=["redis-server", "--requirepass", "changeme"])
    ),
    mend="declare it under secrets: as a file, and read it from /run/secrets",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No environment variable, command, label or health check holds a password, in the files or after interpolation.

    All of them are shown by `docker inspect` and `docker compose config`, to everyone who may ask the engine.
    """
    model = evidence.json("compose.production", "")
    for name, service in evidence.services().items():
        yield from _variables(name, service)
        for key, value in service.items():
            text = "\n".join(_texts(value))
            where = f"services.{name}.{key}"
            for leak in evidence.wanted.seen_in_text(text):
                yield Problem(f"it holds {leak}", where)
            written = _words(value.get("test") if key == "healthcheck" and value else value)
            if key in {"command", "entrypoint", "healthcheck"} and shows_password(written):
                yield Problem("a password is written in it", where)
    for name, config in (model.get("configs") or {}).items():
        content = str((config or {}).get("content") or "")
        if shows_password(content) or evidence.wanted.seen_in_text(content):
            yield Problem("a password is written in it", f"configs.{name}.content")
    yield from _interpolated(evidence)
    config = evidence.settings.redis_config
    for number, line in enumerate(evidence.document("tree.files", "").get(config, "").splitlines(), start=1):
        if _REDIS_PASSWORD.match(line) or evidence.wanted.seen_in_text(line):
            yield Problem("a password is written in it", f"{config}:{number}")


def _variables(name: str, service: Service) -> Iterator[Problem]:
    """Judge what is set by name: variables, labels, build arguments."""
    places = {key: service.get(key) or {} for key in ("environment", "labels")}
    places["build.args"] = (service.get("build") or {}).get("args") or {}
    for place, values in places.items():
        for variable, value in values.items():
            where = f"services.{name}.{place}.{variable}"
            if value and names_a_secret(variable):
                yield Problem("the variable's value is a secret by its name", where)
            elif shows_password(str(value or "")):
                yield Problem("a password is written in it", where)


def _texts(value: Any) -> Iterator[str]:
    """Yield every text in a part of the model, keys included."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def _interpolated(evidence: Evidence) -> Iterator[Problem]:
    """Look for secrets that the files themselves take from the environment, before Compose puts the values in."""
    for file, text in evidence.document("compose.sources", "").items():
        evidence.seen["compose files"] += 1
        for number, line in enumerate(text.splitlines(), start=1):
            code = line.partition(" #")[0] if not line.lstrip().startswith("#") else ""
            if re.search(r"\$\{?\w*(?:PASSWORD|SECRET|TOKEN)", code):
                yield Problem("a secret is interpolated into the model", f"{file}:{number}")


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
            found = re.search(r"PASSWORD:?-(?P<default>[^}]+)\}|requirepass[\s,\"']+(?P<literal>[\w-]+)", line)
            if found and WEAK.search(found["default"] or found["literal"] or ""):
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
    for name, service in evidence.services().items():
        for mount in service.get("volumes") or []:
            if mount.get("type") == "bind" and SECRET_FILE.search(str(mount.get("source", "")).rstrip("/") + "/."):
                yield Problem("the secrets folder is mounted as a whole", f"services.{name}.volumes")


@check(
    "compose.data_volumes",
    sabotage=lambda e: e.with_service(e.settings.redis_service, lambda s: s.update(volumes=[])),
    mend="redis_prod_data:/data",
)
def data_volumes(evidence: Evidence) -> Iterator[Problem]:
    """Redis keeps its data on a named volume.

    On an anonymous volume or a tmpfs every claim is forgotten when the container is replaced, and can be made again.
    """
    services = evidence.services()
    evidence.needs("redis_service")
    name, folder = evidence.settings.redis_service, evidence.settings.redis_data
    service = services.get(name, {})
    mounts = {str(m.get("target", "")).rstrip("/"): m for m in service.get("volumes") or []}
    data, where = mounts.get(folder) or {}, f"services.{name}.volumes"
    volumes = evidence.json("compose.production", "").get("volumes") or {}
    if data.get("type") != "volume" or not data.get("source"):
        yield Problem(f"{folder} is not on a named volume", where)
    elif ((volumes.get(data["source"]) or {}).get("driver_opts") or {}).get("type") in {"tmpfs", "ramfs"}:
        yield Problem(f"the volume of {folder} is kept in memory", f"volumes.{data['source']}")
    in_memory = [target for target, mount in mounts.items() if mount.get("type") == "tmpfs"]
    declared = service.get("tmpfs") or []
    in_memory += [str(text).partition(":")[0] for text in (declared if isinstance(declared, list) else [declared])]
    for target in in_memory:
        if f"{target.rstrip('/')}/".startswith(f"{folder}/"):
            yield Problem(f"{target} is a tmpfs", f"services.{name}.tmpfs")


@check(
    "compose.images",
    sabotage=lambda e: e.with_service(e.a_service(), lambda s: s.update(image="redis:latest", build=None)),
    mend="name a version: image: redis:7-alpine",
)
def images(evidence: Evidence) -> Iterator[Problem]:
    """Every production service names its image by an explicit tag or digest, or builds it from this tree.

    `latest` is another image on the next host.
    """
    for name, service in evidence.services().items():
        image = str(service.get("image") or "")
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in image and tag in {"", "latest"} and not service.get("build"):
            yield Problem(f"the image {image or '(none)'} has no explicit version", f"services.{name}.image")


@check(
    "compose.depends_on",
    sabotage=lambda e: e.with_service(_main(e), lambda s: s.pop("depends_on", None)),
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
    if waits.get("condition") != "service_healthy":
        yield Problem(
            f"it does not wait for {settings.redis_service} to be healthy", f"services.{settings.service}.depends_on"
        )


@check(
    "compose.healthcheck",
    sabotage=lambda e: e.with_service(
        e.a_service(), lambda s: s.update(healthcheck={"test": ["CMD-SHELL", "redis-cli ping || true"]})
    ),
    mend="make the check fail on any other answer than the right one: redis-cli -e ... | grep -qx PONG",
)
def healthcheck(evidence: Evidence) -> Iterator[Problem]:
    """Every production service has a health check, its own or its image's, that can fail.

    `redis-cli ping` exits 0 on an authentication error, and `|| true` on everything.
    """
    for name, service in evidence.services().items():
        declared = service.get("healthcheck") or {}
        where = f"services.{name}.healthcheck"
        test = declared.get("test") or []
        if declared.get("disable") or (test and test[0] == "NONE"):
            yield Problem("the health check is disabled", where)
        elif not test and name != evidence.settings.service:
            yield Problem("there is no health check", where)
        words = [str(word) for word in test[1:]]
        script = " ".join(words) if test and test[0] == "CMD-SHELL" else script_of(words)
        if test and cannot_fail(script):
            yield Problem("the health check cannot fail", where)
        if "redis-cli" in script and not re.search(r"\bgrep\b|\bredis-cli\b[^|;&]*\s-e\b|=\s*\S*PONG", script):
            yield Problem("redis-cli exits 0 on an authentication error, so the check cannot fail", where)
