"""IPFS for development: in the local store, pulled, or compiled from its Go module."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from seatrial import console, envfile, process
from seatrial.errors import Code, SeatrialError
from seatrial.host import bases
from seatrial.host.rootfs import OWN_NAME
from seatrial.settings import IMAGE_DEFAULTS, chosen_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatrial.console import Step
    from seatrial.settings import Settings

VARIABLE = "IPFS_IMAGE"
MODULE = Path(__file__).parent / "kubo"
"""Our Go module: which kubo, with the hash of every source that it is made from, and what goes around it."""
PACKAGE = "github.com/ipfs/kubo/cmd/ipfs"
IMAGE_PARTS = ("Dockerfile", "start_ipfs", "network.sh")
NEXT = "./invoke setup --ipfs"

ANSWER_SECONDS = 30
COMPILE_SECONDS = 1800
IMAGE_SECONDS = 300
LIVE_NOTE_SECONDS = 0.2
LINE_NOTE_SECONDS = 10.0


def ensure_ipfs(settings: Settings, *, build: bool) -> str:
    """Make sure that the IPFS image is in the local store, where it can be had; return how things stand, in one line.

    Without `build`, an image that cannot be had is said, not raised: only development uses it. With `build` it is
    compiled, and the choice is written to .env. Raises SeatrialError: COMMAND_MISSING without Go, BUILD_FAILED,
    BASE_IMAGE when the operator chose an image that cannot be had, or when there is no base to build on.
    """
    wanted, own = chosen_image(settings, VARIABLE), own_image()
    here = bases.in_store([wanted, own])
    if wanted in here:
        return f"{wanted} is in the local store"
    is_ours_to_choose = wanted == IMAGE_DEFAULTS[VARIABLE] or wanted.startswith(f"{OWN_NAME}kubo:")
    if is_ours_to_choose and own in here:
        return _choose(settings, own, "it was compiled earlier")
    complaint = "no registry is asked for it" if wanted.startswith(OWN_NAME) else bases.pull(wanted)
    if not complaint:
        return f"pulled {wanted}"
    if not build:
        return f"IPFS is left out: {wanted} cannot be had ({complaint}); to compile it with Go: {NEXT}"
    if not is_ours_to_choose:
        raise SeatrialError(
            Code.BASE_IMAGE,
            f"{VARIABLE} is {wanted}, which is not in the local store and cannot be pulled: {complaint}",
            hint=f"`docker load` it, or take {VARIABLE} out of .env and the environment",
        )
    build_image(settings, own)
    return _choose(settings, own, f"compiled, because {wanted} cannot be had")


def own_image() -> str:
    """Return the name of the image that is compiled here; its tag is the version in go.mod."""
    return f"{OWN_NAME}kubo:{_required(r'github.com/ipfs/kubo v([0-9.]+)')}"


def build_image(settings: Settings, image: str) -> None:
    """Compile kubo, statically, and put an image of it on top of the Python base."""
    require_go()
    base = chosen_image(settings, "PYTHON_IMAGE")
    if base not in bases.in_store([base]):
        raise SeatrialError(
            Code.BASE_IMAGE, f"{image} is made on top of {base}, which is not in the local store", hint="./invoke setup"
        )
    with tempfile.TemporaryDirectory(prefix="seatrial-kubo-") as name:
        context = Path(name)
        compile_kubo(context / "ipfs", architecture=_architecture(base))
        for part in IMAGE_PARTS:
            # The modes of the checkout are whatever the checkout's umask made them.
            shutil.copyfile(MODULE / part, context / part)
            (context / part).chmod(0o755)
        with console.step(f"making {image}") as step:
            argv = ["docker", "build", "--quiet", "--network=none", "--tag", image]
            argv += ["--build-arg", f"PYTHON_IMAGE={base}", name]
            _require_done(process.run(argv, timeout_seconds=IMAGE_SECONDS, check=False), f"{image} could not be made")
            step.done(f"made {image} on top of {base}")


def require_go() -> None:
    """Make sure that Go is installed, and not older than go.mod asks for. Raises SeatrialError COMMAND_MISSING."""
    least = _required(r"^go ([0-9.]+)")
    hint = f"install Go {least} or newer, then {NEXT}; or `docker load` {IMAGE_DEFAULTS[VARIABLE]}"
    if process.find("go") is None:
        raise SeatrialError(Code.COMMAND_MISSING, "IPFS is compiled with Go, and Go is not installed", hint=hint)
    said = process.run(["go", "version"], timeout_seconds=ANSWER_SECONDS, env={"GOTOOLCHAIN": "local"}).stdout
    version = parse_go_version(said)
    if version < _numbers(least):
        raise SeatrialError(
            Code.COMMAND_MISSING, f"IPFS is compiled with Go {least} or newer; here is: {said.strip()}", hint=hint
        )


def parse_go_version(text: str) -> tuple[int, ...]:
    """Return the numbers in what `go version` answers: `go version go1.24.1 linux/amd64` is (1, 24, 1)."""
    match = re.search(r"\bgo(\d+(?:\.\d+)*)", text)
    return _numbers(match[1]) if match else ()


def compile_kubo(target: Path, *, architecture: str) -> None:
    """Compile kubo into a static program for Linux, from exactly the sources whose hashes are in go.sum."""
    env = {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "CGO_ENABLED": "0",
        "GOOS": "linux",
        "GOARCH": architecture,
    }
    with console.step("compiling IPFS") as step:
        said = _Pace(step)

        def fetching(line: str) -> None:
            if line.startswith("go: downloading"):
                said(line.removeprefix("go: "))

        argv = ["go", "list", "-deps", PACKAGE]
        listed = process.run(argv, cwd=MODULE, env=env, timeout_seconds=COMPILE_SECONDS, check=False, on_line=fetching)
        _require_done(listed, "kubo's sources could not be had")
        packages = len(listed.stdout.splitlines())
        argv = ["go", "build", "-v", "-ldflags=-s -w", "-o", str(target), PACKAGE]
        said(f"{packages} packages, about two minutes the first time")
        built = process.run(
            argv, cwd=MODULE, env=env, timeout_seconds=COMPILE_SECONDS, check=False, on_line=said.counting(packages)
        )
        _require_done(built, "kubo could not be compiled")
        step.done(f"compiled IPFS: {packages} packages, {target.stat().st_size / 1e6:.0f} MB")


class _Pace:
    """Notes of a step, no more of them than a person reads: a thousand packages are a few lines in a log."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._pause_seconds = LINE_NOTE_SECONDS if step.live is None else LIVE_NOTE_SECONDS
        self._next = 0.0

    def __call__(self, text: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._pause_seconds
            self._step.note(text)

    def counting(self, total: int) -> Callable[[str], None]:
        """Return a listener for `go build -v`, which names each package as it is compiled."""
        seen = 0

        def one(line: str) -> None:
            nonlocal seen
            seen += 1
            self(f"{seen} of {total} packages: {line}")

        return one


def _architecture(base: str) -> str:
    # Docker and Go use the same names; the engine may run on another kind of machine than this one.
    argv = ["docker", "image", "inspect", "--format", "{{.Architecture}}", base]
    return process.run(argv, timeout_seconds=ANSWER_SECONDS).stdout.strip()


def _choose(settings: Settings, image: str, why: str) -> str:
    envfile.assign(settings.path(".env"), VARIABLE, image)
    return f"wrote {VARIABLE}={image} to .env: {why}"


def _require_done(done: process.Completed, what: str) -> None:
    if done.ok:
        return
    full = "no space left on device" in done.stderr.lower()
    raise SeatrialError(
        Code.DISK_FULL if full else Code.BUILD_FAILED,
        f"{what}:\n{done.complaint}",
        hint="go clean -cache; docker system df" if full else f"mend what the lines above name, then {NEXT}",
    )


def _required(pattern: str) -> str:
    match = re.search(pattern, (MODULE / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if match is None:
        raise SeatrialError(Code.UNEXPECTED, f"{MODULE / 'go.mod'} does not say {pattern}", hint="restore the file")
    return match[1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
