"""`./invoke verify --image FILE`, for real: every shape that an image has in files, with and without an engine."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import settings as project_settings
from tests.docker.image_files import layers_of, repack, save, unpack
from tests.docker.mutant import append
from tests.docker.yard import commit, docker, give_tools, invoke

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docker.yard import Ship, Yard

NOWHERE = "tcp://127.0.0.1:9"
SHAPES = ("archive", "packed archive", "layout", "gzip", "zstd", "nested")


@pytest.fixture(scope="module")
def ready(shipyard: Yard, healthy: Ship) -> Path:
    """A copy of the healthy project with its tools."""
    project = shipyard.copy(healthy, "with-files")
    give_tools(project.root)
    return project.root


@pytest.fixture(scope="module")
def base(healthy: Ship) -> str:
    return project_settings.chosen_image(healthy.settings, "PYTHON_IMAGE")


@pytest.fixture(scope="module")
def files(healthy: Ship, base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """The healthy image in every shape, and its base image."""
    folder = tmp_path_factory.mktemp("files")
    archive = save(folder / "archive.tar", healthy.image)
    packed = folder / "archive.tar.gz"
    packed.write_bytes(gzip.compress(archive.read_bytes(), 1))
    layout = unpack(archive, folder / "layout")
    yield {
        "base": save(folder / "base.tar", base),
        "archive": archive,
        "packed archive": packed,
        "layout": layout,
        "gzip": repack(layout, folder / "gzip", layers="gzip"),
        "zstd": repack(layout, folder / "zstd", layers="zstd"),
        "nested": repack(layout, folder / "nested", layers="gzip", nested=True),
    }
    shutil.rmtree(folder)


def verified(ready: Path, tmp_path: Path, *words: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    """Run `verify` with nothing kept from former runs; return its exit code, its report and what it told."""
    target = tmp_path / "report.json"
    # What is there already would not be read.
    done = invoke(
        ready,
        *("verify", "--format", "json", "--output", str(target), *words),
        **{"XDG_CACHE_HOME": str(tmp_path / "cache"), **environment},
    )
    report = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    return done.returncode, report, done.stdout + done.stderr


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    return {result["id"]: result["verdict"] for result in report["results"]}


@pytest.fixture(scope="module")
def of_engine(ready: Path, healthy: Ship, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is said of the same image in the engine, and what of its layers was examined."""
    code, report, said = verified(ready, tmp_path_factory.mktemp("engine"), "--static", "--image", healthy.image)
    assert code == 0, said
    return report


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_is_judged_as_the_engine_s_own_image_without_an_engine(
    shape: str, ready: Path, files: dict[str, Path], of_engine: dict[str, Any], tmp_path: Path
) -> None:
    words = ("--static", "--image", str(files[shape]), "--base", str(files["base"]))
    code, report, said = verified(ready, tmp_path, *words, DOCKER_HOST=NOWHERE)
    assert code == 0, said
    assert "no Docker Engine answers" in said
    expected = verdicts(of_engine)
    # Only BuildKit knows what it takes.
    expected |= {name: "SKIP" for name in expected if name.startswith("context.")}
    expected["context.ignore_file"] = verdicts(report)["context.ignore_file"]
    assert verdicts(report) == expected
    assert report["subject"]["image_id"] == of_engine["subject"]["image_id"]
    examined = {result["id"]: result["examined"] for result in of_engine["results"]}
    for result in report["results"]:
        if result["id"].startswith(("image.", "layers.", "packages.")):
            assert result["examined"] == examined[result["id"]]


def test_without_the_base_image_only_what_needs_it_is_skipped(
    ready: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    words = ("--static", "--only", "supply", "--image", str(files["archive"]))
    code, report, said = verified(ready, tmp_path, *words, DOCKER_HOST=NOWHERE)
    assert code == 0, said
    assert verdicts(report)["supply.sbom"] == "PASS"
    assert verdicts(report)["supply.base"] == "SKIP"


def test_one_of_several_images_is_chosen_by_its_name(ready: Path, healthy: Ship, base: str, tmp_path: Path) -> None:
    both = save(tmp_path / "both.tar", healthy.image, base)
    words = ("--static", "--only", "image.user,packages.locked")
    code, report, said = verified(ready, tmp_path, *words, "--image", str(both))
    assert (code, report) == (2, {}), said
    assert "error[image-file]" in said
    assert "holds 2 images" in said
    assert healthy.image in said
    assert base in said
    code, report, said = verified(ready, tmp_path, *words, "--image", f"{both}:{healthy.image}:latest")
    assert code == 0, said
    code, report, said = verified(ready, tmp_path, *words, "--image", f"{both}:{base}")
    assert code == 1, said
    assert verdicts(report)["image.user"] == "FAIL"


def test_half_an_archive_and_a_layer_of_another_digest_are_refused(
    ready: Path, files: dict[str, Path], tmp_path: Path
) -> None:
    half = tmp_path / "half.tar"
    content = files["archive"].read_bytes()
    half.write_bytes(content[: len(content) // 2])
    changed = tmp_path / "changed"
    shutil.copytree(files["gzip"], changed)
    top = layers_of(changed)[-1]
    top.write_bytes(gzip.compress(gzip.decompress(top.read_bytes()).replace(b"appuser", b"appuzer")))
    lacking = tmp_path / "lacking"
    shutil.copytree(files["layout"], lacking)
    layers_of(lacking)[0].unlink()
    for path, words in ((half, "cut off"), (changed, "not what its digest says"), (lacking, "lacks")):
        code, report, said = verified(ready, tmp_path, "--static", "--image", str(path))
        assert (code, report) == (2, {}), said
        assert "error[image-file]" in said
        assert words in said


def test_what_is_to_be_started_needs_an_engine(ready: Path, files: dict[str, Path], tmp_path: Path) -> None:
    code, _, said = verified(ready, tmp_path, "--image", str(files["archive"]), DOCKER_HOST=NOWHERE)
    assert code == 3, said
    assert "error[engine-unreachable]" in said
    code, _, said = verified(ready, tmp_path, "--static", "--image", "./gone.tar", DOCKER_HOST=NOWHERE)
    assert code == 2, said
    assert "error[image-missing]" in said


def test_every_promise_holds_of_an_image_that_the_engine_does_not_have(
    shipyard: Yard, healthy: Ship, tmp_path: Path
) -> None:
    project = shipyard.copy(healthy, "foreign")
    append("service/defaults.py", "\n# Of another day.\n")(project.root)
    commit(project.root)
    give_tools(project.root)
    ship = shipyard.build(project_settings.load(project.root), "foreign", like=healthy)
    layout = unpack(save(tmp_path / "foreign.tar", ship.image), tmp_path / "layout")
    packed = repack(layout, tmp_path / "packed", layers="zstd", nested=True)
    image_id = docker("image", "inspect", "--format", "{{.Id}}", ship.image).strip()
    docker("image", "rm", ship.image)
    known = images()
    assert image_id not in known
    code, report, said = verified(project.root, tmp_path, "--image", str(packed))
    assert code == 0, str(report) + said
    assert set(verdicts(report).values()) == {"PASS"}
    assert report["subject"]["image_id"] == image_id
    assert image_id not in images()
    assert docker("image", "ls", "--quiet", "seatrial-trial") == ""


def images() -> set[str]:
    return set(docker("image", "ls", "--all", "--quiet", "--no-trunc").split())
