"""Where the service's time goes under load, function by function: `python -m bench profile` keeps it in results/.

The profiler more than doubles the cost of every call in Python and adds nothing to work in C: the shares tell where to
look, not how long something takes. `python -m bench.profile CONFIG OUT` is the service itself, watched.
"""

from __future__ import annotations

import asyncio
import cProfile
import io
import pstats
import re
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.harbour import alone
from bench.service import run
from service.config_file import load
from service.lifecycle import serve
from service.listener import listen
from tests.docker.yard import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS, SECONDS, SHOWN = 16, 5.0, 40


def measure(note: Callable[[str], None]) -> str:
    """Ask the watched service to verify as fast as it can; return the profile as text."""
    note(f"/verify under the profiler, {CONNECTIONS} connections, {SECONDS:.0f} s")
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "profile.txt"
        with alone(lambda config: ["-m", "bench.profile", config, str(out)]) as (folder, server):
            run(folder, server, "/verify", CONNECTIONS, SECONDS)
        # It writes when it ends.
        return out.read_text(encoding="utf-8")


def watched(config_file: Path, out: Path) -> None:
    """Serve until SIGTERM under the profiler, and write what it saw."""
    config = load(config_file)
    listener = listen(config.server.host, config.server.port)
    profiler = cProfile.Profile()
    with Path("/dev/null").open("wb", buffering=0) as sink:
        profiler.enable()
        asyncio.new_event_loop().run_until_complete(serve(config, config_file, listener, sink))
        profiler.disable()
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(SHOWN)
    out.write_text(_without_places(text.getvalue()), encoding="utf-8")


def _without_places(text: str) -> str:
    """Return a profile without the folders of this machine."""
    for kind in ("purelib", "stdlib"):
        text = text.replace(sysconfig.get_path(kind), kind)
    text = text.replace(f"{ROOT}/", "")
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE).strip() + "\n"


if __name__ == "__main__":
    watched(Path(sys.argv[1]), Path(sys.argv[2]))
