"""`python -m bench.peak PROGRAM ...`: run one program, print its seconds, exit code and peak memory as JSON.

A process of its own for each measured run: the system keeps the peak of all children together, and a child that is
started from a large process begins with that process's peak.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from seatrial import process
from seatrial.errors import ExitCode, SeatrialError

if TYPE_CHECKING:
    from types import FrameType

RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


def main(argv: list[str]) -> int:
    """Run the program to its end, whatever it answers."""
    signal.signal(signal.SIGTERM, interrupted)
    try:
        done = process.run(argv, check=False)
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * RSS_UNIT_BYTES
    said = {"seconds": done.seconds, "exit_code": done.exit_code, "peak_rss_bytes": peak, "complaint": done.complaint}
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


def interrupted(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Handle SIGTERM as Ctrl-C: what was started is ended and removed on the way up."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
