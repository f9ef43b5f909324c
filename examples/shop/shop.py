"""A service that counts visits in Redis, as a user of its own under keys of its own."""

import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redis import Redis, RedisError

cache = Redis(
    host="cache",
    port=7000,
    username="app",
    password=Path("/run/secrets/app").read_text(encoding="utf-8").strip(),
    socket_timeout=1,
    socket_connect_timeout=1,
    retry=None,
)


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    timeout = 5

    def do_GET(self) -> None:
        """Count the visit; without Redis the service cannot do its work, and says so."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            cache.incr("shop:visits")
        except RedisError:
            self.send_response(503)
        else:
            self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


server = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
server.daemon_threads = False
# `shutdown` waits for the loop, which this thread runs.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.1)
server.server_close()
