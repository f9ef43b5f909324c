"""A Chromium for the tests of the HTML report: the distribution's own, found or installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial import process
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
PACKAGES = ("chromium", "fonts-dejavu-core")
"""Without a font there is nothing to measure."""
HINT = "install chromium, or leave its tests out: ./invoke test --no-browser"


def find() -> str | None:
    """Return the path of a browser, or None."""
    return next((found for name in PROGRAMS if (found := process.find(name))), None)


def ensure(*, note: Callable[[str], None]) -> str:
    """Return the path of a browser, installed first where that can be done: on Debian, as root.

    Raises SeatrialError COMMAND_MISSING where it cannot, COMMAND_FAILED with apt's words.
    """
    found = find()
    # Ubuntu's package of this name only fetches a snap.
    if found is None and apt.os_release().get("ID") == "debian" and apt.is_root():
        note("installing chromium")
        complaint = apt.update()
        if complaint:
            note(complaint)
        apt.install(PACKAGES, on_line=note)
        found = find()
    if found is None:
        raise SeatrialError(Code.COMMAND_MISSING, "no Chromium is installed", hint=HINT)
    return found
