"""What a trial stack is made of: production's own model, but for what is named here.

It differs from the model in what the table of `trial_model` says and in nothing else: own project name, networks,
volumes and secrets, free loopback ports, the image under test; and two more services, a twin of the service with a
writable root file system and a Redis without a password, which are the controls.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import compose, secret_files

if TYPE_CHECKING:
    from seatrial.engine import Document, Engine
    from seatrial.settings import Settings

TRIAL_LABEL = "seatrial.trial"
TWIN, OPEN_REDIS = "writable-twin", "open-redis"


@dataclass
class Trial:
    """A running trial stack and what it has told so far."""

    settings: Settings
    engine: Engine
    stack: compose.Stack
    folder: Path
    model: dict[str, Any]
    documents: dict[str, Any] = field(default_factory=dict)

    @property
    def main_services(self) -> list[str]:
        """The services of the production model, without the controls."""
        return [name for name in self.model["services"] if name not in {TWIN, OPEN_REDIS}]

    def container(self, service: str) -> Document:
        """Return `docker inspect` of one service's container."""
        for container in self.engine.containers(self.stack.project):
            if compose.service_of(container) == service:
                return container
        raise KeyError(service)

    def address(self, service: str, inside: int) -> tuple[str, int]:
        """Return where a port of a service is published on this machine."""
        bindings = self.container(service)["NetworkSettings"]["Ports"][f"{inside}/tcp"]
        return str(bindings[0]["HostIp"]), int(bindings[0]["HostPort"])

    @cached_property
    def passwords(self) -> dict[str, str]:
        """The trial's own password of each user of Redis, as it was when first asked for: a probe changes the files."""
        return secret_files.passwords(self.folder / "secrets")

    @property
    def secrets(self) -> list[tuple[str, str]]:
        """The trial's own secrets by name: they must show nowhere either."""
        return [(f"the trial's {name} password", value) for name, value in self.passwords.items()]


def trial_model(model: dict[str, Any], settings: Settings, image: str, folder: Path, label: str) -> dict[str, Any]:
    """Return the compose model of the trial stack. Nothing but what is named here differs from production."""
    services = {name: copy.deepcopy(service) for name, service in model["services"].items() if service.get("profiles")}
    for name, service in services.items():
        service.pop("profiles", None)
        service.pop("build", None)
        service.pop("container_name", None)
        if name == settings.service:
            service["image"] = image
        for port in service.get("ports", []):
            port.pop("published", None)
            port["host_ip"] = "127.0.0.1"
        for mount in service.get("volumes", []):
            copied = folder / Path(mount["source"]).name
            if mount["type"] == "bind" and copied.is_file():
                mount["source"] = str(copied)
        service.setdefault("labels", {})[TRIAL_LABEL] = label
    service = services.get(settings.service)
    if service is not None:
        twin = copy.deepcopy(service)
        twin.pop("read_only", None)
        twin.pop("ports", None)
        services[TWIN] = twin
    redis_service = services.get(settings.redis_service)
    if redis_service is not None:
        services[OPEN_REDIS] = {
            "image": redis_service["image"],
            "command": ["redis-server", "--protected-mode", "no", "--save", ""],
            "user": redis_service.get("user", "999:999"),
            "ports": [{"target": 6379, "host_ip": "127.0.0.1", "protocol": "tcp", "mode": "ingress"}],
            "labels": {TRIAL_LABEL: label},
        }
    used_networks = {name for service in services.values() for name in service.get("networks") or {}} | {"default"}
    used_volumes = {
        mount.get("source")
        for service in services.values()
        for mount in service.get("volumes", [])
        if mount["type"] == "volume"
    }
    return {
        "services": services,
        "networks": _renamed({"default": {}, **(model.get("networks") or {})}, used_networks, label),
        "volumes": _renamed(model.get("volumes"), used_volumes, label),
        "secrets": {
            name: {"file": str(folder / "secrets" / Path(secret["file"]).name)}
            for name, secret in (model.get("secrets") or {}).items()
            if "file" in secret
        },
    }


def _renamed(declared: dict[str, Any] | None, used: set[Any], label: str) -> dict[str, Any]:
    # Without a name of their own they are named after the trial's project.
    return {
        name: {
            **{key: value for key, value in (options or {}).items() if key != "name"},
            "labels": {TRIAL_LABEL: label},
        }
        for name, options in (declared or {}).items()
        if name in used
    }
