"""A trial stack: the production model started under a name of its own, watched, broken on purpose, removed.

`model` says what it is made of, `life` starts and removes it, `probes` ask it, `compiled` looks at the code that it
would run, `faults` break it.
"""

from __future__ import annotations

from seatrial.evidence.trial.compiled import compare
from seatrial.evidence.trial.faults import break_and_mend
from seatrial.evidence.trial.life import FOLDER_PREFIX, remove_leftovers, started
from seatrial.evidence.trial.model import OPEN_REDIS, TRIAL_LABEL, TWIN, Trial, trial_model
from seatrial.evidence.trial.probes import observe

__all__ = [
    "FOLDER_PREFIX",
    "OPEN_REDIS",
    "TRIAL_LABEL",
    "TWIN",
    "Trial",
    "break_and_mend",
    "compare",
    "observe",
    "remove_leftovers",
    "started",
    "trial_model",
]
