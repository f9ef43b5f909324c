"""Completion in real shells, with the script that each is given."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKS = {
    "bash": 'eval "$({command} --print-completion-script bash)"; COMP_WORDS=({words}); '
    '"_complete_{command}" {command} "${{COMP_WORDS[-1]}}"; printf "%s\\n" "${{COMPREPLY[@]}}"',
    "zsh": 'eval "$({command} --print-completion-script zsh)"; words=({words}); '
    '"_complete_{command}"; print -l -- $reply',
    "fish": '{command} --print-completion-script fish | source; complete -C "{words}"',
}
"""How each shell is made to complete what was typed so far; zsh chooses among the answers afterwards."""
PLAIN = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `seatrial` and `./invoke` are, with what the wrapper itself does left out."""
    for name, start in (("seatrial", "-m seatrial"), ("invoke", str(ROOT / "tasks.py"))):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} {start} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("{command} ver", "verify"), ("{command} verify --on", "--only"), ("{command} --proj", "--project")],
)
@pytest.mark.parametrize("command", ["seatrial", "./invoke"])
@pytest.mark.parametrize("shell", ASKS)
def test_a_shell_completes(folder: Path, shell: str, command: str, words: str, wanted: str) -> None:
    program = shutil.which(shell)
    if program is None and shell != "bash":
        pytest.skip(f"{shell} is not installed here; apt-get install {shell}")
    assert program is not None
    typed = ASKS[shell].format(command=command, words=words.format(command=command))
    done = subprocess.run(
        [program, *PLAIN[shell], "-c", typed],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert wanted in done.stdout.split(), done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["seatrial", "./invoke"])
@pytest.mark.parametrize("shell", ASKS)
def test_each_script_asks_the_command_that_it_completes(folder: Path, shell: str, command: str) -> None:
    argv = [str(folder / command), "--print-completion-script", shell]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert f"{command} " in done.stdout
    assert "--complete -- " in done.stdout


def test_a_shell_that_nobody_knows(folder: Path) -> None:
    argv = [str(folder / "seatrial"), "--print-completion-script", "tcsh"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "bash, fish, zsh" in done.stderr
