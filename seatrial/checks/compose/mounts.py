"""What a production service sees of the host's disks, and where its data lies."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check
from seatrial.checks.compose.model import Service, main, tmpfs
from seatrial.checks.compose.redis import configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

SOCKETS = (
    *("/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/containerd/x"),
    *("/run/podman/podman.sock", "/run/crio/crio.sock", "/run/user/1000/docker.sock", "/proc/1/root/run/docker.sock"),
)
"""Where container engines listen, and ways to the same."""
_FOLDER_SUFFIX = re.compile(r"\.(?:d|git|ssh|aws|docker|kube|config|cache|local)$")
_SINGLE_FILES = ("/etc/localtime", "/etc/timezone", "/etc/machine-id", "/etc/hostname", "/etc/hosts")
_NOT_OF_THIS_HOST = {"", "tmpfs", "ramfs", "nfs", "nfs4", "cifs", "smb3"}
"""File systems of the local driver that show nothing of the host's own disks."""


@check(
    "compose.host_folders",
    sabotage=lambda e: e.with_service(
        main(e),
        lambda s: s.setdefault("volumes", []).append(
            {"type": "bind", "source": "/var/run/docker.sock", "target": "/var/run/docker.sock"}
        ),
    ),
    mend="mount single files, read-only; keep data in named volumes",
)
def host_folders(evidence: Evidence) -> Iterator[Problem]:
    """Production services see no Docker socket and nothing of the host but single files, read-only.

    Who can write to the Docker socket is root on the host; a folder that holds the socket is the same, and so is a
    link to it.
    """
    volumes = evidence.json("compose.production", "").get("volumes") or {}
    known = evidence.document("compose.mounts", "")
    for name, service in evidence.services().items():
        yield from _engine(name, service)
        for mount in service.get("volumes") or []:
            where = f"services.{name}.volumes: {mount.get('target')}"
            for problem in _seen(mount, volumes, known):
                yield Problem(problem, where)
        for rule in (service.get("develop") or {}).get("watch") or []:
            if rule.get("action") in {"sync", "sync+restart", "sync+exec"}:
                yield Problem(f"{rule.get('path')} is copied into it while it runs", f"services.{name}.develop.watch")


def _engine(name: str, service: Service) -> Iterator[Problem]:
    """Look for the engine by other ways than a mount."""
    if service.get("use_api_socket"):
        yield Problem("the service is given the Docker Engine", f"services.{name}.use_api_socket")
    environment = service.get("environment") or {}
    for variable in ("DOCKER_HOST", "CONTAINER_HOST"):
        if environment.get(variable):
            yield Problem("the service is told where the Docker Engine is", f"services.{name}.environment.{variable}")


def _seen(mount: dict[str, Any], volumes: dict[str, Any], known: dict[str, dict[str, str]]) -> Iterator[str]:
    """Yield what is wrong with a mount."""
    if mount.get("type") == "npipe":
        yield "a pipe of the host is mounted"
    source = _host_source(mount, volumes)
    if not source:
        return
    facts = known.get(str(mount.get("source")), {})
    real = facts.get("real", source)
    if facts.get("kind") == "socket" or any(_shows_engine(path) for path in (source, real)):
        yield f"{source} gives the service the Docker Engine"
    elif not mount.get("read_only"):
        yield f"{source} is mounted writable"
    elif facts.get("kind", "missing") != "file" and (facts.get("kind") == "folder" or not _is_single_file(source)):
        yield f"{source} is a folder, not a single file"
    propagation = str((mount.get("bind") or {}).get("propagation") or "")
    if propagation in {"shared", "rshared"}:
        yield f"what is mounted below {source} inside the container is mounted on the host too"


def _shows_engine(path: str) -> bool:
    return path.endswith(".sock") or any(f"{socket}/".startswith(f"{path.rstrip('/')}/") for socket in SOCKETS)


