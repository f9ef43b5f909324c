"""One request, one raw answer; no answer is an answer too."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from seatrial.evidence import web

if TYPE_CHECKING:
    from collections.abc import Iterator


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        said = "|".join([self.command, self.path, self.headers.get("Authorization", "none"), body.decode()])
        self.send_response(418)
        self.end_headers()
        self.wfile.write(said.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield "127.0.0.1", server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_token_is_sent_only_when_there_is_one(address: tuple[str, int]) -> None:
    assert web.get(address, "/a") == web.Answer(418, "GET|/a|none|")
    assert web.get(address, "/a", "t0ken") == web.Answer(418, "GET|/a|Bearer t0ken|")


def test_a_document_is_sent_as_json(address: tuple[str, int]) -> None:
    assert web.post(address, "/b", {"x": 1}, "t") == web.Answer(418, 'POST|/b|Bearer t|{"x": 1}')


def test_no_answer_is_status_0() -> None:
    assert web.get(("127.0.0.1", 1), "/") == web.Answer(0, "ConnectionRefusedError")


@pytest.mark.parametrize(("body", "document"), [('{"a": 1}', {"a": 1}), ("[1]", {}), ("no", {}), ("", {})])
def test_only_an_object_is_a_document(body: str, document: dict[str, int]) -> None:
    assert web.Answer(200, body).document == document
