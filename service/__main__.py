"""`python -m service`: read the configuration, listen, serve.

Exit codes: 0 after an orderly end, 1 if the address cannot be had, 2 for bad usage, 78 for a configuration that cannot
be used, 128 and the signal's number after a second signal.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from service import __version__
from service.config_file import ConfigError, load
from service.defaults import CONFIG_PATH, CONFIG_VARIABLE
from service.listener import listen

if TYPE_CHECKING:
    from service.config import Config

EXIT_CANNOT_LISTEN = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78

USAGE = f"""usage: python -m service [--config PATH] [--check-config | --ledger-function | --version | --help]

  --config PATH   the configuration (default: ${CONFIG_VARIABLE}, else {CONFIG_PATH})
  --check-config  validate the configuration and exit: 0 if it can be used, 78 if not
  --ledger-function
                  print what mode ledger needs in Redis, for FUNCTION LOAD REPLACE
"""


def main(arguments: list[str]) -> int:
    """Do what the arguments ask for; gives the exit code."""
    # Until the service has its own handler, Ctrl-C ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    remaining = list(arguments)
    path = os.environ.get(CONFIG_VARIABLE) or CONFIG_PATH
    if "--config" in remaining[:-1]:
        index = remaining.index("--config")
        path = remaining[index + 1]
        del remaining[index : index + 2]
    match remaining:
        case ["--version"]:
            return _say(f"x402-fac {__version__}\n")
        case ["--help"]:
            return _say(USAGE)
        case ["--ledger-function"]:
            from service.ledger import function_source  # noqa: PLC0415

            return _say(function_source())
        case ["--check-config"]:
            return _with_config(Path(path), check_only=True)
        case []:
            return _with_config(Path(path), check_only=False)
        case _:
            return _complain(USAGE, EXIT_USAGE)


def _with_config(path: Path, *, check_only: bool) -> int:
    try:
        config = load(path)
    except ConfigError as error:
        lines = "".join(f"  {problem}\n" for problem in error.problems)
        return _complain(f"{path}:\n{lines}", EXIT_CONFIG)
    return _say(f"{path}: ok\n") if check_only else _serve(config, path)


def _serve(config: Config, path: Path) -> int:
    try:
        listener = listen(config.server.host, config.server.port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        problem = f"cannot listen on {config.server.host} port {config.server.port}: {reason}\n"
        return _complain(problem, EXIT_CANNOT_LISTEN)
    # Only now, and only for those who serve: asyncio, h11 and redis-py are most of the start-up time. The socket is
    # open already, so a client that is early waits instead of being refused.
    import asyncio  # noqa: PLC0415

    from service.lifecycle import serve  # noqa: PLC0415

    with open(sys.stdout.fileno(), "wb", buffering=0, closefd=False) as sink:
        asyncio.new_event_loop().run_until_complete(serve(config, path, listener, sink))
    # Everything is closed. asyncio.run and the interpreter's own way out would wait for the thread of a name look-up
    # that nobody is interested in any more, for as long as a name server that does not answer takes.
    os._exit(0)


def _say(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _complain(text: str, code: int) -> int:
    sys.stderr.write(text)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
