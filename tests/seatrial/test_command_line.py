"""`./invoke` behind its wrapper, and the command `seatrial`, as a person types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tasks
from seatrial.program import _with_optional_words

ROOT = Path(__file__).resolve().parents[2]
TASKS = set(tasks.namespace.task_names)


def run(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
        "DOCKER_HOST": "unix:///nowhere.sock",
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "tasks.py"), *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("words", [(), ("--list",)])
def test_tasks_are_listed_in_the_order_of_their_use(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^  ([\w.]+) +\S", done.stdout, re.MULTILINE) == [
        name for names in tasks.LISTING.values() for name in names
    ]
    assert re.findall(r"^(\w+)$", done.stdout, re.MULTILINE) == list(tasks.LISTING)


def test_it_works_from_another_folder(tmp_path: Path) -> None:
    assert run("--list", cwd=tmp_path).returncode == 0
    done = run("verify", "--static", cwd=tmp_path)
    assert (done.returncode, done.stderr.partition(":")[0]) == (2, "error[settings]")


@pytest.mark.parametrize(
    "words",
    [
        ("frobnicate",),
        ("up", "--frobnicate"),
        ("--frobnicate",),
        ("verify", "--format"),
        ("up", "extra"),
        ("verify", "--only", "imgae"),
        ("build", "--progress", "fancy"),
        ("--dry", "ps"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_next(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2, done
    assert re.search(r"^error\[usage\]: .+\n  next: .+", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stdout == ""


def test_logs_of_an_unknown_service_is_bad_usage() -> None:
    done = run("logs", "nginx")
    assert done.returncode == 2
    assert "unknown service: nginx" in done.stderr


@pytest.mark.parametrize("words", [("ps",), ("verify", "--only", "image"), ("logs", "redis")])
def test_without_an_engine_it_ends_with_3(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 3, done
    assert re.search(r"error\[(?:engine|command)-\w+\]: ", done.stderr)
    assert "  next: " in done.stderr


def test_the_list_of_checks_needs_no_engine() -> None:
    done = run("verify", "--list", "--only", "redis")
    assert done.returncode == 0
    assert all(line.startswith("redis.") for line in done.stdout.splitlines())


def test_help_of_a_task_names_its_options() -> None:
    done = run("verify", "--help")
    assert done.returncode == 0
    for option in tasks.namespace["verify"].help:
        assert f"--{option}" in done.stdout


def test_the_version() -> None:
    assert re.search(r"seatrial with Invoke \d", run("--version").stdout)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("logs redis", "logs --service redis"),
        ("logs --follow redis", "logs --follow --service redis"),
        ("logs redis --follow", "logs --service redis --follow"),
        ("logs --service redis", "logs --service redis"),
        ("logs --service=redis", "logs --service=redis"),
        ("logs", "logs"),
        ("logs down", "logs down"),
        ("logs redis down", "logs --service redis down"),
        ("up --prod", "up --prod"),
        ("up redis", "up redis"),
        ("setup up logs facilitator", "setup up logs --service facilitator"),
        ("", ""),
    ],
)
def test_logs_takes_a_word_without_a_dash(written: str, read: str) -> None:
    assert _with_optional_words(written.split(), TASKS) == read.split()
