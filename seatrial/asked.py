"""An engine that is asked at its socket: loading the SDK takes longer than a static proof's few questions."""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from seatrial import engine_socket, process
from seatrial.engine import Engine
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatrial.engine import Document
    from seatrial.engine_socket import Question

TIMEOUT_SECONDS = 30.0


class AskedEngine(Engine):
    """An engine to which a connection is made only when its socket does not tell, and then by `connect`.

    Who asks twice about an image is told the same, whatever is built meanwhile.
    """

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect
        self._connected: Engine | None = None
        self._lock = threading.RLock()
        self._images: dict[str, Document | None] = {}
        self._asked: set[Question] = set()
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
                self._images[reference] = self.at_hand(reference) or super().image(reference)
            return self._images[reference]

    def at_hand(self, reference: str) -> Document | None:
        """Return `docker image inspect` where the socket tells it; nothing is waited for that cannot be ended."""
        said = self._said("images", reference, "json")
        return said if isinstance(said, dict) else None

    def history(self, reference: str) -> list[Document]:
        """Return `docker history`, newest step first."""
        said = self._said("images", reference, "history")
        return said if isinstance(said, list) else super().history(reference)

    def save(self, reference: str) -> Iterator[bytes]:
        """Yield the archive of `docker save` in pieces. The engine begins with it before the first is asked for."""
        self._go_on()
        return self._saved(reference, self._ask("images", reference, "get", timeout_seconds=None))

    def _saved(self, reference: str, question: Question | None) -> Iterator[bytes]:
        with self._listening(question) as is_answered:
            if question is not None and is_answered:
                try:
                    for piece in question.content():
                        self._go_on()
                        yield piece
                except OSError as error:
                    raise SeatrialError(Code.ENGINE_FAILED, f"docker save: {error}", hint="try again") from error
                self._go_on()
                return
        for piece in super().save(reference):
            self._go_on()
            yield piece

    def end(self) -> None:
        """Let who still waits for an answer get none, and end the programs that were started."""
        self._ended = True
        for question in list(self._asked):
            question.end()
        process.end_all()

    def _go_on(self) -> None:
        if self._ended:
            raise CancelledError

    def _said(self, *words: str) -> Any:
        """Return what the socket answers, None when it is no document."""
        question = self._ask(*words, timeout_seconds=TIMEOUT_SECONDS)
        with self._listening(question) as is_answered:
            try:
                return json.loads(b"".join(question.content())) if question is not None and is_answered else None
            except (OSError, ValueError, RecursionError):
                return None

    def _ask(self, *words: str, timeout_seconds: float | None) -> Question | None:
        """Send a question, where there is a socket that takes it."""
        where = engine_socket.path()
        try:
            question = engine_socket.Question(where, *words, timeout_seconds=timeout_seconds) if where else None
        except OSError:
            question = None
        if question is not None:
            self._asked.add(question)
        return question

    @contextlib.contextmanager
    def _listening(self, question: Question | None) -> Iterator[bool]:
        """Wait for the head of an answer; tell whether what was asked for follows."""
        if question is None:
            yield False
            return
        try:
            # Only now: whoever ends this sees the question, or is seen here.
            self._go_on()
            yield question.is_answered()
        finally:
            self._asked.discard(question)
            question.close()
