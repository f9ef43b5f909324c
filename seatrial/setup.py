"""Everything that a machine may lack, in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import console, host, ipfs, settings, workspace

if TYPE_CHECKING:
    from collections.abc import Iterable


def run(*, engine: bool, ipfs: bool) -> int:
    """Make the machine ready and say what was done. `engine` allows to install and start one; `ipfs` to compile it."""
    project = settings.load()
    with console.step("setting up") as step:
        did = [host.ensure_engine(allow_install=engine)]
        did += host.ensure_bases(project, allow_install=engine)
        did += workspace.prepare(project)
        if ipfs:
            did.append(_ipfs(project))
        _tell(did)
        step.done("the machine is ready", next="./invoke up --prod verify")
    return 0


def _ipfs(project: settings.Settings) -> str:
    return ipfs.ensure_ipfs(project, build=True)


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        console.tell(f"  {line}")
