"""./invoke itself: the real script in a copy of the checkout, with real and with broken Pythons."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial import settings, toolbox
from seatrial.errors import SeatrialError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = settings.load().root
MODULES = ("__init__", "errors", "process", "toolbox", "wording")
ENTRY = 'import os, sys\nprint(sys.argv[1:], os.getcwd(), sys.executable, os.environ.get("PYTHONPATH"), sep="|")\n'
MAKING = "making .venv (once) ... "


@pytest.fixture
def real_checkout(tmp_path: Path) -> Path:
    """A copy of what the wrapper needs, with nothing to install, and an entry point that tells how it was called."""
    made = tmp_path / "a checkout"
    (made / "seatrial").mkdir(parents=True)
    (made / "requirements").mkdir()
    shutil.copy(ROOT / "invoke", made / "invoke")
    for module in MODULES:
        shutil.copy(ROOT / "seatrial" / f"{module}.py", made / "seatrial")
    (made / "tasks.py").write_text(ENTRY, encoding="utf-8")
    (made / "requirements" / "toolkit.txt").write_text("# nothing\n", encoding="utf-8")
    return made


@pytest.fixture
def checkout(real_checkout: Path) -> Path:
    """The same, but environments are made without pip, and nothing is installed: seconds less for each."""
    toolbox_source = real_checkout / "seatrial" / "toolbox.py"
    text = toolbox_source.read_text(encoding="utf-8")
    for slow, quick in (('"-m", "venv"', '"-m", "venv", "--without-pip"'), ('"-m", "pip"', '"-c", "pass"')):
        assert text.count(slow) == 1
        text = text.replace(slow, quick)
    toolbox_source.write_text(text, encoding="utf-8")
    return real_checkout


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder for PATH in which the tools of the wrapper are, but no Python."""
    folder = tmp_path / "commands"
    folder.mkdir()
    for tool in ("sh", "cmp", "readlink"):
        (folder / tool).symlink_to(shutil.which(tool) or "")
    return folder


