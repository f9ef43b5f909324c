"""The toolkit as a package: what its wheel holds, and that it works in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OF_THE_SERVICE = (
    "seatrial.demo",
    "seatrial.ledger",
    "seatrial.evidence.trial.payments",
    "seatrial.evidence.trial.managed",
)
"""Loaded only for the payment service's own project, which brings the code that they need."""
ONLY_OF_A_CHECKOUT = {"seatrial/toolbox.py", "seatrial/develop.py", "seatrial/docs.py"}


def run(*argv: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "SEATRIAL"))}
    return subprocess.run(
        argv,
        cwd=cwd,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `pip install .` makes of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
    ]
    done = run(sys.executable, *argv, str(ROOT), cwd=folder)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("seatrial-*.whl")
    return made


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment with the wheel, which finds its dependencies where the tests have theirs."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=False, symlinks=True)
    made = folder / "bin/python"
    argv = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(made),
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        str(wheel),
    ]
    done = run(*argv, cwd=folder)
    assert done.returncode == 0, done.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    theirs = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies.pth").write_text(f"{theirs}\n", encoding="utf-8")
    return made


def test_it_holds_what_it_needs_and_nothing_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "seatrial", cwd=ROOT).stdout.split()
    assert names == {name for name in tracked if (ROOT / name).is_file()} - ONLY_OF_A_CHECKOUT
    assert {"seatrial/kubo/go.mod", "seatrial/kubo/go.sum", "seatrial/recorded.json"} <= names
    assert "Name: seatrial\n" in metadata
    for library in ("invoke", "docker", "rich"):
        assert f"Requires-Dist: {library}>=" in metadata
    for library in ("h11", "coincurve", "redis"):
        assert f"Requires-Dist: {library}>" not in metadata


def test_the_command_in_an_environment_of_its_own(python: Path, tmp_path: Path) -> None:
    command = python.with_name("seatrial")
    listed = run(str(command), cwd=tmp_path)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.startswith("usage: seatrial TASK")
    assert "verify" in listed.stdout
    assert "lock" not in listed.stdout
    where = run(str(python), "-c", "import seatrial; print(seatrial.__file__)", cwd=tmp_path).stdout
    assert where.startswith(str(python.parent.parent))
    checks = run(str(command), "verify", "--list", cwd=tmp_path)
    assert "image.user" in checks.stdout
    assert checks.returncode == 0
    nowhere = run(str(command), "verify", cwd=tmp_path)
    assert nowhere.returncode == 2
    assert nowhere.stderr.startswith("error[settings]: no project")
    assert "./invoke" not in nowhere.stderr


def test_every_module_of_the_wheel_can_be_imported(python: Path, tmp_path: Path) -> None:
    code = (
        "import importlib, pkgutil, seatrial\n"
        "found = pkgutil.walk_packages(seatrial.__path__, 'seatrial.', onerror=lambda _: None)\n"
        "names = [module.name for module in found if not module.name.endswith('__main__')]\n"
        f"names = [name for name in names if not name.startswith({OF_THE_SERVICE})]\n"
        "[importlib.import_module(name) for name in names]\n"
        "print(len(names))"
    )
    done = run(str(python), "-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 40


def test_three_lines_in_another_project_s_tasks(python: Path, tmp_path: Path) -> None:
    (tmp_path / "seatrial.toml").write_text("", encoding="utf-8")
    lines = [
        "from invoke.collection import Collection",
        "from seatrial import collection",
        "ns = Collection(sea=collection)",
    ]
    (tmp_path / "tasks.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    program = (str(python), "-m", "invoke")
    listed = run(*program, "--list", cwd=tmp_path)
    assert "sea.verify" in listed.stdout, listed.stderr
    done = run(*program, "sea.verify", "--format", "nonsense", cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown format: nonsense" in done.stderr
    (tmp_path / "tasks.py").write_text("from seatrial import collection\n\nnamespace = collection\n", encoding="utf-8")
    assert "  verify " in run(*program, "--list", cwd=tmp_path).stdout
    done = run(*program, "verify", "--only", "nonsense", cwd=tmp_path)
    assert "next: families:" in done.stderr
    assert "invoke verify --list" in done.stderr
    assert "./invoke" not in done.stderr
