"""Take the two pictures of docs/reports.md: `python -m tests.browser.screenshots REPORT.html`."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.browser import chromium

DOCS = Path(__file__).parents[2] / "docs"
VIEWS = {"report-desk.webp": (1280, "light", 1900), "report-phone.webp": (360, "dark", 1400)}
"""Width, scheme and height of each."""


def main(page: Path) -> None:
    """Write both pictures."""
    with chromium.started() as browser:
        for name, (width, scheme, height) in VIEWS.items():
            browser.open(page, width, scheme)
            browser.screenshot(DOCS / name, height=height)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
