"""The processes of a container: asked of a shell inside it, or where it has none of the machine that it runs on."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from seatrial.engine import Engine

PROC = Path("/proc")
NO_SHELL = "the image has no shell to look around with"

# Only what the smallest images with a shell have. Each line says what it is.
_PROCESSES = r"""
echo "own $$"
for place in /proc/[0-9]*; do
    [ -r "$place/status" ] || continue
    echo "process ${place#/proc/}"
    sed 's/^/status /' "$place/status"
    tr '\0\n' '\n ' <"$place/cmdline" | sed 's/^/argv /'
    ls -l "$place/fd" | sed -n 's/.* -> /handle /p'
done 2>/dev/null
for table in tcp tcp6; do sed "s/^/$table /" "/proc/net/$table"; done 2>/dev/null
:
"""


def run_script(engine: Engine, container_id: str, script: str, *words: str, user: str = "") -> str:
    """Run a shell script in a container and return what it said; nothing when the container has no shell."""
    try:
        result = engine.execute(container_id, ["/bin/sh", "-c", script, "sh", *words], user=user)
    except SeatrialError as error:
        if error.code is Code.ENGINE_FAILED:
            return ""
        raise
    return result.output if result.exit_code == 0 else ""


def status(engine: Engine, container_id: str) -> str:
    """Return /proc/1/status of a container, nothing when nobody can read it."""
    said = run_script(engine, container_id, "cat /proc/1/status")
    return said or str(_of_this_machine(container_id)["processes"].get("1", {}).get("status", ""))


def processes(engine: Engine, container_id: str) -> dict[str, Any]:
    """Return every process of a container but the ones that look: its status, its words, its sockets; and who listens.

    Nothing when the container has no shell and its engine is not on this machine.
    """
    found: dict[str, dict[str, Any]] = {}
    tables: dict[str, list[str]] = {}
    own = ""
    current: dict[str, Any] = {}
    for line in run_script(engine, container_id, _PROCESSES).split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "own":
            own = rest
        elif kind == "process":
            current = found.setdefault(rest, {"status": "", "argv": [], "sockets": []})
        elif kind == "status":
            current["status"] += f"{rest}\n"
        elif kind in {"argv", "handle"}:
            current["argv" if kind == "argv" else "sockets"].append(rest)
        elif kind in {"tcp", "tcp6"}:
            tables.setdefault(kind, []).append(rest)
    if not own:
        seen = _of_this_machine(container_id)
        return seen if seen["processes"] else {}
    # What ended while it was looked at says nothing of itself.
    seen = {
        pid: process
        for pid, process in found.items()
        if pid != own and process["status"] and not re.search(rf"^PPid:\s+{own}$", process["status"], re.MULTILINE)
    }
    tcp = {name: "".join(f"{row}\n" for row in rows) for name, rows in tables.items()}
    return {"processes": seen, "tcp": tcp, "own": int(own)}


def _of_this_machine(container_id: str) -> dict[str, Any]:
    """Return the same of a container without a shell: what this machine's own /proc says, when the engine is on it."""
    names: dict[str, str] = {}
    found: dict[str, dict[str, Any]] = {}
    tcp: dict[str, str] = {}
    for place in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if container_id not in (place / "cgroup").read_text(encoding="utf-8"):
                continue
            text = (place / "status").read_text(encoding="utf-8")
            inside = re.search(r"^NSpid:.*\s(\d+)$", text, re.MULTILINE)
            names[place.name] = inside[1] if inside else place.name
            argv = (place / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
            sockets = [str(handle.readlink()) for handle in (place / "fd").iterdir()]
            found[names[place.name]] = {"status": text, "argv": argv, "sockets": sockets}
            tcp = {table: (place / "net" / table).read_text(encoding="ascii") for table in ("tcp", "tcp6")}
    for process in found.values():
        process["status"] = re.sub(
            r"^PPid:\s+(\d+)$", lambda line: f"PPid:\t{names.get(line[1], '0')}", process["status"], flags=re.MULTILINE
        )
    return {"processes": found, "tcp": tcp, "own": 0}
