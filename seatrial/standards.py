"""Where others ask for the same as a check: the CIS Docker Benchmark and the OWASP Docker Security Cheat Sheet.

A number stands here only where the check judges what the recommendation asks, not where both merely touch a subject.
"""

from __future__ import annotations

CIS = "CIS Docker Benchmark 1.6.0"
OWASP = "OWASP Docker Security Cheat Sheet"

_CIS = {
    "4.1": ("a user for the container has been created", "image.user compose.user runtime.identity"),
    "4.2": ("containers use only trusted base images", "dockerfile.pinned_base supply.base"),
    "4.3": ("unnecessary packages are not installed", "dockerfile.stages packages.no_development"),
    "4.6": ("HEALTHCHECK instructions have been added", "dockerfile.instructions image.healthcheck"),
    "4.7": ("update instructions are not used alone", "dockerfile.system_packages"),
    "4.8": ("setuid and setgid permissions are removed", "layers.no_privilege"),
    "4.9": ("COPY is used instead of ADD", "dockerfile.no_remote_files"),
    "4.10": ("secrets are not stored in Dockerfiles", "dockerfile.no_secrets image.no_secrets layers.no_secrets"),
    "4.11": ("only verified packages are installed", "dockerfile.hash_locked packages.hashes packages.locked"),
    "5.2": ("an AppArmor profile is enabled", "compose.no_new_privileges"),
    "5.4": ("kernel capabilities are restricted", "compose.capabilities runtime.identity"),
    "5.5": ("privileged containers are not used", "compose.isolation"),
    "5.6": ("sensitive host directories are not mounted", "compose.host_folders"),
    "5.9": ("only needed ports are open", "image.port runtime.listener"),
    "5.10": ("the host's network namespace is not shared", "compose.isolation"),
    "5.11": ("memory usage is limited", "compose.limits"),
    "5.13": ("the root filesystem is mounted read only", "compose.read_only runtime.read_only_root"),
    "5.14": ("incoming traffic is bound to a host interface", "compose.ports redis.loopback"),
    "5.16": ("the host's process namespace is not shared", "compose.isolation"),
    "5.17": ("the host's IPC namespace is not shared", "compose.isolation"),
    "5.18": ("host devices are not directly exposed", "compose.isolation"),
    "5.21": ("the host's UTS namespace is not shared", "compose.isolation"),
    "5.22": ("the default seccomp profile is not disabled", "compose.no_new_privileges runtime.identity"),
    "5.26": ("additional privileges cannot be acquired", "compose.no_new_privileges runtime.identity"),
    "5.27": ("container health is checked at runtime", "compose.healthcheck runtime.health_flip"),
    "5.29": ("the PIDs cgroup limit is used", "compose.limits"),
    "5.31": ("the host's user namespaces are not shared", "compose.isolation"),
    "5.32": ("the Docker socket is not mounted", "compose.host_folders"),
}
_OWASP = {
    "1": ("do not expose the Docker daemon socket", "compose.host_folders"),
    "2": ("set a user", "image.user compose.user runtime.identity"),
    "3": ("limit capabilities", "compose.capabilities compose.isolation runtime.identity"),
    "4": ("prevent in-container privilege escalation", "compose.no_new_privileges runtime.identity"),
    "5": ("be mindful of inter-container connectivity", "redis.loopback"),
    "5a": ("be careful when mapping container ports to the host", "compose.ports redis.loopback"),
    "6": ("use a Linux security module", "compose.no_new_privileges runtime.identity"),
    "7": ("limit resources", "compose.limits"),
    "8": ("set filesystem and volumes to read-only", "compose.read_only compose.config_mount runtime.read_only_root"),
    "12": ("use Docker secrets for sensitive data", "compose.no_secrets compose.secret_files"),
    "13": ("enhance supply chain security", "supply.sbom supply.reproducible"),
}


def of(check_id: str) -> list[str]:
    """Return the recommendations that a check judges, each as one line."""
    found = [f"{CIS}, {number}: {asks}" for number, (asks, ids) in _CIS.items() if check_id in ids.split()]
    return found + [f"{OWASP}, rule {rule}: {asks}" for rule, (asks, ids) in _OWASP.items() if check_id in ids.split()]


def named() -> set[str]:
    """Return the ids of all checks that are named here."""
    return {name for table in (_CIS, _OWASP) for _, ids in table.values() for name in ids.split()}
