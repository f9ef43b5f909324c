"""`python -m bench.rivals.whole PROGRAM ...`: like bench.peak, but memory is that of the whole tree of processes.

The sum over all processes is read every few milliseconds, shared pages divided among those that share them. A program
that is gone before the first look counts with what the system says of its largest process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
from pathlib import Path

from bench.peak import RSS_UNIT_BYTES, interrupted
from seatrial import process
from seatrial.errors import ExitCode, SeatrialError

PAUSE_SECONDS = 0.01


def main(argv: list[str]) -> int:
    """Run the program to its end, whatever it answers."""
    signal.signal(signal.SIGTERM, interrupted)
    ended = threading.Event()
    peaks: list[int] = [0]
    watcher = threading.Thread(target=_watch, args=(ended, peaks))
    watcher.start()
    try:
        done = process.run(argv, check=False)
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    finally:
        ended.set()
        watcher.join()
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * RSS_UNIT_BYTES
    said = {
        "seconds": done.seconds,
        "exit_code": done.exit_code,
        "peak_rss_bytes": max(*peaks, largest),
        "complaint": done.complaint,
    }
    sys.stdout.write(json.dumps(said) + "\n")
    return 0


def _watch(ended: threading.Event, peaks: list[int]) -> None:
    while not ended.wait(PAUSE_SECONDS):
        peaks.append(sum(map(share_bytes, descendants(os.getpid(), parents()))))


def parents() -> dict[int, int]:
    """Return each process of the machine and its parent."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                status = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            # The name before the last bracket may hold anything.
            found[int(folder.name)] = int(status.rpartition(")")[2].split()[1])
    return found


def descendants(top: int, parent_of: dict[int, int]) -> set[int]:
    """Return the children of a process, their children, and so on."""
    found: set[int] = set()
    level = {top}
    while level:
        level = {child for child, parent in parent_of.items() if parent in level} - found
        found |= level
    return found


def share_bytes(pid: int) -> int:
    """Return a process's share of memory, or 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