def call(
    script: Path, *words: str, cwd: Path | None = None, path: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHON", "VIRTUAL_ENV"}}
    environment.update(env or {})
    if path is not None:
        environment["PATH"] = str(path)
    return subprocess.run(
        [script, *words], cwd=cwd or script.parent, env=environment, capture_output=True, text=True, check=False
    )


def python_stub(folder: Path, name: str, script: str) -> None:
    stub = folder / name
    stub.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    stub.chmod(0o755)


def working_python(folder: Path, name: str) -> None:
    (folder / name).symlink_to(os.path.realpath(sys.executable))


def test_the_first_call_makes_the_environment_and_later_calls_are_silent(real_checkout: Path) -> None:
    shutil.copy(ROOT / "requirements" / "toolkit.txt", real_checkout / "requirements")
    (real_checkout / "tasks.py").write_text("import dotenv, docker, invoke, rich\n", encoding="utf-8")
    first = call(real_checkout / "invoke")
    assert (first.returncode, first.stdout) == (0, ""), first.stderr
    assert first.stderr.startswith(MAKING)
    assert first.stderr.count("\n") == 1
    second = call(real_checkout / "invoke")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")


def test_it_works_from_any_folder_and_through_links_and_hands_on_its_words(checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    (elsewhere / "deep").mkdir(parents=True)
    (elsewhere / "absolute").symlink_to(checkout / "invoke")
    (elsewhere / "deep" / "relative").symlink_to("../absolute")
    expected = f"['up', '--prod', 'two words', '']|{checkout}|{checkout}/.venv/bin/python|None\n"
    for script in (checkout / "invoke", elsewhere / "absolute", elsewhere / "deep" / "relative"):
        done = call(script, "up", "--prod", "two words", "", cwd=elsewhere, env={"PYTHONPATH": str(elsewhere)})
        assert done.stdout == expected, done.stderr
    by_shell = subprocess.run(["sh", "invoke", "x"], cwd=checkout, capture_output=True, text=True, check=True)
    assert by_shell.stdout.startswith("['x']|")


def test_the_exit_code_is_the_tasks(checkout: Path) -> None:
    (checkout / "tasks.py").write_text("raise SystemExit(4)\n", encoding="utf-8")
    assert call(checkout / "invoke").returncode == 4


def without_stamp(checkout: Path) -> Path:
    (checkout / ".venv" / ".requirements").unlink()
    return checkout


def with_other_requirements(checkout: Path) -> Path:
    (checkout / "requirements" / "toolkit.txt").write_text("# other\n", encoding="utf-8")
    return checkout


def without_its_python(checkout: Path) -> Path:
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to("/nonexistent/python3")
    return checkout


def moved(checkout: Path) -> Path:
    return checkout.rename(checkout.with_name("moved"))


def replaced_by_a_file(checkout: Path) -> Path:
    shutil.rmtree(checkout / ".venv")
    (checkout / ".venv").write_text("", encoding="utf-8")
    return checkout


@pytest.mark.parametrize(
    "spoil", [without_stamp, with_other_requirements, without_its_python, moved, replaced_by_a_file]
)
def test_an_environment_that_is_not_whole_is_made_again(checkout: Path, spoil: object) -> None:
    assert call(checkout / "invoke").returncode == 0
    assert callable(spoil)
    now = spoil(checkout)
    again = call(now / "invoke")
    assert (again.returncode, again.stderr[: len(MAKING)]) == (0, MAKING)
    assert f"|{now}/.venv/bin/python|" in again.stdout
    assert call(now / "invoke").stderr == ""


def test_two_at_once_make_one_environment(checkout: Path) -> None:
    both = [
        subprocess.Popen([checkout / "invoke", word], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for word in ("one", "two")
    ]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert [stdout[:7] for stdout, _ in said] == ["['one']", "['two']"]
    assert sum(stderr.count(MAKING) for _, stderr in said) == 1


def test_an_interrupted_creation_leaves_nothing_that_breaks_the_next(real_checkout: Path) -> None:
    (real_checkout / "requirements" / "toolkit.txt").write_text(
        "--index-url http://127.0.0.1:9/\n--retries 9\nabsent==1 --hash=sha256:" + "0" * 64 + "\n", encoding="utf-8"
    )
    with subprocess.Popen(
        [real_checkout / "invoke"], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        while not (real_checkout / ".venv" / "bin" / "pip").exists() and child.poll() is None:
            pass
        os.killpg(child.pid, 9)
    (real_checkout / "requirements" / "toolkit.txt").write_text("# nothing\n", encoding="utf-8")
    assert call(real_checkout / "invoke").returncode == 0


def test_no_python_at_all(checkout: Path, commands: Path) -> None:
    done = call(checkout / "invoke", path=commands)
    assert done.returncode == 3
    assert done.stderr == (
        "error[python-missing]: no Python 3.11 or newer is found\n"
        "  next: apt-get install python3 python3-venv, or set PYTHON to the path of one\n"
    )


def test_a_python_that_is_too_old_is_named(checkout: Path, commands: Path) -> None:
    python_stub(commands, "python3", "echo old 3.9")
    done = call(checkout / "invoke", path=commands)
    assert done.returncode == 3
    assert "no Python 3.11 or newer is found: python3 is 3.9\n" in done.stderr


def test_a_python_without_the_venv_module(checkout: Path, commands: Path) -> None:
    python_stub(commands, "python3", "echo bare 3.11")
    done = call(checkout / "invoke", path=commands)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error[python-venv]: python3 is Python 3.11, but without the module that makes environments\n"
        "  next: apt-get install python3-venv\n"
    )


def test_a_shim_that_only_looks_like_a_python_is_passed_over(checkout: Path, commands: Path) -> None:
    python_stub(commands, "python3", "echo 'pyenv: python3: command not found' >&2; exit 127")
    python_stub(commands, "python3.13", "echo old 3.8")
    working_python(commands, "python3.11")
    assert call(checkout / "invoke", "x", path=commands).stdout.startswith("['x']|")


def test_python_says_which_one_is_meant(checkout: Path, commands: Path) -> None:
    python_stub(commands, "python3", "echo bare 3.12")
    done = call(checkout / "invoke", "x", path=commands, env={"PYTHON": os.path.realpath(sys.executable)})
    assert done.stdout.startswith("['x']|"), done.stderr


def test_the_real_question_is_understood_by_a_real_python(checkout: Path, commands: Path) -> None:
    working_python(commands, "python3")
    assert call(checkout / "invoke", "x", path=commands).stdout.startswith("['x']|")


def test_packages_that_cannot_be_had_leave_no_environment(real_checkout: Path) -> None:
    requirements = real_checkout / "requirements" / "toolkit.txt"
    requirements.write_text("seatrial-absent==1.0 --hash=sha256:" + "0" * 64 + "\n", encoding="utf-8")
    done = call(real_checkout / "invoke", env={"PIP_NO_INDEX": "1"})
    assert done.returncode == 3
    assert "error[command-failed]: pip cannot install requirements/toolkit.txt" in done.stderr
    assert "seatrial-absent" in done.stderr
    assert "check the network" in done.stderr
    assert not (real_checkout / ".venv").exists()


def test_a_package_that_is_not_the_locked_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "seatrial_absent-1.0-py3-none-any.whl").write_bytes(b"not what was locked")
    locked = "seatrial-absent==1.0 --hash=sha256:" + "0" * 64
    (tmp_path / "requirements.txt").write_text(f"{locked}\n", encoding="utf-8")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(SeatrialError, match="DO NOT MATCH THE HASHES"):
        toolbox._install(Path(sys.executable), tmp_path / "requirements.txt")


def test_a_users_own_pip_settings_do_not_lead_it_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("PIP_USER", "1"), ("PIP_TARGET", tmp_path / "target"), ("PIP_PREFIX", tmp_path / "prefix")):
        monkeypatch.setenv(name, str(value))
    (tmp_path / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    toolbox._install(Path(sys.executable), tmp_path / "requirements.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["requirements.txt"]


@pytest.mark.parametrize(
    ("ensure", "name", "said"),
    [
        (toolbox.ensure_development_tools, "development", "the development tools"),
        (toolbox.ensure_oracles, "oracles", "the development tools and the oracles"),
    ],
    ids=["development", "oracles"],
)
def test_tools_are_installed_once(
    monkeypatch: pytest.MonkeyPatch, checkout: Path, ensure: Callable[[settings.Settings], str], name: str, said: str
) -> None:
    (checkout / ".venv").mkdir()
    (checkout / "requirements" / f"{name}.txt").write_text("# tools\n", encoding="utf-8")
    installed: list[Path] = []
    monkeypatch.setattr(toolbox, "_install", lambda _, requirements: installed.append(requirements))
    project = settings.Settings(**{**vars(settings.load()), "root": checkout})
    assert ensure(project) == f"installed {said} into .venv"
    assert ensure(project) == ""
    assert installed == [checkout / "requirements" / f"{name}.txt"]


def test_what_tests_need_is_what_linters_need_and_more() -> None:
    # Both are installed into one environment, in either order.
    tools, oracles = (pinned(ROOT / name) for name in (toolbox.DEVELOPMENT, toolbox.ORACLES))
    assert tools < oracles


def pinned(lock: Path) -> set[str]:
    return {line.split(" ")[0] for line in lock.read_text(encoding="utf-8").splitlines() if "==" in line}


def test_an_environment_with_development_tools_gets_them_again(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / ".requirements-development").write_text("# old\n", encoding="utf-8")
    (checkout / "requirements" / "development.txt").write_text("# tools\n", encoding="utf-8")
    installed: list[Path] = []
    monkeypatch.setattr(toolbox, "_create", lambda folder: (folder / "bin").mkdir(parents=True))
    monkeypatch.setattr(toolbox, "_install", lambda _, requirements: installed.append(requirements))
    toolbox.make_environment(checkout)
    assert installed == [checkout / "requirements" / "development.txt"]
    stamps = {path.name: path.read_text(encoding="utf-8") for path in (checkout / ".venv").glob(".req*")}
    assert stamps == {".requirements": "# nothing\n", ".requirements-development": "# tools\n"}


def test_an_environment_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch, checkout: Path) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(SeatrialError, match="cannot make an environment") as raised:
        toolbox.make_environment(checkout)
    assert "python3-venv" in raised.value.hint
    assert not (checkout / ".venv").exists()


def test_the_script_is_one_that_every_posix_shell_reads() -> None:
    assert os.access(ROOT / "invoke", os.X_OK)
    for shell in filter(None, map(shutil.which, ("sh", "dash", "bash"))):
        subprocess.run([shell, "-n", ROOT / "invoke"], check=True)
