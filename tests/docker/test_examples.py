"""The projects in examples/: other shapes than ours, told in at most ten lines, built and verified whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import settings, verify
from seatrial.host import rootfs
from tests.docker.yard import PATIENCE_SECONDS, PREFIX, ROOT, commit, docker, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = {"node": {"NODE_IMAGE": "seatrial/node:20-trixie"}, "shop": {"PYTHON_IMAGE": "", "REDIS_IMAGE": ""}}
"""Each with the images that it stands on; an empty one is the checkout's own."""
NODE = rootfs.Recipe(
    image=EXAMPLES["node"]["NODE_IMAGE"],
    release="trixie",
    packages=("nodejs",),
    changes=(f"ENV PATH={rootfs.PATH}", 'CMD ["node"]'),
    after="""
            chroot "$1" node --version | grep -q '^v20'
        """,
)


def seatrial(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a project, as its own people do."""
    command = "import sys; sys.path.insert(0, sys.argv.pop(1)); from seatrial.__main__ import main; main()"
    return subprocess.run(
        [sys.executable, "-c", command, str(ROOT), *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of an example, committed and built, its secrets made by its own script."""
    folder = tmp_path_factory.mktemp("example") / request.param
    # Not what somebody who tried it left there.
    left = shutil.ignore_patterns("secrets", "dist", ".env", ".seatrial", "__pycache__")
    shutil.copytree(ROOT / "examples" / request.param, folder, ignore=left)
    chosen = {
        name: image or settings.chosen_image(settings.load(ROOT), name)
        for name, image in EXAMPLES[request.param].items()
    }
    if NODE.image in chosen.values() and not docker("images", "--quiet", NODE.image).strip():
        rootfs.build([NODE], allow_install=False, note=lambda _: None)
    tag = f"{PREFIX}-example-{request.param}"
    (folder / ".env").write_text("".join(f"{name}={image}\n" for name, image in chosen.items()), encoding="utf-8")
    (folder / ".gitignore").write_text(".env\nsecrets/\n", encoding="utf-8")
    rename(folder, tag)
    if (folder / "make-secrets").is_file():
        run([str(folder / "make-secrets")], folder)
    run(["git", "init", "--quiet", "--initial-branch=main"], folder)
    commit(folder)
    built = seatrial(folder, "build")
    assert built.returncode == 0, built.stderr
    yield folder
    docker("image", "rm", tag)


def rename(folder: Path, tag: str) -> None:
    """Give the example's image a name of this run's own, in its settings and its compose file."""
    project = settings.load(folder)
    for name in ("seatrial.toml", "pyproject.toml", project.compose_file):
        file = folder / name
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            text = text.replace(f'image = "{project.image}"', f'image = "{tag}"')
            file.write_text(text.replace(f"image: {project.image}\n", f"image: {tag}\n"), encoding="utf-8")


def verified(folder: Path, *words: str) -> dict[str, Any]:
    """Return the report of a run in which nothing failed."""
    done = seatrial(folder, "verify", "--format", "json", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def reasons(report: dict[str, Any]) -> dict[str, str]:
    return {result["id"]: result["reason"] for result in report["results"] if result["verdict"] == "SKIP"}


def test_it_is_told_in_at_most_ten_lines(example: Path) -> None:
    own = example / "seatrial.toml"
    text = (
        own.read_text(encoding="utf-8") if own.is_file() else (example / "pyproject.toml").read_text(encoding="utf-8")
    )
    told = text if own.is_file() else text.partition("[tool.seatrial]")[2]
    assert len([line for line in told.splitlines() if line.strip() and not line.startswith("#")]) <= 10


def test_every_promise_holds_or_says_why_it_is_not_made(example: Path) -> None:
    report = verified(example)
    assert {result["verdict"] for result in report["results"]} == {"PASS", "SKIP"}
    skipped = reasons(report)
    assert all(skipped.values())
    expected = {
        "compose.config_mount": "config_mount is not set in [tool.seatrial]",
        "compose.no_development": "no service is for development alone",
    }
    assert {name for name in skipped if name.startswith("payment.")} == {check.id for check in verify.select("payment")}
    skipped = {name: reason for name, reason in skipped.items() if not name.startswith("payment.")}
    if example.name == "shop":
        assert skipped == expected
        return
    expected["redis.no_password"] = "redis_service is not set in [tool.seatrial]"
    expected["packages.record"] = "the image holds no Python packages"
    expected["runtime.bytecode"] = "the image has no python3 on its path that compiled code could be compared with"
    assert expected.items() <= skipped.items()
    judged = {result["id"] for result in report["results"] if result["verdict"] == "PASS"}
    assert {"image.user", "layers.no_secrets", "compose.read_only", "runtime.identity", "supply.reproducible"} <= judged


def test_files_and_image_alone(example: Path) -> None:
    skipped = reasons(verified(example, "--static"))
    assert skipped["supply.reproducible"] == "--static was given: nothing was built again"
    assert skipped["runtime.healthy"] == "--static was given: no stack was started"


def test_an_image_without_a_project(example: Path, tmp_path: Path) -> None:
    report = verified(
        tmp_path, "--image", settings.load(example).image, "--only", "image.user,layers,compose,dockerfile"
    )
    verdicts = {result["id"]: result["verdict"] for result in report["results"]}
    assert (verdicts["image.user"], verdicts["layers.no_secrets"]) == ("PASS", "PASS")
    assert reasons(report)["compose.user"] == "the project has no compose file"
    assert reasons(report)["dockerfile.stages"] == "the project has no Dockerfile"


@pytest.mark.parametrize("example", ["shop"], indirect=True)
def test_a_trial_touches_neither_production_s_folder_nor_its_network(example: Path) -> None:
    network = f"{PREFIX}-public"
    compose, data = example / "compose.yaml", example / "data"
    before = compose.read_text(encoding="utf-8")
    text = before.replace("- visits:/data\n", "- ./data:/data\n").replace("  visits: {}\n", "  {}\n")
    text = text.replace("  public: {}\n", f"  public: {{external: true, name: {network}}}\n")
    data.mkdir()
    data.chmod(0o777)
    (data / "dump.rdb").write_bytes(b"what production remembers")
    docker("network", "create", network)
    try:
        compose.write_text(text, encoding="utf-8")
        report = verified(example, "--only", "runtime,redis")
    finally:
        compose.write_text(before, encoding="utf-8")
        docker("network", "rm", network)
    assert sum(result["verdict"] == "PASS" for result in report["results"]) > 15
    # With this file Redis would not even start.
    assert {file.name: file.read_bytes() for file in data.iterdir()} == {"dump.rdb": b"what production remembers"}
