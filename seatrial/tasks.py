"""The tasks of any project: each reads its options, makes one call, and hands on the result."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from seatrial import interruption
from seatrial.errors import Code, ExitCode, SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable

LISTING = {
    "Begin": ["setup", "doctor"],
    "Work": ["build", "up", "ps", "logs", "down"],
    "Prove": ["smoke", "verify"],
}


def seatrial_task(**options: Any) -> Callable[[Callable[..., int | None]], Any]:
    """Make an Invoke task of a function that returns an exit code, every error a message and an exit code."""

    def make(body: Callable[..., int | None]) -> Any:
        @functools.wraps(body)
        def wrapped(context: Context, *args: Any, **kwargs: Any) -> None:
            code = _exit_code(context, body, *args, **kwargs)
            if code:
                raise Exit(code=code)

        return task(**options)(wrapped)

    return make


def _exit_code(context: Context, body: Callable[..., int | None], *args: Any, **kwargs: Any) -> int:
    try:
        if context.config.run.dry:
            raise SeatrialError(Code.USAGE, "--dry shows nothing here: tasks work in Python", hint="leave --dry out")  # noqa: TRY301
        with interruption.raised():
            return int(body(context, *args, **kwargs) or 0)
    except SeatrialError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        interruption.forget()
        sys.stderr.write(interruption.SAID)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return int(ExitCode.UNPROVEN)
    except Exception as error:  # noqa: BLE001 - a person is told what to report instead of a traceback
        from seatrial.errors import unexpected

        sys.stderr.write(f"{unexpected(error)}\n")
        return int(ExitCode.UNPROVEN)


@seatrial_task(
    help={
        "engine": "install or start a Docker Engine where none answers (Debian and Ubuntu, as root)",
        "ipfs": "compile IPFS for development where no registry gives it (needs Go, about 2 minutes)",
        "rotate-token": "give the client a new token; the former one ends when the service reads its configuration",
    }
)
def setup(_context: Context, engine: bool = False, ipfs: bool = False, rotate_token: bool = False) -> int:
    """Make this machine ready: engine, base images, config, secrets.

    Repeated, it does only what is missing.
    """
    from seatrial import setup

    return setup.run(engine=engine, ipfs=ipfs, rotate_token=rotate_token)


@seatrial_task()
def doctor(_context: Context) -> int:
    """Tell what is wrong with this machine, each line ok or a fix."""
    from seatrial import doctor, settings

    return doctor.run(settings.load())


@seatrial_task(
    help={
        "no-cache": "build every step again",
        "progress": "auto: one live line on a terminal; plain: every line",
    }
)
def build(_context: Context, no_cache: bool = False, progress: str = "auto") -> int:
    """Build the production image, show what it weighs, write its SBOM."""
    from seatrial import build, settings

    return build.task(settings.load(), no_cache=no_cache, progress=progress)


@seatrial_task(
    help={
        "prod": "start the facilitator and a Redis with authentication, instead of the development services",
        "build": "build the image first (with --prod; it is also built when there is none)",
    }
)
def up(_context: Context, prod: bool = False, build: bool = False) -> int:
    """Start the development services, or with --prod the production stack, and wait until all are healthy."""
    from seatrial import lifecycle, settings

    return lifecycle.up(settings.load(), production=prod, build=build)


@seatrial_task(
    help={
        "volumes": "remove the data as well (asks for --yes)",
        "yes": "do not ask: the data of both profiles is lost",
    }
)
def down(_context: Context, volumes: bool = False, yes: bool = False) -> int:
    """Stop and remove the containers of both profiles; data stays."""
    from seatrial import lifecycle, settings

    return lifecycle.down(settings.load(), volumes=volumes, confirmed=yes)


@seatrial_task()
def ps(_context: Context) -> int:
    """Show what runs: service, state, ports, image."""
    from seatrial import lifecycle, settings

    return lifecycle.ps(settings.load())


@seatrial_task(
    help={"follow": "go on until Ctrl-C", "service": "one service only (`logs facilitator` says the same)"},
)
def logs(_context: Context, follow: bool = False, service: str = "") -> int:
    """Show what the services wrote: logs [--follow] [SERVICE]."""
    from seatrial import lifecycle, settings

    return lifecycle.logs(settings.load(), follow=follow, service=service)


@seatrial_task()
def smoke(_context: Context) -> int:
    """Ask the running Redis harmless questions: who is let in, who is not."""
    from seatrial import lifecycle, settings

    return lifecycle.smoke(settings.load())


@seatrial_task(
    help={
        "list": "list the checks: id and promise",
        "only": "ids or families, separated by commas",
        "skip": "ids or families to leave out",
        "image": "another image than the project's own: a name, or a file: what `docker save` wrote or an OCI layout, "
        "FILE:NAME where it holds several; for the trial stack the engine loads a copy, which is removed again",
        "base": "the base image that it stands on, a name or a file, if it is not the Dockerfile's in the engine",
        "static": "start nothing: no trial stack, no second build",
        "format": "text, json, junit, sarif, markdown, html, gitlab, github; several: junit=out.xml,html=out.html,text",
        "output": "write the one report to a file instead of standard output",
        "quiet": "text: only what fails, and the verdict",
        "verbose": "text: every check with what it examined, every problem",
        "explain": "tell all about one check: promise, reason, sabotage, mutants, mend",
        "against": "an earlier report in JSON: only what is new since then counts",
        "watch": "judge the files again whenever one changes, until Ctrl-C",
    }
)
def verify(
    _context: Context,
    list: bool = False,  # noqa: A002 - the option's name
    only: str = "",
    skip: str = "",
    image: str = "",
    base: str = "",
    static: bool = False,
    format: str = "text",  # noqa: A002 - the option's name
    output: str = "",
    quiet: bool = False,
    verbose: bool = False,
    explain: str = "",
    against: str = "",
    watch: bool = False,
) -> int:
    """Prove every promise on the real image and a real trial stack, and that each check can fail."""
    from seatrial import explanation, proof, settings

    if explain:
        return explanation.show(explain)
    options = proof.Options(
        only=only,
        skip=skip,
        image=image,
        base=base,
        static=static,
        format=format,
        output=output,
        quiet=quiet,
        verbose=verbose,
        against=against,
        watch=watch,
    )
    return proof.print_list(options) if list else proof.start(settings.of_image if image else settings.load, options)


collection = Collection("seatrial", setup, doctor, build, up, down, ps, logs, smoke, verify)
collection.configure({"listing": LISTING})
