"""`python -m service.healthcheck`: exits 0 only if /health on this machine answers 200 and says "healthy".

It runs every few seconds beside the service, so it imports no more than it must.
"""

import json
import os
import socket
import sys
import time

from service.defaults import CONFIG_PATH, CONFIG_VARIABLE, PORT

ADDRESS = "127.0.0.1"
SECONDS = 3.0
MOST_BYTES = 65536


class UnhealthyError(Exception):
    """Why the service is not healthy, in a few words."""


def main() -> int:
    """Ask once; gives the exit code."""
    try:
        port = _configured_port(os.environ.get(CONFIG_VARIABLE) or CONFIG_PATH)
        _judge(_ask(port))
    except UnhealthyError as error:
        sys.stdout.write(f"unhealthy: {error}\n")
        return 1
    return 0


def _configured_port(path: str) -> int:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs as much as the rest of the imports
            port = json.load(file).get("server", {}).get("port", PORT)
    except (OSError, ValueError, AttributeError):
        raise UnhealthyError("the configuration cannot be read") from None
    if type(port) is not int:
        raise UnhealthyError("the configuration has no usable port")
    return port


def _ask(port: int) -> bytes:
    deadline = time.monotonic() + SECONDS
    request = f"GET /health HTTP/1.1\r\nHost: {ADDRESS}\r\nConnection: close\r\n\r\n"
    received = b""
    try:
        with socket.create_connection((ADDRESS, port), SECONDS) as connection:
            connection.sendall(request.encode())
            while len(received) < MOST_BYTES:
                connection.settimeout(max(deadline - time.monotonic(), 0.001))
                data = connection.recv(MOST_BYTES)
                if not data:
                    break
                received += data
    except TimeoutError:
        raise UnhealthyError("no answer in time") from None
    except (OSError, OverflowError) as error:
        raise UnhealthyError(f"no connection ({type(error).__name__})") from None
    return received


def _judge(received: bytes) -> None:
    head, _, body = received.partition(b"\r\n\r\n")
    status_line = head.partition(b"\r\n")[0].split(b" ")
    try:
        document = json.loads(body)
        status = document["status"]
    except (ValueError, KeyError, TypeError):
        raise UnhealthyError("the answer is not understood") from None
    if status_line[:2] != [b"HTTP/1.1", b"200"] or status != "healthy":
        raise UnhealthyError(_reason(document))


def _reason(document: dict[str, object]) -> str:
    dependencies = document.get("dependencies")
    redis = dependencies.get("redis") if isinstance(dependencies, dict) else None
    code = redis.get("code") if isinstance(redis, dict) else None
    # Codes are upper-case words of ours; nothing else of the answer is repeated.
    if isinstance(code, str) and code.isalpha() and len(code) < 20:  # noqa: PLR2004 - the longest has 12
        return f"redis {code}"
    return "draining" if document.get("status") == "draining" else "the service says so without a reason"


if __name__ == "__main__":
    sys.exit(main())
