"""What a production service may do inside its container."""

from __future__ import annotations

import json
import posixpath
import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.checks.compose.model import Service, hooks, main, tmpfs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

_TRUE = {"", "1", "t", "true"}
_DENIES = {"SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP"}
_NUMBER = re.compile(r"[0-9]+")


@check(
    "compose.read_only",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.pop("read_only", None)),
    mend="read_only: true, and a volume or tmpfs for what must be written",
)
def read_only(evidence: Evidence) -> Iterator[Problem]:
    """Every production service has a read-only root file system, and nothing writable that programs are started from.

    An intruder then has nowhere to put a program, and a restart removes what is in memory.
    """
    for name, service in evidence.services().items():
        if service.get("read_only") is not True:
            yield Problem("the root file system is writable", f"services.{name}.read_only")
        for path, options in tmpfs(service):
            for option in sorted(options & {"exec", "suid", "dev"}):
                yield Problem(f"{path} is mounted with {option}", f"services.{name}.tmpfs")
    yield from _over_code(evidence)


def _over_code(evidence: Evidence) -> Iterator[Problem]:
    """Look for what is mounted over the service's code: it is writable, and keeps old code over a new image's."""
    service = evidence.services().get(main(evidence), {})
    code = evidence.settings.package_root.rstrip("/")
    places = {str(mount.get("target")): "volumes" for mount in service.get("volumes") or []}
    places |= {path: "tmpfs" for path, _ in tmpfs(service)}
    for target, key in places.items():
        path = posixpath.normpath(target)
        is_above = f"{code}/".startswith(f"{path.rstrip('/')}/")
        if is_above or re.match(rf"{re.escape(code)}/(?:\.?venv|lib|bin|node_modules|site-packages)(?:/|$)", path):
            yield Problem(f"{target} lies over the service's code", f"services.{main(evidence)}.{key}")


@check(
    "compose.capabilities",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(cap_add=["NET_ADMIN"])),
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
    sabotage=lambda e: e.with_service(main(e), lambda s: s.pop("security_opt", None)),
    mend='security_opt: ["no-new-privileges:true"], and no unconfined profile',
)
def no_new_privileges(evidence: Evidence) -> Iterator[Problem]:
    """Every production service forbids new privileges, and no seccomp, AppArmor or SELinux confinement is loosened.

    Without it a setuid file in the image makes any process root.
    """
    for name, service in evidence.services().items():
        options = [str(option).replace("=", ":", 1) for option in service.get("security_opt") or []]
        where = f"services.{name}.security_opt"
        # Of several the engine takes the last one.
        said = [option.partition(":")[2] for option in options if option.partition(":")[0] == "no-new-privileges"]
        if not said or said[-1].lower() not in _TRUE:
            yield Problem("new privileges are not forbidden", where)
        for option in options:
            if _loosens(option, evidence.document("compose.profiles", "")):
                yield Problem(f"{option} takes a protection away", where)


def _loosens(option: str, profiles: dict[str, str]) -> bool:
    key, _, value = option.partition(":")
    told = option.lower()
    if key == "seccomp" and value.lower() not in {"unconfined", "builtin"}:
        return not _denies(profiles.get(value, ""))
    is_selinux_off = told in {"disable", "label:disable"} or told.startswith(("label:type:spc_t", "label:type:unconf"))
    return told.endswith(":unconfined") or is_selinux_off or told.startswith(("writable-cgroups:t", "unmask:"))


def _denies(profile: str) -> bool:
    """Whether a seccomp profile refuses what it does not name."""
    try:
        return json.loads(profile).get("defaultAction") in _DENIES
    except (ValueError, AttributeError, RecursionError):
        return False


@check(
    "compose.user",
    sabotage=lambda e: e.with_service(main(e), lambda s: s.update(user="0:0")),
    mend='user: "uid:gid", both numbers over 0',
)
def user(evidence: Evidence) -> Iterator[Problem]:
    """Every production service runs as a numeric user and group that are not root, and joins no group 0.

    The image's USER can be overridden here, for better or worse, and once more by what is run inside the container.
    """
    for name, service in evidence.services().items():
        written = str(service.get("user") or "")
        where = f"services.{name}.user"
        uid, _, gid = written.partition(":")
        if not _NUMBER.fullmatch(uid) or not _NUMBER.fullmatch(gid):
            yield Problem(f"the user is {written or 'not set'}, not two numbers", where)
        elif int(uid) == 0 or int(gid) == 0:
            yield Problem(f"the service runs as {written}", where)
        for group in service.get("group_add") or []:
            if not _NUMBER.fullmatch(str(group)) or int(group) == 0:
                yield Problem(f"the service joins the group {group}", f"services.{name}.group_add")
        yield from _of_hooks(name, service)


def _of_hooks(name: str, service: Service) -> Iterator[Problem]:
    for place, hook in hooks(service):
        written = str(hook.get("user") or "")
        numbers = written.split(":")
        if written and not all(_NUMBER.fullmatch(number) and int(number) for number in numbers):
            yield Problem(f"a command is run in it as {written}", f"services.{name}.{place}.user")
