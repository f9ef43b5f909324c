"""Where a problem is mended: each check's own words lead to a line that exists, and to the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.checks import FAMILIES, Check, all_checks
from seatrial.evidence import Evidence
from seatrial.evidence.places import Place, layer_instruction, locate
from tests import good

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCKERFILE = """\
FROM base:1 AS build
RUN make
FROM base:1
ENV A=1 TOKEN=x
ENV B=2
LABEL org.opencontainers.image.source="x"
COPY --from=build /a /a
WORKDIR /app
USER 1:1
"""
COMPOSE = """\
services:
  facilitator:
    read_only: true
    volumes: ["./c:/c"]
  redis-prod:
    healthcheck: {test: [CMD, "true"]}
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    ".dockerignore": "# what is read\n*\n!config\n",
    "config/redis.conf": "port 6379\nappendonly yes\n",
    "requirements/production.txt": "a==1\nb==2\n",
    "docker-compose.yml": COMPOSE,
}


def tree(files: Mapping[str, str] = FILES) -> Evidence:
    """Return the recorded evidence with another tree."""
    sources = {name: text for name, text in files.items() if "compose" in name}
    return good.evidence().with_document("tree.files", files).with_document("compose.sources", sources)


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_each_sabotage_is_placed_on_a_line_that_exists(check: Check) -> None:
    broken = check.sabotage(good.evidence())
    files = broken.documents["tree.files"]
    for problem in check.inspect(broken):
        place = locate(broken, check.family, problem.where)
        assert place is not None
        assert place.line is None or 1 <= place.line <= len(files[place.file].splitlines())


@pytest.mark.parametrize(
    ("family", "where", "file", "line"),
    [
        ("dockerfile", "Dockerfile:4", "Dockerfile", 4),
        ("context", ".dockerignore", ".dockerignore", None),
        ("context", "config/.env", ".dockerignore", 3),
        ("context", "tests/test_a.py", ".dockerignore", 2),
        ("packages", "requirements/production.txt:2", "requirements/production.txt", 2),
        ("packages", "requirements/production.txt", "requirements/production.txt", None),
        ("image", "Config.User='0'", "Dockerfile", 9),
        ("image", "Config.Env TOKEN", "Dockerfile", 4),
        ("image", "Config.Env OTHER", "Dockerfile", 5),
        ("image", "Config.Cmd", "Dockerfile", 3),
        ("image", "Config.Unheard", "Dockerfile", 3),
        ("image", "org.opencontainers.image.source", "Dockerfile", 6),
        ("image", "history step 3", "Dockerfile", 3),
        ("layers", "payload layer 1: /app/x", "Dockerfile", 7),
        ("layers", "payload layer 2: /app/x", "Dockerfile", 8),
        ("layers", "payload layer 9: /app/x", "Dockerfile", 3),
        ("layers", "layer 1: /etc/passwd", "Dockerfile", 3),
        ("layers", "layer 2: /app/x", "Dockerfile", 7),
        ("layers", "/app/venv", "Dockerfile", 7),
        ("layers", "/no/such/file", "Dockerfile", 3),
        ("compose", "services.facilitator.read_only", "docker-compose.yml", 3),
        ("compose", "services.facilitator.volumes: /c", "docker-compose.yml", 4),
        ("compose", ".env: REDIS_PASSWORD", "docker-compose.yml", None),
        ("runtime", "docker logs redis-prod", "docker-compose.yml", 5),
        ("runtime", "facilitator: process 7", "docker-compose.yml", 2),
        ("runtime", "trial stack", "docker-compose.yml", 2),
        ("redis", "redis-prod: appendonly", "config/redis.conf", 2),
        ("redis", "redis-prod: maxmemory", "docker-compose.yml", 5),
        ("redis", "redis-prod: health check", "docker-compose.yml", 6),
        ("redis", "facilitator", "docker-compose.yml", 5),
    ],
)
def test_the_word_of_a_check_leads_to_a_line(family: str, where: str, file: str, line: int | None) -> None:
    assert locate(tree(), family, where) == Place(file, line)


def test_an_override_wins_over_the_file_below_it() -> None:
    files = {**FILES, "docker-compose.override.yml": "services:\n  facilitator:\n\n    read_only: false\n"}
    spot = Place("docker-compose.override.yml", 4)
    assert locate(tree(files), "compose", "services.facilitator.read_only") == spot
    assert locate(tree(files), "compose", "services.facilitator.volumes") == Place("docker-compose.yml", 4)


def test_the_overriding_ignore_file_decides() -> None:
    files = {**FILES, "Dockerfile.dockerignore": "*\n!.env\n"}
    assert locate(tree(files), "context", ".env") == Place("Dockerfile.dockerignore", 2)


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_tree_there_is_no_place(family: str) -> None:
    assert locate(Evidence(good.settings(), {}), family, "Dockerfile:1") is None


def test_without_an_ignore_file_it_is_the_dockerfile_that_lacks_one() -> None:
    assert locate(tree({"Dockerfile": DOCKERFILE}), "context", ".env") == Place("Dockerfile")


def test_a_layer_has_its_instruction_only_when_all_layers_have_one() -> None:
    assert layer_instruction(tree(), 1) == (7, "COPY --from=build /a /a")
    assert layer_instruction(tree({"Dockerfile": DOCKERFILE + "RUN more\n"}), 1) is None
    assert layer_instruction(tree(), 0) is None


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(FAMILIES), st.text(max_size=40))
def test_no_word_is_too_strange(family: str, where: str) -> None:
    assert locate(tree(), family, where) is not None
