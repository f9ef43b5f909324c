"""How an engine is found, started or installed, and what is said when it cannot be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from seatrial import plugins, process
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt, daemon, ensure_engine
from seatrial.host import engine as host_engine

if TYPE_CHECKING:
    from pathlib import Path

CLIENT = {"Client": {"Version": "28.2.2"}}
NO_ANSWER = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n"
FORBIDDEN = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock\n"
BOOKWORM: dict[str, tuple[int, ...]] = {
    "docker.io": (20, 10, 24),
    "docker-compose": (1, 29, 2),
    "containerd": (1, 6, 20),
}
TRIXIE: dict[str, tuple[int, ...]] = {
    "docker.io": (26, 1, 5),
    "docker-cli": (26, 1, 5),
    "containerd": (1, 7, 24),
    "docker-compose": (2, 26, 1),
    "docker-buildx": (0, 13, 1),
}


@dataclass
class Machine:
    """A machine as far as ensure_engine sees it; what is done to it is written down."""

    programs: set[str] = field(default_factory=set)
    server: str = ""
    complaint: str = NO_ANSWER
    host: str = "unix:///var/run/docker.sock"
    plugins: set[str] = field(default_factory=lambda: {"compose", "buildx"})
    available: dict[str, tuple[int, ...]] = field(default_factory=dict)
    after_adding: dict[str, tuple[int, ...]] = field(default_factory=dict)
    release: dict[str, str] = field(default_factory=lambda: {"ID": "debian", "VERSION_CODENAME": "trixie"})
    root: bool = True
    did: list[str] = field(default_factory=list)

    def find(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if program in self.programs else None

    def run(self, argv: list[str], **_: object) -> process.Completed:
        if argv[:2] == ["docker", "version"]:
            document = {**CLIENT, "Server": {"Version": self.server} if self.server else None}
            complaint = "" if self.server else self.complaint
            return process.Completed(tuple(argv), int(not self.server), json.dumps(document), complaint, 0.0)
        if argv[:3] == ["docker", "context", "inspect"]:
            return process.Completed(tuple(argv), 0, self.host + "\n", "", 0.0)
        raise AssertionError(argv)

    def install(self, packages: list[str], **_: object) -> None:
        self.did.append("install " + " ".join(packages))
        self.programs |= {"docker", "dockerd"}
        self.plugins |= {"compose", "buildx"}

    def start(self) -> str:
        self.did.append("start")
        self.server = "26.1.5+dfsg1"
        return "started dockerd (pid 1)"

    def update(self, **_: object) -> str:
        self.did.append("update")
        return ""

    def add_release(self, release: str, sources: list[apt.Source], packages: list[str]) -> None:
        self.did.append(f"add {release} {sources[0].suite} for {len(packages)} packages")
        self.available = self.after_adding


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(process, "find", made.find)
    monkeypatch.setattr(process, "run", made.run)
    monkeypatch.setattr(host_engine, "has_plugin", lambda name: name in made.plugins)
    monkeypatch.setattr(daemon, "start", made.start)
    monkeypatch.setattr(apt, "install", made.install)
    monkeypatch.setattr(apt, "update", made.update)
    monkeypatch.setattr(apt, "add_release", made.add_release)
    monkeypatch.setattr(apt, "candidates", lambda _: made.available)
    monkeypatch.setattr(apt, "os_release", lambda: made.release)
    monkeypatch.setattr(apt, "is_root", lambda: made.root)
    own = apt.Source("http://mirror.example.org/debian", "bookworm", ("main",))
    monkeypatch.setattr(apt, "archive_sources", lambda: [own])
    return made


def refused(*, allow_install: bool) -> SeatrialError:
    with pytest.raises(SeatrialError) as raised:
        ensure_engine(allow_install=allow_install)
    return raised.value


def test_an_engine_that_answers_is_used(machine: Machine) -> None:
    machine.programs, machine.server = {"docker"}, "27.0.1"
    assert ensure_engine(allow_install=True) == "Docker Engine 27.0.1 answers"
    assert machine.did == []


def test_nothing_is_installed_without_leave(machine: Machine) -> None:
    error = refused(allow_install=False)
    assert error.code is Code.ENGINE_MISSING
    assert "./invoke setup --engine" in error.hint
    assert machine.did == []


def test_nothing_is_started_without_leave(machine: Machine) -> None:
    machine.programs = {"docker", "dockerd"}
    error = refused(allow_install=False)
    assert error.code is Code.ENGINE_UNREACHABLE
    assert error.hint == "./invoke setup --engine"
    assert machine.did == []


def test_an_installed_engine_is_started(machine: Machine) -> None:
    machine.programs = {"docker", "dockerd"}
    assert ensure_engine(allow_install=True) == "Docker Engine 26.1.5+dfsg1: started dockerd (pid 1)"
    assert machine.did == ["start"]


def test_an_engine_that_was_just_stopping_is_started_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.programs = {"docker", "dockerd"}

    def start() -> str:
        machine.did.append("start")
        machine.server = "26.1.5" if len(machine.did) > 1 else ""
        return "waited for dockerd (pid 1)"

    monkeypatch.setattr(daemon, "start", start)
    assert ensure_engine(allow_install=True).startswith("Docker Engine 26.1.5")
    assert machine.did == ["start", "start"]


def test_a_release_that_is_new_enough_is_installed_from(machine: Machine) -> None:
    machine.available = TRIXIE
    said = ensure_engine(allow_install=True)
    assert machine.did == ["update", "install docker.io docker-cli containerd docker-compose docker-buildx", "start"]
    assert "installed docker.io" in said


def test_debian_12_takes_exactly_these_packages_of_the_next_release(machine: Machine) -> None:
    machine.release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    machine.available, machine.after_adding = BOOKWORM, TRIXIE
    ensure_engine(allow_install=True)
    assert machine.did == [
        "update",
        "add trixie trixie for 5 packages",
        "install docker.io docker-cli containerd docker-compose docker-buildx",
        "start",
    ]


def test_ubuntus_packages_have_other_names(machine: Machine) -> None:
    machine.release = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_CODENAME": "noble"}
    machine.available = {"docker.io": (27, 5, 1), "docker-compose-v2": (2, 33, 0), "docker-buildx": (0, 20, 1)}
    ensure_engine(allow_install=True)
    assert machine.did[1] == "install docker.io docker-compose-v2 docker-buildx"


def test_dockers_own_repository_is_preferred_where_it_was_added(machine: Machine) -> None:
    machine.available = {
        **TRIXIE,
        "docker-ce": (28, 3, 3),
        "docker-ce-cli": (28, 3, 3),
        "containerd.io": (1, 7, 27),
        "docker-compose-plugin": (2, 39, 1),
        "docker-buildx-plugin": (0, 26, 1),
    }
    ensure_engine(allow_install=True)
    assert machine.did[1].startswith("install docker-ce docker-ce-cli containerd.io")


def test_packages_that_are_too_old_and_no_next_release(machine: Machine) -> None:
    machine.release = {"ID": "debian", "VERSION_CODENAME": "bullseye"}
    machine.available = BOOKWORM
    assert refused(allow_install=True).code is Code.ENGINE_MISSING
    assert machine.did == ["update"]


def test_other_systems_are_told_what_to_install(machine: Machine) -> None:
    machine.release = {"ID": "fedora", "PRETTY_NAME": "Fedora Linux 42"}
    error = refused(allow_install=True)
    assert error.code is Code.ENGINE_MISSING
    assert "Fedora Linux 42" in error.hint
    assert machine.did == []


def test_only_root_installs(machine: Machine) -> None:
    machine.root = False
    error = refused(allow_install=True)
    assert error.code is Code.ENGINE_MISSING
    assert error.hint == "sudo ./invoke setup --engine"
    assert machine.did == []


@pytest.mark.parametrize(
    "host", ["tcp://192.0.2.7:2376", "ssh://build@host.example.org", "unix:///home/me/docker.sock"]
)
def test_another_machines_engine_is_not_replaced_by_one_of_ours(machine: Machine, host: str) -> None:
    machine.programs, machine.host = {"docker"}, host
    error = refused(allow_install=True)
    assert error.code is Code.ENGINE_UNREACHABLE
    assert host in error.what
    assert machine.did == []


def test_docker_host_is_respected(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.9:2375")
    machine.programs = {"docker"}
    assert "tcp://192.0.2.9:2375" in refused(allow_install=True).what
    assert machine.did == []


def test_a_closed_socket_is_said_to_be_closed(machine: Machine) -> None:
    machine.programs, machine.complaint = {"docker", "dockerd"}, FORBIDDEN
    error = refused(allow_install=True)
    assert error.code is Code.ENGINE_FORBIDDEN
    assert "docker group" in error.hint
    assert machine.did == []


def test_missing_plugins_are_named(machine: Machine) -> None:
    machine.programs, machine.server, machine.plugins = {"docker"}, "28.0.0", {"compose"}
    error = refused(allow_install=False)
    assert error.code is Code.ENGINE_PLUGIN
    assert "no buildx" in error.what
    assert "Compose" not in error.what


def test_missing_plugins_alone_are_installed(machine: Machine) -> None:
    machine.programs, machine.server, machine.plugins = {"docker"}, "28.0.0", set()
    machine.available = TRIXIE
    assert "installed docker-compose, docker-buildx" in ensure_engine(allow_install=True)
    assert machine.did == ["update", "install docker-compose docker-buildx"]


def test_an_engine_that_is_too_old_is_refused(machine: Machine) -> None:
    machine.programs, machine.server = {"docker"}, "20.10.24+dfsg1"
    error = refused(allow_install=True)
    assert error.code is Code.ENGINE_PLUGIN
    assert "20.10.24" in error.what
    assert machine.did == []


def test_an_answer_that_is_not_json_is_a_complaint() -> None:
    reached = host_engine.parse_version("", "unknown flag: --format\n")
    assert (reached.client, reached.server, reached.complaint) == ("unknown", "", "unknown flag: --format")
    assert not reached.forbidden


def test_a_plugin_is_found_by_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setattr(plugins, "FOLDERS", ())
    monkeypatch.setattr(host_engine, "plugin_version", lambda _: ())
    assert not host_engine.has_plugin("compose")
    (tmp_path / "cli-plugins").mkdir()
    plugin = tmp_path / "cli-plugins" / "docker-compose"
    plugin.touch(mode=0o644)
    assert not host_engine.has_plugin("compose")
    plugin.chmod(0o755)
    assert host_engine.has_plugin("compose")


@pytest.mark.docker
def test_the_engine_of_this_machine_is_found_and_left_alone() -> None:
    assert ensure_engine(allow_install=False).endswith(" answers")


@pytest.mark.docker
@pytest.mark.parametrize("name", ["compose", "buildx"])
def test_plugins_tell_their_version(name: str) -> None:
    assert host_engine.plugin_version(name) >= host_engine.PLUGINS[name][1]
