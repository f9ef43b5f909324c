"""What the image's own Python makes of each source, beside the compiled code that it would run instead."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from seatrial.evidence.trial.model import TWIN

if TYPE_CHECKING:
    from seatrial.evidence.trial.model import Trial

# Two code objects are equal in Python without being so in each of these.
_PROGRAM = r"""
import _signal, json, marshal, os, sys
from importlib.util import MAGIC_NUMBER

_signal.alarm(60)
os.nice(19)
DETAILS = ("co_qualname", "co_stacksize", "co_varnames", "co_cellvars", "co_freevars")

def same(one, other):
    return (
        type(one) is type(other)
        and one == other
        and all(getattr(one, name, None) == getattr(other, name, None) for name in DETAILS)
        and all(same(a, b) for a, b in zip(one.co_consts, other.co_consts) if type(a) is type(one))
    )

def read(path):
    with open(path, "rb") as file: return file.read()

def fault(path):
    folder, _, name = path.rpartition("/")
    source = f"{folder.removesuffix('/__pycache__')}/{name.partition('.')[0]}.py"
    content = read(path)
    if content[:4] != MAGIC_NUMBER: return "it was compiled by another Python and cannot be compared"
    if not os.path.isfile(source): return "there is no source to compare it with"
    level = 2 if name.endswith(".opt-2.pyc") else 1 if name.endswith(".opt-1.pyc") else 0
    made = compile(read(source), path, "exec", dont_inherit=True, optimize=level)
    return "" if same(marshal.loads(content[16:]), made) else "it holds other code than its source gives"

folders, compared, differs, left = 0, 0, {}, [sys.argv[1]]
while left:
    try: entries = list(os.scandir(left.pop()))
    except OSError: continue
    folders += 1
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if entry.path not in {"/proc", "/sys", "/dev"}: left.append(entry.path)
        elif entry.name.endswith(".pyc") and os.path.isfile(entry.path):
            compared += 1
            try: said = fault(entry.path)
            except Exception as error: said = f"it cannot be compared: {type(error).__name__}"
            if said: differs[entry.path] = said
print(json.dumps({"folders": folders, "compared": compared, "differs": differs}))
"""
# Isolated, without site: nothing of the image runs but Python and its library, and that from its sources, because
# compiled code is looked for where there is none.
PYTHON = ("python3", "-ISB", "-X", "pycache_prefix=/proc/none", "-c", _PROGRAM, "/")
_NOT_STARTED = (126, 127)
"""Exit codes of an exec whose program could not be started; which of them it is depends on the engine."""


def compare(trial: Trial) -> dict[str, Any]:
    """Compile every source that the service may read, in the twin, and name the compiled files that hold other code.

    What the service cannot read it cannot run either. The twin is no longer measured, so that its memory may be used.
    An image without Python is not to be compared, which is said under `no_python`.
    """
    ran = trial.engine.execute(trial.container(TWIN)["Id"], PYTHON)
    if ran.exit_code in _NOT_STARTED and "executable file not found" in ran.output:
        return {"folders": 0, "compared": 0, "differs": {}, "no_python": True}
    try:
        found = json.loads(ran.output)
        return {key: found[key] for key in ("folders", "compared", "differs")}
    except (ValueError, TypeError, KeyError):
        said = ran.output[-300:].strip() or f"exit code {ran.exit_code}"
        return {"folders": 0, "compared": 0, "differs": {}, "error": said}
