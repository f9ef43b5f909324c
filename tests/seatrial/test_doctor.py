"""What the doctor sees, and what it says to do."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import doctor, engine, settings, workspace
from seatrial.doctor import Line
from seatrial.errors import Code, SeatrialError
from seatrial.host import bases
from seatrial.host import engine as host_engine

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = """
services:
  redis: {image: "${REDIS_IMAGE:-redis:7}", ports: ["127.0.0.1:${REDIS_DEV_PORT:-6379}:6379"]}
  ipfs: {ports: ["${IPFS_SWARM_PORT:-4001}:4001", "8080:8080/tcp", "9000"]}
  facilitator: {ports: ["${BIND_ADDRESS:-127.0.0.1}:${FACILITATOR_PORT:-3000}:3000"]}
  quiet: {}
"""


@dataclasses.dataclass
class FakeEngine:
    """An engine that tells what the test wants."""

    server: str = "28.0.4"
    time: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))
    published: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    closed: bool = False

    def info(self) -> dict[str, Any]:
        return {"ServerVersion": self.server, "SystemTime": self.time.isoformat(), "DockerRootDir": "/nonexistent"}

    def publishers(self) -> list[dict[str, Any]]:
        return self.published

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    for variable in ("REDIS_PASSWORD", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    for variable in [name for name in os.environ if name.endswith("_PORT")]:
        monkeypatch.delenv(variable)
    real = settings.load()
    (tmp_path / "config").mkdir()
    shutil.copy(real.path(workspace.CONFIG_EXAMPLE), tmp_path / "config")
    (tmp_path / "Dockerfile").write_text("ARG PYTHON_IMAGE\nFROM ${PYTHON_IMAGE}\n", encoding="utf-8")
    (tmp_path / "docker-compose.yml").write_text(COMPOSE, encoding="utf-8")
    made = dataclasses.replace(real, root=tmp_path)
    workspace.prepare(made)
    return made


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    made = FakeEngine()
    monkeypatch.setattr(engine, "connect", lambda: made)
    monkeypatch.setattr(host_engine, "reach", lambda: host_engine.Reached("28.2.2", made.server))
    monkeypatch.setattr(host_engine, "endpoint", lambda: "unix:///var/run/docker.sock")
    monkeypatch.setattr(host_engine, "plugin_version", lambda name: {"compose": (2, 26, 1), "buildx": (0, 13, 1)}[name])
    monkeypatch.setattr(bases, "in_store", set)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return made


def line_of(project: settings.Settings, name: str) -> Line:
    return {line.name: line for line in doctor.examine(project)}[name]


def test_a_machine_that_has_everything_is_healthy(project: settings.Settings, fake: FakeEngine) -> None:
    lines = [line for line in doctor.examine(project) if not line.name.startswith(("port", "disk"))]
    assert [line for line in lines if not line.ok] == []
    assert [line.name for line in lines] == [
        *("python", "client", "engine", "compose", "buildx", "clock", "python base", "redis base"),
        *(".env", "config", "secrets", "client token"),
    ]
    assert fake.closed


def test_nothing_looked_at_is_not_healthy() -> None:
    assert not doctor.healthy([])
    assert doctor.healthy([Line("a", ok=True, said="")])
    assert not doctor.healthy([Line("a", ok=True, said=""), Line("b", ok=False, said="")])


def test_without_an_engine_nothing_of_it_is_ok(
    project: settings.Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> FakeEngine:
        raise SeatrialError(Code.ENGINE_UNREACHABLE, "no Docker Engine answers", hint="./invoke setup --engine")

    monkeypatch.setattr(engine, "connect", refuse)
    lines = {line.name: line for line in doctor.examine(project)}
    for name in ("engine", "clock", "python base", "redis base"):
        assert not lines[name].ok
        assert lines[name].fix == "./invoke setup --engine"
    assert lines["secrets"].ok
    assert not fake.closed


def test_without_a_client_its_plugins_are_not_known(
    project: settings.Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fake
    monkeypatch.setattr(host_engine, "reach", host_engine.Reached)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    lines = {line.name: line for line in doctor.examine(project)}
    assert not any(lines[name].ok for name in ("client", "compose", "buildx"))


@pytest.mark.parametrize("server", ["20.10.24+dfsg1", "24.0.9", "", "dev"])
def test_an_engine_that_is_too_old_or_does_not_say(project: settings.Settings, fake: FakeEngine, server: str) -> None:
    fake.server = server
    line = line_of(project, "engine")
    assert not line.ok
    assert "25 or newer is needed" in line.said


@pytest.mark.parametrize(
    ("name", "version", "ok"),
    [
        ("compose", (2, 21), True),
        ("compose", (2, 20, 3), False),
        ("compose", (), False),
        ("buildx", (0, 12, 1), False),
        ("buildx", (0, 13), True),
    ],
)
def test_plugins_by_their_version(
    project: settings.Settings,
    fake: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    version: tuple[int, ...],
    *,
    ok: bool,
) -> None:
    assert fake
    monkeypatch.setattr(host_engine, "plugin_version", lambda _: version)
    assert line_of(project, name).ok is ok


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (3, True), (60, False), (-60, False)])
def test_the_engines_clock(project: settings.Settings, fake: FakeEngine, seconds: int, *, ok: bool) -> None:
    fake.time += timedelta(seconds=seconds)
    assert line_of(project, "clock").ok is ok


def test_the_engines_time_with_nanoseconds_is_understood(
    project: settings.Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = fake.info() | {"SystemTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")}
    monkeypatch.setattr(fake, "info", lambda: told)
    assert line_of(project, "clock").ok


def test_a_base_that_is_missing(project: settings.Settings, fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fake
    monkeypatch.setattr(bases, "in_store", lambda _: set())
    line = line_of(project, "redis base")
    assert (line.ok, line.fix.split("  #")[0]) == (False, "./invoke setup")


def test_files_that_are_missing(project: settings.Settings, fake: FakeEngine) -> None:
    assert fake
    project.path(".env").unlink()
    project.path("config/config.json").unlink()
    lines = {line.name: line for line in doctor.examine(project)}
    for name in (".env", "config", "secrets"):
        assert (lines[name].ok, lines[name].fix) == (False, "./invoke setup")
    assert not project.path(".env").exists()


def test_a_token_that_lets_nobody_in_is_seen_with_its_mend(project: settings.Settings, fake: FakeEngine) -> None:
    assert fake
    project.path("secrets/client_token").write_text("another-token-of-some-length", encoding="utf-8")
    line = line_of(project, "client token")
    assert not line.ok
    assert line.said == "secrets/client_token is the token of no client in config/config.json"
    assert line.fix == "./invoke setup --rotate-token, or rm secrets/client_token"


def test_an_open_env_file_is_seen_and_not_touched(project: settings.Settings, fake: FakeEngine) -> None:
    assert fake
    project.path(".env").chmod(0o644)
    line = line_of(project, ".env")
    assert (line.ok, line.fix) == (False, "chmod 600 .env")
    assert project.path(".env").stat().st_mode & 0o777 == 0o644


def test_published_ports_are_read_from_the_compose_file(project: settings.Settings) -> None:
    with project.path(".env").open("a", encoding="utf-8") as file:
        file.write("FACILITATOR_PORT=3001\n")
    assert doctor.published_ports(project) == [
        ("redis", "REDIS_DEV_PORT", 6379),
        ("ipfs", "IPFS_SWARM_PORT", 4001),
        ("ipfs", "", 8080),
        ("facilitator", "FACILITATOR_PORT", 3001),
    ]


def test_the_real_compose_file_publishes_what_the_design_says(project: settings.Settings) -> None:
    shutil.copy(settings.load().path("docker-compose.yml"), project.root)
    assert {port for _, _, port in doctor.published_ports(project)} == {3000, 6379, 6380, 4001, 5001, 8080}


def test_a_port_that_somebody_holds(project: settings.Settings, fake: FakeEngine) -> None:
    assert fake
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with project.path(".env").open("a", encoding="utf-8") as file:
            file.write(f"FACILITATOR_PORT={port}\n")
        line = line_of(project, f"port {port}")
    assert not line.ok
    assert "facilitator needs it" in line.said
    assert "FACILITATOR_PORT in .env" in line.fix


@pytest.mark.parametrize(("owner", "ok"), [("x402", True), ("another", False)])
def test_a_port_that_a_container_holds(project: settings.Settings, fake: FakeEngine, owner: str, *, ok: bool) -> None:
    label = {engine.PROJECT_LABEL: owner}
    fake.published = [{"Names": ["/some-1"], "Labels": label, "Ports": [{"PublicPort": 3000}]}]
    line = line_of(project, "port 3000")
    assert line.ok is ok
    assert "some-1" in line.said


def test_the_report_shows_a_fix_under_each_bad_line_only(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.report(
        [Line("one", ok=True, said="fine", fix="nothing"), Line("second", ok=False, said="bad\nworse", fix="mend it")]
    )
    assert capsys.readouterr().out.splitlines() == [
        "ok  one     fine",
        "BAD second  bad",
        "            worse",
        "            next: mend it",
        "1 of 2 not right",
    ]


def test_the_exit_code_is_that_of_the_machine(
    project: settings.Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda _: [Line("a", ok=False, said="bad")])
    assert doctor.run(project) == 3
    monkeypatch.setattr(doctor, "examine", lambda _: [Line("a", ok=True, said="fine")])
    assert doctor.run(project) == 0
    assert "nothing is wrong" in capsys.readouterr().out


@pytest.mark.docker
def test_a_real_engine_is_examined() -> None:
    lines = {line.name: line for line in doctor.examine(settings.load())}
    for name in ("python", "client", "engine", "compose", "buildx", "clock"):
        assert lines[name].ok, lines[name]


@pytest.mark.docker
def test_the_doctor_changes_nothing(project: settings.Settings) -> None:
    before = {path: (path.stat().st_mode, path.stat().st_mtime_ns) for path in project.root.rglob("*")}
    doctor.examine(project)
    assert before == {path: (path.stat().st_mode, path.stat().st_mtime_ns) for path in project.root.rglob("*")}
