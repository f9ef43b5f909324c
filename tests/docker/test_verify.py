"""`./invoke verify` as people run it: on the healthy project, interrupted, killed, and with a check that went blind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial import verify
from seatrial.evidence import tree
from tests.docker.harbour import until
from tests.docker.image_files import repack, save, unpack
from tests.docker.mutant import Patch, swap
from tests.docker.yard import PATIENCE_SECONDS, docker, give_tools, invoke, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.docker.yard import Ship, Yard

LABEL = "seatrial.trial"
TRIAL = ("verify", "--only", "runtime", "--image")


@pytest.fixture(scope="module")
def ready(shipyard: Yard, healthy: Ship) -> Path:
    """A copy of the healthy project with its tools."""
    project = shipyard.copy(healthy, "ready")
    give_tools(project.root)
    return project.root


@pytest.fixture
def under_way(ready: Path, healthy: Ship) -> Iterator[subprocess.Popen[str]]:
    """A `verify` in the middle of its trial."""
    running = start(ready, *TRIAL, healthy.image)
    try:
        until(lambda: bool(of_trial("ps", "--all", pid=running.pid)), "a trial container exists")
        yield running
    finally:
        running.kill()
        running.communicate(timeout=PATIENCE_SECONDS)


def of_trial(*listing: str, pid: int) -> list[str]:
    """Return what a listing of docker shows of the trial of one process."""
    label = f"label={LABEL}={socket.gethostname()}/{pid}"
    return docker(*listing, "--quiet", "--filter", label).split()


def left_of(pid: int) -> list[str]:
    return [*of_trial("ps", "--all", pid=pid), *of_trial("network", "ls", pid=pid), *of_trial("volume", "ls", pid=pid)]


def test_every_promise_holds_on_the_healthy_project_and_two_runs_do_not_meet(
    ready: Path, healthy: Ship, tmp_path: Path
) -> None:
    words = ["verify", "--image", healthy.image, "--format", "json", "--output"]
    other = start(ready, *words, str(tmp_path / "other.json"))
    try:
        mine = invoke(ready, *words, str(tmp_path / "mine.json"))
        said = other.communicate(timeout=PATIENCE_SECONDS)
    finally:
        other.kill()
        other.wait()
    assert mine.returncode == 0, (tmp_path / "mine.json").read_text() + mine.stderr
    assert other.returncode == 0, (tmp_path / "other.json").read_text() + str(said)
    for name in ("mine", "other"):
        report = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
        assert {result["verdict"] for result in report["results"]} == {"PASS"}
        assert {result["id"] for result in report["results"]} == {check.id for check in verify.select()}
        assert all(result["examined"] for result in report["results"])
    assert left_of(other.pid) == []


def test_without_a_way_to_the_package_index_the_second_build_is_skipped(
    ready: Path, healthy: Ship, tmp_path: Path
) -> None:
    # Docker hands the client's proxies to the build, and nobody listens there.
    nowhere = {"httpProxy": "http://127.0.0.1:9", "httpsProxy": "http://127.0.0.1:9"}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": nowhere}}), encoding="utf-8")
    done = invoke(ready, "verify", "--only", "supply", "--image", healthy.image, DOCKER_CONFIG=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SKIP  supply.reproducible\n      because: the package index cannot be reached" in done.stdout
    assert "\nPASS  supply.sbom, supply.base, supply.waivers\n" in done.stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_run_leaves_nothing(under_way: subprocess.Popen[str], sign: signal.Signals) -> None:
    under_way.send_signal(sign)
    said = under_way.communicate(timeout=PATIENCE_SECONDS)
    assert under_way.returncode == 130, said
    assert "interrupted" in said[1]
    assert left_of(under_way.pid) == []


class Run:
    """A `verify` whose temporary files and processes can be told from everybody else's."""

    def __init__(self, ready: Path, folder: Path, *words: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        # Its own cache, so that there is something to read.
        own = {"TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(folder / "cache")}
        self.process = start(ready, "verify", *words, **own)

    def programs(self) -> list[str]:
        """Return the command lines of all processes that belong to the run, itself left out."""
        mark = f"TMPDIR={self.temporary}".encode()
        found = []
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and place.name != str(self.process.pid):
                # It may be gone by now, or another user's.
                with contextlib.suppress(OSError):
                    if mark in (place / "environ").read_bytes().split(b"\0"):
                        found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        return found

    def runs(self, *words: str) -> bool:
        """Whether a program runs whose command line holds these words."""
        return any(all(word in line for word in words) for line in self.programs())

    def asks_the_engine(self) -> bool:
        """Whether the run itself waits at a socket: as long as an image is read, that is the engine's."""
        with contextlib.suppress(OSError):
            return any(str(file.readlink()).startswith("socket:") for file in self.open_files())
        return False

    def open_files(self) -> list[Path]:
        return list(Path(f"/proc/{self.process.pid}/fd").iterdir())

    def has_container(self, *options: str) -> bool:
        return bool(of_trial("ps", "--all", *options, pid=self.process.pid))

    def has_image(self) -> bool:
        tags = docker("image", "ls", "--format", "{{.Tag}}", "seatrial-trial").split()
        return any(tag.startswith(f"{self.process.pid}-") for tag in tags)


WHOLE = ("--image", "IMAGE")
MOMENTS: dict[str, tuple[tuple[str, ...], Callable[[Run], bool]]] = {
    "the image is read": (("--static", *WHOLE), Run.asks_the_engine),
    "the context is asked for": (("--only", "context", *WHOLE), lambda run: run.runs("buildx build", "context.tar")),
    "it is built again": (("--only", "supply", *WHOLE), lambda run: run.runs("buildx build", "--no-cache")),
    "compose starts the trial": (WHOLE, lambda run: run.runs("compose", " up ")),
    "the trial is asked": (("--only", "runtime", *WHOLE), lambda run: run.has_container("--filter", "name=twin")),
    "Redis was killed": (("--only", "redis", *WHOLE), lambda run: run.has_container("--filter", "status=exited")),
    "a copy of a file is loaded": (("--only", "runtime", "--image", "FILE"), Run.has_image),
}


@pytest.fixture(scope="module")
def foreign(healthy: Ship, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An image in a file that the engine does not have: the healthy one by another author."""
    folder = tmp_path_factory.mktemp("foreign")
    layout = unpack(save(folder / "saved.tar", healthy.image), folder / "layout")
    yield repack(layout, folder / "foreign", author="somebody")
    shutil.rmtree(folder)


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_it_is_interrupted_nothing_is_left(
    moment: str, ready: Path, healthy: Ship, foreign: Path, tmp_path: Path
) -> None:
    words, has_come = MOMENTS[moment]
    given = {"IMAGE": healthy.image, "FILE": str(foreign)}
    run = Run(ready, tmp_path, *(given.get(word, word) for word in words))
    known = unnamed(healthy)
    try:
        until(lambda: has_come(run) or run.process.poll() is not None, moment)
        run.process.send_signal(signal.SIGINT)
        said = run.process.communicate(timeout=PATIENCE_SECONDS)
        assert run.process.returncode == 130, said
        assert "interrupted" in said[1]
        assert "Traceback" not in said[1]
        assert left_of(run.process.pid) == []
        assert not run.has_image()
        assert unnamed(healthy) == known
        until(lambda: run.programs() == [], f"every program has ended: {run.programs()}")
        assert list(run.temporary.iterdir()) == []
    finally:
        run.process.kill()
        run.process.communicate(timeout=PATIENCE_SECONDS)


def unnamed(ship: Ship) -> set[str]:
    """Return the images without a name that were made from a ship."""
    revision = f"label=org.opencontainers.image.revision={tree.revision(ship.settings).name}"
    words = ("image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=true", "--filter", revision)
    return set(docker(*words).split())


def test_a_disk_without_room_for_the_cache_is_told_once_and_changes_nothing(
    ready: Path, healthy: Ship, tmp_path: Path
) -> None:
    """No file may grow beyond 64 KB: the facts of a layer take more, and writing them really fails in the middle."""
    limit = ["prlimit", "--fsize=65536"]
    words = [*limit, str(ready / "invoke"), "verify", "--only", "image,layers,packages", "--image", healthy.image]
    for _ in range(2):
        done = subprocess.run(
            words,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr.count("nothing can be kept") == 1
        assert f"{tmp_path}/seatrial: File too large" in done.stderr
        assert not list((tmp_path / "seatrial").glob(".new-*"))


def test_what_a_killed_run_left_is_removed_by_the_next(
    ready: Path, healthy: Ship, under_way: subprocess.Popen[str]
) -> None:
    until(lambda: len(of_trial("ps", pid=under_way.pid)) > 1, "both services run")
    under_way.kill()
    under_way.communicate(timeout=PATIENCE_SECONDS)
    assert left_of(under_way.pid)
    following = start(ready, *TRIAL, healthy.image)
    try:
        until(lambda: bool(of_trial("ps", "--all", pid=following.pid)), "the next trial has begun")
        assert left_of(under_way.pid) == []
    finally:
        following.terminate()
        following.communicate(timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize(
    ("patch", "verdict", "words"),
    [
        (
            swap("seatrial/checks/compose/hardening.py", 'if service.get("read_only") is not True:', "if not service:"),
            "BLIND",
            "its own sabotage went unseen",
        ),
        (
            swap(
                "seatrial/checks/compose/hardening.py",
                'if service.get("read_only") is not True:',
                "if service.read_only:",
            ),
            "ERROR",
            "AttributeError: 'dict' object has no attribute 'read_only'",
        ),
    ],
    ids=["blind", "crashed"],
)
def test_a_check_that_cannot_be_trusted_ends_with_4(
    shipyard: Yard, healthy: Ship, patch: Patch, verdict: str, words: str
) -> None:
    project = shipyard.copy(healthy, f"not-trusted-{verdict}")
    patch(project.root)
    give_tools(project.root)
    done = invoke(project.root, "verify", "--image", healthy.image, "--only", "compose", "--static")
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"{verdict:<5} compose.read_only" in done.stdout
    assert words in done.stdout


def test_an_image_that_is_not_there_is_bad_usage(ready: Path) -> None:
    done = invoke(ready, "verify", "--image", "seatrial-test-no-such-image")
    assert done.returncode == 2
    assert "error[image-missing]" in done.stderr
