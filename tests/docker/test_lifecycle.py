"""up, ps, smoke, down: on the real engine, with a compose project of the tests' own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatrial.evidence import redis
from seatrial.host import bases
from tests.docker.harbour import Harbour, open_harbour, until
from tests.docker.mutant import append, swap
from tests.docker.yard import ROOT, commit, docker, invoke

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docker.yard import Ship, Yard

PRODUCTION = {"facilitator", "redis-prod"}


@pytest.fixture(scope="module")
def opened(shipyard: Yard, healthy: Ship, at_sea: object) -> Iterator[Harbour]:
    # The mutants sail meanwhile: here, too, most is waiting.
    del at_sea
    made = open_harbour(shipyard, healthy, "harbour")
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture
def harbour(opened: Harbour) -> Harbour:
    """The harbour with nothing in it."""
    if opened.containers() or opened.volumes():
        opened.clear()
    return opened


@pytest.fixture
def production(opened: Harbour) -> Harbour:
    """The harbour with a healthy production stack in it."""
    opened.invoke("up", "--prod")
    return opened


def test_up_starts_the_development_services_and_nothing_of_production(harbour: Harbour) -> None:
    said = harbour.invoke("up")
    has_ipfs = bool(bases.in_store([ipfs_image(harbour)]))
    assert set(harbour.containers()) == ({"redis", "ipfs"} if has_ipfs else {"redis"})
    assert "redis" in said


def ipfs_image(harbour: Harbour) -> str:
    model = json.loads(docker("compose", "--project-directory", str(harbour.ship.folder), "config", "--format", "json"))
    return str(model["services"]["ipfs"]["image"])


def test_up_prod_starts_the_production_services_and_nothing_of_development(harbour: Harbour) -> None:
    said = harbour.invoke("up", "--prod")
    assert set(harbour.containers()) == PRODUCTION
    assert {harbour.state(name) for name in PRODUCTION} == {"healthy"}
    for name in PRODUCTION:
        assert any(line.split()[:2] == [name, "healthy"] for line in said.splitlines()), said
    assert harbour.get("/health")[0] == 200


def test_both_profiles_run_side_by_side_and_down_removes_both(production: Harbour) -> None:
    production.invoke("up")
    running = set(production.containers())
    assert running >= {*PRODUCTION, "redis"}
    said = production.invoke("ps")
    for name in running:
        assert any(line.startswith(f"{name} ") for line in said.splitlines()), said
    production.invoke("down")
    assert production.containers() == {}
    assert production.networks() == set()
    assert "nothing runs" in production.invoke("ps")


def test_smoke_prints_each_question_with_what_was_expected_and_what_came(production: Harbour) -> None:
    head, *rows = production.invoke("smoke").splitlines()
    assert head.split() == ["question", "expected", "got"]
    assert len(rows) == len([question for question in redis.questions(production.ship.settings) if question.harmless])
    assert {row.split()[0] for row in rows} == {"ok"}


def test_smoke_without_a_stack_says_what_to_do(harbour: Harbour) -> None:
    done = invoke(harbour.ship.folder, "smoke")
    assert done.returncode == 2
    assert "error[not-running]: redis-prod does not run" in done.stderr
    assert "./invoke up --prod" in done.stderr


def test_no_password_and_no_token_shows_anywhere(production: Harbour) -> None:
    folder = production.ship.folder
    passwords = [file.read_bytes() for file in (folder / "secrets").iterdir() if file.suffix != ".acl"]
    assert len(passwords) == 4
    compose = ["compose", "--project-directory", str(folder), "--profile", "production"]
    places = {
        "compose config": docker(*compose, "config"),
        "compose logs": docker(*compose, "logs", "--no-color"),
        "invoke logs": production.invoke("logs"),
        "invoke ps": production.invoke("ps"),
    }
    for name, container in production.containers().items():
        places[f"inspect {name}"] = json.dumps(container)
        places[f"logs {name}"] = docker("logs", container["Id"])
        places[f"top {name}"] = docker("top", container["Id"], "-eo", "pid,args")
        places[f"environment of {name}"] = docker("exec", container["Id"], "env")
    for place, text in places.items():
        assert text, place
        assert not [place for password in passwords if password.decode() in text]
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes()
        except OSError:
            continue
        assert not any(password in words for password in passwords), words.split(b"\0")[0]


def test_the_image_says_who_it_runs_as(healthy: Ship) -> None:
    assert docker("run", "--rm", healthy.image, "whoami") == "appuser\n"
    assert docker("run", "--rm", healthy.image, "id", "-u").strip() == "1001"
    assert docker("run", "--rm", healthy.image, "id", "-g").strip() == "1001"


def test_health_follows_redis_without_a_restart(production: Harbour) -> None:
    before = production.containers()
    docker("kill", before["redis-prod"]["Id"])
    until(lambda: production.get("/health")[0] == 503, "/health answers 503")
    assert production.get("/live")[0] == 200
    until(lambda: production.state("facilitator") == "unhealthy", "the service turns unhealthy")
    docker("start", before["redis-prod"]["Id"])
    until(lambda: production.state("facilitator") == "healthy", "the service turns healthy again")
    after = production.containers()["facilitator"]
    assert after["State"]["StartedAt"] == before["facilitator"]["State"]["StartedAt"]
    assert after["RestartCount"] == 0


def test_a_changed_password_replaces_the_containers_and_works(production: Harbour) -> None:
    before = {name: container["Id"] for name, container in production.containers().items()}
    old = production.password("redis_password")
    env = production.ship.folder / ".env"
    env.write_text(env.read_text(encoding="utf-8").replace(old, old[::-1]), encoding="utf-8")
    production.invoke("setup", "up", "--prod")
    after = {name: container["Id"] for name, container in production.containers().items()}
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    address = ("127.0.0.1", production.ports["REDIS_PORT"])
    assert redis.converse(address, "facilitator", old[::-1], ("PING",)) == "+PONG"
    assert redis.converse(address, "facilitator", old, ("PING",)).startswith("-WRONGPASS")
    assert production.get("/health")[0] == 200


def test_down_keeps_the_data_and_down_with_volumes_does_not(production: Harbour) -> None:
    address = ("127.0.0.1", production.ports["REDIS_PORT"])
    admin = ("admin", production.password("redis_admin_password"))
    assert redis.converse(address, *admin, ("SET", "x402:kept", "yes")) == "+OK"
    kept = production.volumes()
    assert kept
    production.invoke("down", "up", "--prod")
    assert redis.converse(address, *admin, ("GET", "x402:kept")) == "yes"
    refused = invoke(production.ship.folder, "down", "--volumes")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert production.volumes() == kept
    production.invoke("down", "--volumes", "--yes")
    assert production.volumes() == set()
    production.invoke("up", "--prod")
    assert redis.converse(address, *admin, ("GET", "x402:kept")) == ""


def test_a_taken_port_is_named_with_its_holder_and_nothing_is_left(harbour: Harbour) -> None:
    port = harbour.ports["FACILITATOR_PORT"]
    with socket.create_server(("127.0.0.1", port)):
        done = invoke(harbour.ship.folder, "up", "--prod")
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"error[port-taken]: port {port} is in use by " in done.stderr
    assert f"(pid {os.getpid()})" in done.stderr
    assert harbour.containers() == {}
    assert harbour.networks() == set()


def test_a_service_that_cannot_start_is_quoted_and_removed(harbour: Harbour, tmp_path: Path) -> None:
    tag = harbour.ship.image
    good = docker("image", "inspect", "--format", "{{.Id}}", tag).strip()
    (tmp_path / "Dockerfile").write_text(
        f'FROM {tag}\nCMD ["/app/venv/bin/python", "-c", "print(\'no such mode\'); raise SystemExit(3)"]\n'
    )
    docker("build", "--quiet", "--tag", tag, str(tmp_path))
    bad = docker("image", "inspect", "--format", "{{.Id}}", tag).strip()
    try:
        done = invoke(harbour.ship.folder, "up", "--prod")
    finally:
        docker("tag", good, tag)
        subprocess.run(["docker", "image", "rm", bad], capture_output=True, check=False)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "error[stack-unhealthy]: facilitator" in done.stderr
    assert "log: no such mode" in done.stderr
    assert harbour.containers() == {}


def test_a_container_that_ran_before_survives_a_start_that_fails(harbour: Harbour) -> None:
    harbour.invoke("up")
    redis_before = harbour.containers()["redis"]["Id"]
    with socket.create_server(("127.0.0.1", harbour.ports["REDIS_PORT"])):
        done = invoke(harbour.ship.folder, "up", "--prod")
    assert done.returncode == 3
    after = harbour.containers()
    assert after["redis"]["Id"] == redis_before
    assert not PRODUCTION & set(after)


def test_a_build_without_cache_gives_the_same_image_within_its_budget(harbour: Harbour) -> None:
    before = docker("image", "inspect", "--format", "{{.Id}}", harbour.ship.image)
    said = harbour.invoke("build", "--no-cache")
    assert docker("image", "inspect", "--format", "{{.Id}}", harbour.ship.image) == before
    payload_mb = next(float(line.split()[1]) for line in said.splitlines() if line.startswith("payload "))
    assert 0 < payload_mb < 15
    assert (harbour.ship.folder / "dist/sbom.cdx.json").is_file()


def test_a_cached_build_has_the_times_of_its_own_source(shipyard: Yard, healthy: Ship) -> None:
    # Nothing of what is shipped differs, so the cache has every step of it: with the times of another source.
    project = shipyard.copy(healthy, "later")
    append("Dockerfile", "# one more comment\n")(project.root)
    commit(project.root, date="2025-02-01T00:00:00+0000")
    later = shipyard.build(project, "later", like=healthy)
    times = docker("run", "--rm", later.image, "find", "/app", "-printf", r"%TY-%Tm-%Td\n").split()
    assert set(times) == {"2025-02-01"}


def test_the_checkout_is_only_read(healthy: Ship) -> None:
    assert healthy.folder != ROOT
    with pytest.raises(AssertionError, match="must be mended"):
        swap("Dockerfile", "no such line", "")(healthy.folder)
