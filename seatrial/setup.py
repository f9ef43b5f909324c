"""Everything that a machine may lack, in one go."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seatrial import clients, console, host, settings, workspace
from seatrial.host import bases
from seatrial.ipfs import ensure_ipfs

if TYPE_CHECKING:
    from seatrial.settings import Settings


def run(*, engine: bool, ipfs: bool, rotate_token: bool) -> int:
    """Make the machine ready and say what was done.

    `engine` allows to install and start one; `ipfs` to compile it; `rotate_token` to give the client a new token.
    """
    began = time.monotonic()
    project = settings.load()
    console.tell(f"  {host.ensure_engine(allow_install=engine)}")
    for line in host.ensure_bases(project, allow_install=engine, variables=bases.needed(project)):
        console.tell(f"  {line}")
    for line in workspace.prepare(project):
        console.tell(f"  {line}")
    if rotate_token:
        for line in clients.rotate(project):
            console.tell(f"  {line}")
    # After all that writes secrets: what was read belongs to the secrets that were looked for.
    if line := _learned_base(project):
        console.tell(f"  {line}")
    if project.managed:
        _tell_of_client(project)
    if ipfs:
        console.tell(f"  {ensure_ipfs(project, build=True)}")
    console.ended("the machine is ready", time.monotonic() - began, next="./invoke up --prod verify")
    return 0


def _learned_base(project: Settings) -> str:
    """Read the base image, which all images of this project stand on, once; say so when it was not known."""
    from seatrial import ahead  # noqa: PLC0415 - what nothing else here needs, and takes longer than the rest
    from seatrial.evidence.base import SCRATCH, base_image  # noqa: PLC0415

    base, began = base_image(project), time.monotonic()
    if base in {"", SCRATCH} or not ahead.learn(project, base):
        return ""
    return f"read {base} ({time.monotonic() - began:.1f} s): verify reads only what stands on it"


def _tell_of_client(project: Settings) -> None:
    _, standing, mend = clients.standing(project)
    if mend or not clients.read(project).hashes:
        console.warn(f"client: {standing}" + (f"  next: {mend}" if mend else ""))
