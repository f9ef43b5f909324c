"""What a trial stack is made of: production's own model, but for what is named here.

It differs from the model in what the table of `trial_model` says and in nothing else: own project name, networks,
volumes and secrets, free loopback ports, the image under test; and two more services, a twin of the service with a
writable root file system and a Redis without a password, which are the controls.
"""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import compose
from seatrial.evidence.trial import apart

if TYPE_CHECKING:
    from seatrial.engine import Document, Engine
    from seatrial.settings import Settings
    from seatrial.wallet import Payment
    from service.config import Config

TRIAL_LABEL, INSTEAD_LABEL = "seatrial.trial", "seatrial.instead-of"
MOMENTS = ("start", "healthy", "asked", "fault", "noticed", "mended", "recovered", "stop", "stopped", "failed")
"""The kinds of things that `trial.timeline` tells."""
TWIN, OPEN_REDIS = "writable-twin", "open-redis"


@dataclass
class Trial:
    """A running trial stack and what it has told so far."""

    settings: Settings
    engine: Engine
    stack: compose.Stack
    folder: Path
    model: dict[str, Any]
    password_files: dict[str, Path]
    """Where each user's password lies, by the user's name: in the trial's own folder, where the stack is given it."""
    config: Config | None = None
    """What the project's own service is configured to do; None for another one, and when that cannot be read."""
    token: str = field(default="", repr=False)
    payment: Payment | None = field(default=None, repr=False)
    documents: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    """Why a document could not be gathered."""
    began: float = field(default_factory=time.monotonic)

    def moment(self, kind: str, text: str) -> None:
        """Write into the timeline that something happened now."""
        told = self.documents.setdefault("trial.timeline", [])
        told.append({"seconds": round(time.monotonic() - self.began, 3), "kind": kind, "text": text})

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

    @property
    def service_address(self) -> tuple[str, int]:
        """Where the service is published on this machine."""
        return self.address(self.settings.service, self.settings.service_port)

    @cached_property
    def passwords(self) -> dict[str, str]:
        """The trial's own password of each user of Redis, as it was when first asked for: a probe changes the files."""
        files = self.password_files.items()
        return {user: file.read_text(encoding="utf-8").strip() for user, file in files if file.is_file()}

    @property
    def secrets(self) -> list[tuple[str, str]]:
        """The trial's own secrets by name: they must show nowhere either."""
        found = [(f"the trial's {name} password", value) for name, value in self.passwords.items()]
        if self.token:
            found.append(("the trial's client token", self.token))
        if self.payment is not None:
            found.append(("the signature of the trial's payment", self.payment.signature))
        return found


def trial_model(model: dict[str, Any], settings: Settings, image: str, folder: Path, label: str) -> dict[str, Any]:
    """Return the compose model of the trial stack. Nothing but what is named here differs from production."""
    services = copy.deepcopy(settings.in_production(model.get("services") or {}))
    for name, service in services.items():
        service.pop("profiles", None)
        service.pop("build", None)
        service.pop("container_name", None)
        apart.ties(service)
        if name == settings.service:
            service["image"] = image
        for port in service.get("ports", []):
            port.pop("published", None)
            port["host_ip"] = "127.0.0.1"
        for mount in service.get("volumes", []):
            copied = folder / Path(str(mount.get("source") or "/")).name
            if mount["type"] == "bind" and copied.is_file():
                mount["source"] = str(copied)
        service.setdefault("labels", {})[TRIAL_LABEL] = label
    instead = apart.mounts(services, folder)
    if settings.service in services:
        twin = copy.deepcopy(services[settings.service])
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
    doors = _open_doors(
        services, {settings.service: settings.service_port, settings.redis_service: settings.redis_port}
    )
    used_networks = {name for service in services.values() for name in service.get("networks") or {}} | {"default"}
    used_volumes = {
        mount.get("source")
        for service in services.values()
        for mount in service.get("volumes", [])
        if mount["type"] == "volume"
    }
    # Without a name of their own networks and volumes are named after the trial's project.
    marked = {"labels": {TRIAL_LABEL: label}}
    return {
        "services": services,
        "networks": {
            name: {**apart.network(declared or {}), **marked}
            for name, declared in {"default": {}, **doors, **(model.get("networks") or {})}.items()
            if name in used_networks
        },
        "volumes": {
            **{
                name: {**apart.volume(declared or {}), **marked}
                for name, declared in (model.get("volumes") or {}).items()
                if name in used_volumes
            },
            **{name: {"labels": {TRIAL_LABEL: label, INSTEAD_LABEL: source}} for name, source in instead.items()},
        },
        "secrets": {
            name: {"file": str(secret_copy(settings, folder, name, secret))} if "file" in secret else _unnamed(secret)
            for name, secret in (model.get("secrets") or {}).items()
        },
        **(
            {"configs": {name: _unnamed(config) for name, config in model["configs"].items()}}
            if model.get("configs")
            else {}
        ),
    }


def secret_copy(settings: Settings, folder: Path, name: str, secret: dict[str, Any]) -> Path:
    """Return where the trial's own copy of a secret file lies: made anew where seatrial makes secrets, else copied."""
    return folder / "secrets" / (Path(secret["file"]).name if settings.managed else name)


def _open_doors(services: dict[str, Any], ports: dict[str, int]) -> dict[str, Any]:
    """Publish what is to be asked and is not published, each by a network of its own; return these networks.

    On the stack's own networks, which may have no way out, nothing changes.
    """
    doors: dict[str, Any] = {}
    for name, port in ports.items():
        service = services.get(name)
        if service is None or not port or service.get("network_mode"):
            continue
        if port not in {published.get("target") for published in service.get("ports") or []}:
            door = f"door-{name}"
            doors[door] = {}
            service["networks"] = {**(service.get("networks") or {"default": None}), door: None}
            way = {"target": port, "host_ip": "127.0.0.1", "protocol": "tcp", "mode": "ingress"}
            service["ports"] = [*(service.get("ports") or []), way]
    return doors


def _unnamed(declared: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the model without the name that it has in production's project."""
    return {key: value for key, value in declared.items() if key != "name"}
