"""How the tasks are called: `./invoke` in a checkout of seatrial, `seatrial` or `invoke` elsewhere."""

from __future__ import annotations

WRITTEN = "./invoke"
"""What the hints in the code say."""
command = "invoke"
"""What a person types here: set by the program that runs the tasks."""


def own(text: str) -> str:
    """Return a text in which every call of a task is what a person types here."""
    return text.replace(f"{WRITTEN} ", f"{command} ")
