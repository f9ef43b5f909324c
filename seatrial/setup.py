"""Everything that a machine may lack, in one go."""

from __future__ import annotations

import time

from seatrial import console, host, settings, workspace
from seatrial.host import bases
from seatrial.ipfs import ensure_ipfs


def run(*, engine: bool, ipfs: bool) -> int:
    """Make the machine ready and say what was done. `engine` allows to install and start one; `ipfs` to compile it."""
    began = time.monotonic()
    project = settings.load()
    console.tell(f"  {host.ensure_engine(allow_install=engine)}")
    for line in host.ensure_bases(project, allow_install=engine, variables=bases.needed(project)):
        console.tell(f"  {line}")
    for line in workspace.prepare(project):
        console.tell(f"  {line}")
    if ipfs:
        console.tell(f"  {ensure_ipfs(project, build=True)}")
    console.ended("the machine is ready", time.monotonic() - began, next="./invoke up --prod verify")
    return 0
