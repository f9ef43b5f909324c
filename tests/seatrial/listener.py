"""A socket at which an engine of the test listens."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PATIENCE_SECONDS = 60
OK = b"HTTP/1.0 200 OK\r\nServer: Docker\r\n\r\n"


class Listener:
    """What was asked, and whether connections are held open behind the answer: those of `held`, or all."""

    def __init__(self, answers: Mapping[str, bytes], held: tuple[str, ...]) -> None:
        self.answers = dict(answers)
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self._held = held
        if not held:
            self.go_on.set()

    def got(self, target: str) -> bool:
        """Wait until something was asked."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while target not in self.asked and time.monotonic() < deadline:
            time.sleep(0.01)
        return target in self.asked

    def serve(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            target = head.split()[1].decode()
            self.asked.append(target)
            # Who asked may have gone.
            with suppress(OSError):
                connection.sendall(self.answers.get(target, b"HTTP/1.0 404 Not Found\r\n\r\n{}"))
            if not self._held or target in self._held:
                self.go_on.wait(PATIENCE_SECONDS)


@contextmanager
def listening(at: Path, answers: Mapping[str, bytes], held: tuple[str, ...] = ()) -> Iterator[Listener]:
    """Listen at a path, and answer each target with the bytes that are given for it."""
    found = Listener(answers, held)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(at))
        server.listen()

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=found.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield found
        finally:
            found.go_on.set()
            server.shutdown(socket.SHUT_RDWR)
