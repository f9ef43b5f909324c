"""A headless Chromium, driven through a pipe by its own protocol: no driver, no port, no library between."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from seatrial.host import browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS = 120.0
"""No answer within this is a browser that died, not a slow one."""
ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
    # Of its own accord it would ask its makers for updates: whatever is asked in a test is the page's doing.
    *("--disable-background-networking", "--disable-component-update", "--no-first-run", "--disable-sync"),
    *("--hide-scrollbars", "--force-color-profile=srgb", "--proxy-server=127.0.0.1:9"),
)
_WITH_ITS_PIPES = """
import os, sys
# It reads commands from descriptor 3 and writes answers to descriptor 4; either may be one of those to be moved.
for descriptor, spare in zip(sys.argv[1:3], (100, 101)): os.dup2(int(descriptor), spare)
for spare, wanted in ((100, 3), (101, 4)): os.dup2(spare, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Chromium:
    """A browser with one page. `events` are those that came while answers were waited for."""

    def __init__(self, reading: int, writing: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._reading, self._writing = reading, writing
        self._buffer = b""
        self._number = 0
        self._session = ""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return what it answers."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            said = self._receive()
            if said.get("id") == self._number:
                assert "error" not in said, f"{method}: {said['error']}"
                return dict(said["result"])
            self.events.append(said)

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Open a page from a file, at a width, light or dark, and wait until it is loaded and painted."""
        self.events.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media="screen", features=features)
        self.send("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def evaluate(self, script: str) -> Any:
        """Return what a script, or the promise that it gives, comes to."""
        said = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def screenshot(self, file: Path, *, height: int) -> None:
        """Write a picture of the top of the page."""
        width = self.send("Page.getLayoutMetrics")["cssContentSize"]["width"]
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        said = self.send("Page.captureScreenshot", format="webp", quality=70, clip=clip, captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(said["data"]))

    def requests(self) -> list[str]:
        """Return what the page asked for, itself not counted."""
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("data:")][1:]

    def complaints(self) -> list[str]:
        """Return what the console was told."""
        told = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return [json.dumps(event["params"]) for event in self.events if event.get("method") in told]

    def _receive(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reading], [], [], max(deadline - time.monotonic(), 0))
            piece = os.read(self._reading, 1 << 20) if ready else b""
            assert piece, "the browser went away"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(line))


@contextlib.contextmanager
def started() -> Iterator[Chromium]:
    """Start a browser with a profile of its own; both are gone at the end."""
    commands, answers = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="seatrial-browser-", ignore_cleanup_errors=True) as profile:
        argv = [sys.executable, "-c", _WITH_ITS_PIPES, str(commands[0]), str(answers[1])]
        program = browser.find()
        assert program, f"no Chromium is installed: {browser.HINT}"
        argv += [program, *ARGUMENTS, f"--user-data-dir={profile}", "about:blank"]
        running = subprocess.Popen(
            argv, pass_fds=(commands[0], answers[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(commands[0])
        os.close(answers[1])
        try:
            yield Chromium(answers[0], commands[1])
        finally:
            os.close(commands[1])
            os.close(answers[0])
            running.kill()
            running.wait()
