"""What a production service shares with its host and its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatrial.checks import Problem, check
from seatrial.checks.compose.model import Service, hooks, main
from seatrial.ports import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_NAMESPACES = ("network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup")
_ON_THE_WIRE = {"macvlan", "ipvlan"}
_GATEWAY_MODES = {f"com.docker.network.bridge.gateway_mode_ipv{version}" for version in (4, 6)}
_UNPROTECTED = {"routed", "nat-unprotected"}


@check(
    "compose.isolation",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(privileged=True)),
    mend="remove the setting; if the service truly needs it, it needs a machine of its own",
)
def isolation(evidence: Evidence) -> Iterator[Problem]:
    """No production service is privileged, shares a namespace of the host or of another container, or sees a device.

    Each of these is a way out of the container.
    """
    networks = evidence.json("compose.production", "").get("networks") or {}
    for name, service in evidence.services().items():
        for key in _NAMESPACES:
            value = str(service.get(key) or "")
            if value == "host" or value.startswith(("container:", "service:", "ns:")):
                yield Problem(f"{key} is {value}", f"services.{name}.{key}")
        for network in service.get("networks") or {}:
            if _is_the_host(network, networks):
                yield Problem("the network is the host's own", f"services.{name}.networks.{network}")
        yield from _privileges(name, service)


def _privileges(name: str, service: Service) -> Iterator[Problem]:
    if service.get("privileged"):
        yield Problem("the service is privileged", f"services.{name}.privileged")
    for place, hook in hooks(service):
        if hook.get("privileged"):
            yield Problem("a privileged command is run in it", f"services.{name}.{place}.privileged")
    for key in ("devices", "device_cgroup_rules", "volumes_from", "gpus"):
        if service.get(key):
            yield Problem(f"{key} are given", f"services.{name}.{key}")
    if "nvidia" in str(service.get("runtime") or ""):
        yield Problem("its runtime hands it devices", f"services.{name}.runtime")
    resources = (service.get("deploy") or {}).get("resources") or {}
    reserved = resources.get("reservations") or {}
    if reserved.get("devices") or reserved.get("generic_resources"):
        yield Problem("devices are reserved", f"services.{name}.deploy.resources.reservations")


def _is_the_host(network: str, networks: dict[str, Any]) -> bool:
    told = networks.get(network) or {}
    return told.get("driver") == "host" or (bool(told.get("external")) and told.get("name", network) == "host")


@check(
    "compose.ports",
    sabotage=lambda e: e.with_service(
        main(e), lambda s: s.setdefault("ports", []).append({"target": 1, "published": "1"})
    ),
    mend='publish on loopback: "127.0.0.1:3000:3000"; BIND_ADDRESS in .env asks for more',
)
def ports(evidence: Evidence) -> Iterator[Problem]:
    """Published ports are on loopback, unless .env asks for another address, and no network opens the others.

    Docker publishes around the host's firewall: a port without an address is open to the whole network.
    """
    asked = evidence.document("workspace.bind_address", "")
    networks = evidence.json("compose.production", "").get("networks") or {}
    for name, service in evidence.services().items():
        for port in service.get("ports") or []:
            address = str(port.get("host_ip") or "")
            if not is_loopback(address) and (not asked or address != asked):
                where = f"services.{name}.ports: {port.get('published', 'any')}->{port.get('target')}"
                yield Problem(f"the port is published on {address or 'every address'}", where)
        for network in service.get("networks") or {}:
            told = networks.get(network) or {}
            options = told.get("driver_opts") or {}
            if told.get("driver") in _ON_THE_WIRE or {options.get(mode) for mode in _GATEWAY_MODES} & _UNPROTECTED:
                yield Problem("every port of it can be reached from outside", f"networks.{network}")
