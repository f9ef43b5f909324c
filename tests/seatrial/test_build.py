"""The build: which command, which error, what is weighed and listed."""

from __future__ import annotations

import itertools
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from seatrial import build, process
from seatrial.errors import Code, SeatrialError
from seatrial.evidence import tree
from seatrial.evidence.image import chain_id
from seatrial.evidence.requirements import Distribution
from tests import good
from tests.seatrial.fakes import FakeEngine, Programs, answer

REVISION = tree.Revision("abc", 1_767_225_600)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in (*build.CA_VARIABLES, "PYTHON_IMAGE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(tree, "revision", lambda _settings: REVISION)
    (tmp_path / "service").mkdir()
    (tmp_path / "service/pyproject.toml").write_text('[project]\nversion = "1.2.3"\n', encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(
        "ARG PYTHON_IMAGE=python:3.13-slim-trixie\nFROM ${PYTHON_IMAGE}\n", encoding="utf-8"
    )
    return tmp_path


class Buildx(Programs):
    """Writes the image id where it is asked to."""

    def run(self, argv: Any, **options: Any) -> process.Completed:
        Path(argv[argv.index("--iidfile") + 1]).write_text("sha256:made\n", encoding="utf-8")
        return super().run(argv, **options)


def test_the_whole_command(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Buildx().instead_of(monkeypatch)
    assert build.run(good.settings(root=project), note=lambda _: None) == "sha256:made"
    command = programs.commands[0]
    assert command[:3] == ["docker", "buildx", "build"]
    assert command[-1] == "."
    assert command[command.index("--tag") + 1] == "x402-fac"
    assert "--no-cache" not in command
    assert "--secret" not in command
    arguments = {word for before, word in itertools.pairwise(command) if before == "--build-arg"}
    assert arguments == {
        "SOURCE_DATE_EPOCH=1767225600",
        "REVISION=abc",
        "CREATED=2026-01-01T00:00:00Z",
        "VERSION=1.2.3",
    }


def test_a_build_without_a_name_and_without_cache(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = Buildx().instead_of(monkeypatch)
    build.run(good.settings(root=project), note=lambda _: None, no_cache=True, tag="-")
    assert "--tag" not in programs.commands[0]
    assert "--no-cache" in programs.commands[0]


@pytest.mark.parametrize(
    ("stderr", "code"),
    [
        ('ERROR: process "/bin/sh -c x" did not complete', Code.BUILD_FAILED),
        ("docker: 'buildx' is not a docker command.", Code.ENGINE_PLUGIN),
        ("unknown shorthand flag: 'f' in -f", Code.ENGINE_PLUGIN),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x", Code.ENGINE_UNREACHABLE),
        ("#9 write /x: no space left on device", Code.DISK_FULL),
        ("pull access denied, repository does not exist", Code.BASE_IMAGE),
        ("failed to resolve source metadata for x", Code.BASE_IMAGE),
    ],
)
def test_a_build_that_fails_says_why(project: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, code: Code) -> None:
    Buildx(answer(1, stderr=stderr)).instead_of(monkeypatch)
    with pytest.raises(SeatrialError) as caught:
        build.run(good.settings(root=project), note=lambda _: None)
    assert caught.value.code is code
    assert caught.value.hint


def test_the_last_words_of_a_failed_step_are_shown() -> None:
    stderr = "\n".join(["#1 sha256:abc 1MB", "#1 DONE 0.1s", *(f"#7 line {number}" for number in range(30)), ""])
    shown = build._build_error(stderr).what.splitlines()
    assert shown[-1] == "#7 line 29"
    assert len(shown) == 15
    assert not any("DONE" in line for line in shown)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("#7 [build 3/9] RUN set -eu; x", "[build 3/9] RUN set -eu; x"),
        ("#7 1.234 Collecting h11", "Collecting h11"),
        ("#7 DONE 0.1s", ""),
        ("#7 CACHED", ""),
        ("#7 sha256:abc 1MB / 2MB", ""),
        ("", ""),
        ("WARNING: x", ""),
    ],
)
def test_progress_in_words(line: str, said: str) -> None:
    assert build._step(line) == said


def test_an_unknown_progress_style_is_bad_usage() -> None:
    with pytest.raises(SeatrialError) as caught:
        build.task(good.settings(), no_cache=False, progress="fancy")
    assert (caught.value.code, caught.value.hint) == (Code.USAGE, "styles: auto, plain")


def test_no_authority_where_none_is_set(project: Path) -> None:
    assert project
    assert build.certificate_authority() is None


def test_an_authority_is_handed_in_as_a_secret(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = ssl.get_default_verify_paths().cafile
    if bundle is None or not Path(bundle).is_file():
        bundle = str(project / "bundle.pem")
        Path(bundle).write_text("", encoding="utf-8")
        monkeypatch.setattr(ssl, "create_default_context", lambda **_kwargs: None)
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    programs = Buildx().instead_of(monkeypatch)
    build.run(good.settings(root=project), note=lambda _: None)
    assert f"id=ca,src={bundle}" in programs.commands[0]


@pytest.mark.parametrize("content", ["", "no certificate", None])
def test_what_is_no_bundle_of_certificates(project: Path, monkeypatch: pytest.MonkeyPatch, content: str | None) -> None:
    file = project / "bundle.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    monkeypatch.setenv("PIP_CERT", str(file))
    with pytest.raises(SeatrialError) as caught:
        build.certificate_authority()
    assert "PIP_CERT" in caught.value.hint


def test_a_private_key_is_never_handed_in(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project / "bundle.pem"
    file.write_text("-----BEGIN PRIVATE KEY-----\n", encoding="utf-8")
    monkeypatch.setattr(ssl, "create_default_context", lambda **_kwargs: None)
    monkeypatch.setenv("PIP_CERT", str(file))
    with pytest.raises(SeatrialError, match="holds a private key"):
        build.certificate_authority()


def test_the_ledger_adds_up(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    recorded = good.evidence()
    asked = ("image.inspect", "image.history", "image.layers", "image.base_layers", "image.base")
    monkeypatch.setattr(build, "documents", lambda *_args: {name: recorded.documents[name] for name in asked})
    monkeypatch.setattr(build, "base_documents", lambda *_args: ({}, {}))
    engine = FakeEngine(images={"python:3.13-slim-trixie": {"Size": 100}})
    weighed, distributions = build.ledger(engine.real, good.settings(root=project), "x402-fac")
    names = ["coincurve", "h11", "redis", "safe-pysha3", "x402-fac"]
    assert [found.name for found in distributions] == names
    assert sorted(weighed.packages) == names
    visible = sum(entry.size_bytes for entry in recorded.files(recorded.payload()).values())
    assert sum(weighed.packages.values()) + weighed.other_bytes == visible
    assert (weighed.base_bytes, weighed.image_id) == (100, recorded.image()["Id"])
    build.show(weighed)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["base", "payload"]
    assert lines[-1].split()[-1] == weighed.image_id


def test_the_list_of_an_image_is_the_same_twice_and_names_it(project: Path) -> None:
    distributions = [Distribution("h11", "0.16.0", "s", "i", "", ()), Distribution("redis", "8.1.0", "s", "i", "", ())]
    settings = good.settings(root=project)
    inspected = {"Id": "sha256:made", "RootFS": {"Layers": ["sha256:lower", "sha256:upper"]}}
    file = build.write_sbom(settings, inspected, "x402-fac", distributions)
    first = file.read_text(encoding="utf-8")
    assert build.write_sbom(settings, inspected, "x402-fac", distributions).read_text(encoding="utf-8") == first
    document = json.loads(first)
    assert {(c["name"], c["version"]) for c in document["components"]} == {("h11", "0.16.0"), ("redis", "8.1.0")}
    assert "sha256:made" in json.dumps(document["metadata"])
    assert chain_id(["sha256:lower", "sha256:upper"]) in json.dumps(document["metadata"])
    assert document["bomFormat"] == "CycloneDX"


def test_a_failed_step_is_told_in_its_own_words() -> None:
    stderr = """#8 [build 4/9] RUN pip install
#8 2.006 WARNING: Retrying after connection broken by 'NewConnectionError'
#8 ERROR: process "/bin/sh -c pip install" did not complete successfully: exit code: 1
------
 > [build 4/9] RUN pip install:
2.006 WARNING: Retrying after connection broken by 'NewConnectionError'
9.517 ERROR: No matching distribution found for flit-core
------
Dockerfile:11
--------------------
  11 | >>> RUN pip install
--------------------
ERROR: failed to solve: process "/bin/sh -c pip install" did not complete successfully: exit code: 1
"""
    assert build._build_error(stderr).what.splitlines() == [
        "in step build 4/9:",
        "WARNING: Retrying after connection broken by 'NewConnectionError'",
        "ERROR: No matching distribution found for flit-core",
    ]
