"""`./invoke verify` as people run it: on the healthy project, interrupted, killed, and with a check that went blind."""

from __future__ import annotations

import json
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from seatrial import verify
from tests.docker.harbour import until
from tests.docker.mutant import Patch, swap
from tests.docker.yard import PATIENCE_SECONDS, docker, give_tools, invoke, start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

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
