"""How the IPFS image is found, or compiled: decisions and messages, with everything outside this process faked."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import console, ipfs, process, settings
from seatrial.errors import Code, SeatrialError
from seatrial.host import bases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

OFFICIAL = settings.IMAGE_DEFAULTS["IPFS_IMAGE"]
BASE = "a/python:1"
GO = "go version go1.26.8 linux/amd64\n"


@dataclass
class Machine:
    """A machine that has these images and programs, and remembers what was asked of it."""

    project: settings.Settings
    store: set[str] = field(default_factory=lambda: {BASE})
    registry: set[str] = field(default_factory=set)
    programs: dict[str, str] = field(default_factory=lambda: {"go": GO})
    refuses: str = ""
    complaint: str = "nothing good"
    pulled: list[str] = field(default_factory=list)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    context: dict[str, int] = field(default_factory=dict)

    def in_store(self, images: Iterable[str]) -> set[str]:
        return self.store & set(images)

    def pull(self, image: str) -> str:
        self.pulled.append(image)
        if image not in self.registry:
            return "no such host"
        self.store.add(image)
        return ""

    def find(self, program: str) -> str | None:
        return program if program in self.programs else None

    def run(
        self,
        argv: Sequence[str],
        *,
        env: dict[str, str] | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
        **_: Any,
    ) -> process.Completed:
        words = tuple(argv)
        self.ran.append(words)
        self.environments.append(env or {})
        if self.refuses and words[:2] == tuple(self.refuses.split()):
            return process.Completed(words, 1, "", self.complaint, 0.1)
        return process.Completed(words, 0, self._answer(words, on_line), "", 0.1)

    def _answer(self, words: tuple[str, ...], on_line: Callable[[str], None] | None) -> str:
        match words[:2]:
            case ("go", "version"):
                return self.programs["go"]
            case ("go", "list"):
                return "one\ntwo\n"
            case ("go", "build"):
                Path(words[words.index("-o") + 1]).write_bytes(b"static")
                assert on_line is not None
                on_line("one")
                return ""
            case ("docker", "image"):
                return "arm64\n"
            case ("docker", "build"):
                self.context = {part.name: part.stat().st_mode & 0o777 for part in Path(words[-1]).iterdir()}
                self.store.add(words[words.index("--tag") + 1])
                return ""
        raise AssertionError(words)

    @property
    def env_file(self) -> str:
        path = self.project.path(".env")
        return path.read_text() if path.exists() else ""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(replace(settings.load(), root=tmp_path))
    for variable in settings.IMAGE_DEFAULTS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PYTHON_IMAGE", BASE)
    monkeypatch.setattr(bases, "in_store", made.in_store)
    monkeypatch.setattr(bases, "pull", made.pull)
    monkeypatch.setattr(process, "find", made.find)
    monkeypatch.setattr(process, "run", made.run)
    return made


def test_an_image_that_is_here_is_used(machine: Machine) -> None:
    machine.store.add(OFFICIAL)
    assert ipfs.ensure_ipfs(machine.project, build=True) == f"{OFFICIAL} is in the local store"
    assert (machine.pulled, machine.ran, machine.env_file) == ([], [], "")


def test_an_image_that_a_registry_gives_is_pulled_and_nothing_is_compiled(machine: Machine) -> None:
    machine.registry.add(OFFICIAL)
    assert ipfs.ensure_ipfs(machine.project, build=True) == f"pulled {OFFICIAL}"
    assert (machine.ran, machine.env_file) == ([], "")


def test_what_cannot_be_had_is_said_with_the_way_to_get_it(machine: Machine) -> None:
    said = ipfs.ensure_ipfs(machine.project, build=False)
    assert said == (
        "IPFS is left out: ipfs/kubo:latest cannot be had (no such host); to compile it with Go: ./invoke setup --ipfs"
    )
    assert (machine.ran, machine.env_file) == ([], "")


def test_it_is_compiled_and_the_choice_is_written(machine: Machine) -> None:
    said = ipfs.ensure_ipfs(machine.project, build=True)
    own = ipfs.own_image()
    assert said == f"wrote IPFS_IMAGE={own} to .env: compiled, because {OFFICIAL} cannot be had"
    assert machine.env_file == f"IPFS_IMAGE={own}\n"
    assert own in machine.store


def test_a_second_call_finds_what_the_first_compiled(machine: Machine) -> None:
    ipfs.ensure_ipfs(machine.project, build=True)
    calls = len(machine.ran)
    assert ipfs.ensure_ipfs(machine.project, build=True) == f"{ipfs.own_image()} is in the local store"
    assert (len(machine.ran), machine.pulled) == (calls, [OFFICIAL])


@pytest.mark.parametrize("build", [False, True])
@pytest.mark.parametrize("written", ["", "IPFS_IMAGE=seatrial/kubo:0.0.1\n"])
def test_an_earlier_image_of_ours_is_chosen_without_asking_a_registry(
    machine: Machine, *, build: bool, written: str
) -> None:
    machine.project.path(".env").write_text(written)
    machine.store.add(ipfs.own_image())
    assert "it was compiled earlier" in ipfs.ensure_ipfs(machine.project, build=build)
    assert machine.env_file == f"IPFS_IMAGE={ipfs.own_image()}\n"
    assert (machine.pulled, machine.ran) == ([], [])


def test_no_registry_is_asked_for_a_name_of_ours(machine: Machine) -> None:
    machine.project.path(".env").write_text(f"IPFS_IMAGE={ipfs.own_image()}\n")
    assert "IPFS is left out" in ipfs.ensure_ipfs(machine.project, build=False)
    ipfs.ensure_ipfs(machine.project, build=True)
    assert machine.pulled == []
    assert ipfs.own_image() in machine.store


def test_the_operators_choice_is_not_replaced(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPFS_IMAGE", "mirror.example/kubo:1")
    machine.store.add(ipfs.own_image())
    assert "IPFS is left out: mirror.example/kubo:1" in ipfs.ensure_ipfs(machine.project, build=False)
    with pytest.raises(SeatrialError, match=r"mirror\.example/kubo:1, .* cannot be pulled: no such host") as caught:
        ipfs.ensure_ipfs(machine.project, build=True)
    assert (caught.value.code, machine.env_file, machine.ran) == (Code.BASE_IMAGE, "", [])


def test_without_go_it_says_what_to_install(machine: Machine) -> None:
    del machine.programs["go"]
    with pytest.raises(SeatrialError, match="Go is not installed") as caught:
        ipfs.ensure_ipfs(machine.project, build=True)
    assert caught.value.code is Code.COMMAND_MISSING
    assert caught.value.hint.startswith("install Go 1.24 or newer, then ./invoke setup --ipfs; or `docker load`")
    assert machine.env_file == ""


@pytest.mark.parametrize("said", ["go version go1.23.12 linux/amd64\n", "go version go1.9 linux/amd64\n", "?\n"])
def test_a_go_that_is_too_old_is_refused_before_anything_is_fetched(machine: Machine, said: str) -> None:
    machine.programs["go"] = said
    with pytest.raises(SeatrialError, match=r"Go 1\.24 or newer; here is: ") as caught:
        ipfs.ensure_ipfs(machine.project, build=True)
    assert caught.value.code is Code.COMMAND_MISSING
    assert [words[:2] for words in machine.ran] == [("go", "version")]


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.24 darwin/arm64", (1, 24)),
        ("go version go1.25rc1 linux/amd64", (1, 25)),
        ("go version devel go1.27-1a2b3c4 Thu Jan 1 00:00:00 2026 +0000 linux/amd64", (1, 27)),
        ("go version go1.24.4 X:nocoverageredesign linux/amd64", (1, 24, 4)),
        ("gccgo (Debian 14) 14.2.0", ()),
        ("", ()),
    ],
)
def test_versions_of_go(text: str, version: tuple[int, ...]) -> None:
    assert ipfs.parse_go_version(text) == version


def test_without_a_base_nothing_is_compiled(machine: Machine) -> None:
    machine.store.clear()
    with pytest.raises(SeatrialError, match="on top of a/python:1, which is not in the local store") as caught:
        ipfs.ensure_ipfs(machine.project, build=True)
    assert (caught.value.code, caught.value.hint) == (Code.BASE_IMAGE, "./invoke setup")
    assert [words[:2] for words in machine.ran] == [("go", "version")]


def test_go_is_held_to_the_sources_in_go_sum_whatever_the_environment_says(machine: Machine) -> None:
    ipfs.ensure_ipfs(machine.project, build=True)
    compiled = [env for words, env in zip(machine.ran, machine.environments, strict=True) if words[0] == "go"]
    for env in compiled[1:]:
        assert env == {
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
            "CGO_ENABLED": "0",
            "GOOS": "linux",
            # What the base is for, not what this machine is.
            "GOARCH": "arm64",
        }
    assert len(compiled) == 3


def test_the_image_is_made_without_network_and_its_scripts_can_be_run(machine: Machine) -> None:
    before = os.umask(0o077)
    try:
        ipfs.ensure_ipfs(machine.project, build=True)
    finally:
        os.umask(before)
    made = machine.ran[-1]
    assert made[:4] == ("docker", "build", "--quiet", "--network=none")
    assert f"PYTHON_IMAGE={BASE}" in made
    assert set(machine.context) == {"ipfs", *ipfs.IMAGE_PARTS}
    assert {machine.context[part] for part in ipfs.IMAGE_PARTS} == {0o755}
    assert not Path(made[-1]).exists()


@pytest.mark.parametrize(
    ("refuses", "what"),
    [
        ("go list", "kubo's sources could not be had"),
        ("go build", "kubo could not be compiled"),
        ("docker build", "could not be made"),
    ],
)
@pytest.mark.parametrize(
    ("complaint", "code"),
    [("nothing good", Code.BUILD_FAILED), ("write a.o: No space left on device", Code.DISK_FULL)],
)
def test_a_failure_is_told_with_the_last_lines_and_leaves_the_choice_alone(
    machine: Machine, refuses: str, what: str, complaint: str, code: Code
) -> None:
    machine.refuses, machine.complaint = refuses, complaint
    with pytest.raises(SeatrialError, match=what) as caught:
        ipfs.ensure_ipfs(machine.project, build=True)
    assert (caught.value.code, machine.env_file) == (code, "")
    assert complaint in caught.value.what
    assert caught.value.hint


def test_progress_of_a_thousand_packages_is_a_few_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 20)
    with console.step("compiling", plain=True) as step:
        count = ipfs._Pace(step).counting(1000)
        for number in range(1000):
            count(f"package{number}")
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "  compiling: 1 of 1000 packages: package0"
    assert 4 <= len(shown) <= 8


def test_the_tag_of_our_image_is_the_version_whose_hash_is_in_go_sum() -> None:
    version = ipfs.own_image().removeprefix("seatrial/kubo:")
    sums = (ipfs.MODULE / "go.sum").read_text()
    assert f"\ngithub.com/ipfs/kubo v{version} h1:" in sums
    assert f"tool {ipfs.PACKAGE}\n" in (ipfs.MODULE / "go.mod").read_text()


@pytest.mark.parametrize("part", ["network.sh", "start_ipfs"])
def test_scripts_can_be_run_from_the_checkout(part: str) -> None:
    # Compose mounts network.sh as it is here; the official image runs it when it is executable.
    assert os.access(ipfs.MODULE / part, os.X_OK)
    assert (ipfs.MODULE / part).read_text().startswith("#!/bin/sh\n")
