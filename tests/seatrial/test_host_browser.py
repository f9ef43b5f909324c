"""A browser for the page's tests: found, installed where that can be done, else a clear error."""

from __future__ import annotations

import pytest

from seatrial import process
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt, browser


def on_a_machine(monkeypatch: pytest.MonkeyPatch, system: str, *, root: bool, works: bool) -> list[str]:
    """Put a machine without a browser in place of this one; return what is installed on it."""
    installed: list[str] = []

    def install(packages: tuple[str, ...], **_: object) -> None:
        installed.extend(packages)

    def find(name: str) -> str | None:
        return f"/usr/bin/{name}" if works and name in installed else None

    monkeypatch.setattr(process, "find", find)
    monkeypatch.setattr(apt, "os_release", lambda: {"ID": system})
    monkeypatch.setattr(apt, "is_root", lambda: root)
    monkeypatch.setattr(apt, "update", lambda: "one source is broken")
    monkeypatch.setattr(apt, "install", install)
    return installed


def test_a_browser_that_is_there_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "find", lambda name: "/opt/chrome" if name == "google-chrome" else None)
    assert browser.ensure(note=lambda _: None) == "/opt/chrome"


def test_on_debian_root_gets_the_distribution_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = on_a_machine(monkeypatch, "debian", root=True, works=True)
    told: list[str] = []
    assert browser.ensure(note=told.append) == "/usr/bin/chromium"
    assert tuple(installed) == browser.PACKAGES
    assert told == ["installing chromium", "one source is broken"]


@pytest.mark.parametrize(
    ("system", "root", "works"),
    [("debian", False, True), ("ubuntu", True, True), ("fedora", True, True), ("debian", True, False)],
)
def test_elsewhere_it_is_said_what_to_do(
    monkeypatch: pytest.MonkeyPatch, system: str, *, root: bool, works: bool
) -> None:
    on_a_machine(monkeypatch, system, root=root, works=works)
    with pytest.raises(SeatrialError) as caught:
        browser.ensure(note=lambda _: None)
    assert caught.value.code is Code.COMMAND_MISSING
    assert "--no-browser" in caught.value.hint