def _host_source(mount: dict[str, Any], volumes: dict[str, Any]) -> str:
    """Return the path of the host that a mount shows, directly or by way of a volume's options; else nothing."""
    source = str(mount.get("source") or "")
    if mount.get("type") != "bind":
        told = volumes.get(source) or {}
        options = told.get("driver_opts") or {}
        kind, device = str(options.get("type") or ""), str(options.get("device") or "")
        flags = {flag.strip() for flag in str(options.get("o") or "").split(",")}
        layers = [flag.partition("=")[2] for flag in flags if flag.startswith(("lowerdir=", "upperdir="))]
        is_shown = bool(flags & {"bind", "rbind"}) or kind not in _NOT_OF_THIS_HOST
        mountpoint = str(options.get("mountpoint") or "") if told.get("driver") not in {None, "", "local"} else ""
        source = (layers[0] if layers else device) if is_shown else mountpoint
    return posixpath.normpath(source).replace("//", "/") if source else ""


def _is_single_file(source: str) -> bool:
    """Whether a path is a file, told by its name: all there is to go by when it is not on this machine."""
    name = posixpath.basename(source)
    return source in _SINGLE_FILES or bool(posixpath.splitext(name)[1] and not _FOLDER_SUFFIX.search(name))


@check(
    "compose.config_mount",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(volumes=[], configs=[])),
    mend="./config/config.json:/app/config/config.json:ro",
)
def config_mount(evidence: Evidence) -> Iterator[Problem]:
    """The service's configuration is mounted read-only, and is not in the image.

    One image serves every environment, and the service cannot change what it was told.
    """
    services = evidence.services()
    evidence.needs("service", "config_mount")
    target, service = evidence.settings.config_mount, services.get(main(evidence), {})
    mounts = [mount for mount in service.get("volumes") or [] if mount.get("target") == target]
    where = f"services.{main(evidence)}.volumes"
    if any(config.get("target") == target for config in service.get("configs") or []):
        return
    if not mounts:
        yield Problem(f"nothing is mounted at {target}", where)
    elif not mounts[0].get("read_only"):
        yield Problem(f"{target} is mounted writable", where)


@check(
    "compose.data_volumes",
    sabotage=lambda e: e.with_service(
        e.settings.redis_service,
        lambda s: s.update(volumes=[mount for mount in s.get("volumes") or [] if mount["type"] != "volume"]),
    ),
    mend="redis_prod_data:/data",
)
def data_volumes(evidence: Evidence) -> Iterator[Problem]:
    """Redis keeps its data on a named volume.

    On an anonymous volume or a tmpfs every claim is forgotten when the container is replaced, and can be made again.
    """
    services = evidence.services()
    evidence.needs("redis_service")
    name = evidence.settings.redis_service
    service = services.get(name, {})
    folder = _data_folder(evidence)
    where = f"services.{name}.volumes"
    mounts = {posixpath.normpath(str(m.get("target") or "/")): m for m in service.get("volumes") or []}
    # The deepest mount above the folder is the one that it lies on.
    above = [path for path in mounts if f"{folder}/".startswith(f"{path.rstrip('/')}/")]
    data = mounts[max(above, key=len)] if above else {}
    volumes = evidence.json("compose.production", "").get("volumes") or {}
    if data.get("type") != "volume" or not data.get("source"):
        yield Problem(f"{folder} is not on a named volume", where)
    elif ((volumes.get(data["source"]) or {}).get("driver_opts") or {}).get("type") in {"tmpfs", "ramfs"}:
        yield Problem(f"the volume of {folder} is kept in memory", f"volumes.{data['source']}")
    elif data.get("read_only"):
        yield Problem(f"{folder} cannot be written", where)
    in_memory = [target for target, mount in mounts.items() if mount.get("type") == "tmpfs"]
    in_memory += [posixpath.normpath(path) for path, _ in tmpfs(service)]
    for target in in_memory:
        if f"{target.rstrip('/')}/".startswith(f"{folder}/"):
            yield Problem(f"{target} is a tmpfs", f"services.{name}.tmpfs")


def _data_folder(evidence: Evidence) -> str:
    """Return where Redis is told to keep its data: `dir`, else the folder that its images begin in."""
    said = [directive.value for directive in configuration(evidence) if directive.name == "dir"]
    return posixpath.normpath(posixpath.join("/data", said[-1] if said else ""))
