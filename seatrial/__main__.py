"""The command `seatrial`: the tasks of any project."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from seatrial import interruption

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run seatrial's own tasks."""
    # Before all imports that take long: Ctrl-C ends those too, and an image is read meanwhile.
    interruption.leave_at_once()
    if sys.argv[1:2] == ["verify"]:
        from seatrial import ahead  # noqa: PLC0415

        ahead.begin(sys.argv[1:])
    from seatrial.program import run  # noqa: PLC0415
    from seatrial.tasks import collection  # noqa: PLC0415

    run(collection, "seatrial")


if __name__ == "__main__":
    main()
