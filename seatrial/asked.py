"""An engine that the docker client is asked about: loading the SDK takes longer than a static proof's few questions."""

from __future__ import annotations

import json
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from seatrial import process
from seatrial.engine import Engine
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.engine import Document

TIMEOUT_SECONDS = 30.0


class AskedEngine(Engine):
    """An engine to which a connection is made only when the client cannot tell, and then by `connect`.

    Who asks twice about an image is told the same, whatever is built meanwhile.
    """

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect
        self._connected: Engine | None = None
        self._lock = threading.RLock()
        self._images: dict[str, Document | None] = {}
        self._ended = False

    @property
    def _api(self) -> Any:
        self._go_on()
        with self._lock:
            self._connected = self._connected or self._connect()
        return self._connected._api  # noqa: SLF001 - an engine's own

    def close(self) -> None:
        """Give the connections back, if any were made."""
        if self._connected is not None:
            self._connected.close()

    def image(self, reference: str) -> Document | None:
        """Return `docker image inspect`, or None when the image is not in the store."""
        with self._lock:
            if reference not in self._images:
                said = _said("image", "inspect", reference)
                self._images[reference] = said[0] if said else super().image(reference)
            return self._images[reference]

    def save(self, reference: str) -> Iterator[bytes]:
        """Yield the archive of `docker save` in pieces."""
        self._go_on()
        for piece in super().save(reference):
            self._go_on()
            yield piece

    def end(self) -> None:
        """Let who still waits for an answer get none, and end the programs that were started."""
        self._ended = True
        process.end_all()

    def _go_on(self) -> None:
        if self._ended:
            raise CancelledError

    def history(self, reference: str) -> list[Document]:
        """Return `docker history`, newest step first: of each step what wrote it."""
        return _said("history", "--no-trunc", "--format", "{{json .}}", reference) or super().history(reference)


def _said(*words: str) -> list[Document]:
    """Return the objects that the client prints, in a list or one a line; none when it prints anything else."""
    try:
        answer = process.run(["docker", *words], check=False, timeout_seconds=TIMEOUT_SECONDS)
        if not answer.ok:
            return []
        printed = answer.stdout.strip()
        found = json.loads(printed if printed.startswith("[") else f"[{','.join(printed.splitlines())}]")
    except (SeatrialError, ValueError, RecursionError):
        return []
    return found if all(isinstance(document, dict) for document in found) else []
