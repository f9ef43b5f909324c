"""Compose files that cannot be used: `verify` says why, what to do next, and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docker.mutant import Patch, append, both, remove, write
from tests.docker.yard import give_tools, invoke
from tests.seatrial.test_compose_files import MULTIPLIED

if TYPE_CHECKING:
    from tests.docker.yard import Ship, Yard

INDENTED = "".join(f"  {line}" for line in MULTIPLIED.splitlines(keepends=True))
BAD: dict[str, tuple[Patch, str]] = {
    "aliases that multiply": (append("docker-compose.yml", f"x-more:\n{INDENTED}"), "multiply"),
    "an unknown key": (write("docker-compose.override.yml", "services: {facilitator: {inti: true}}\n"), "inti"),
    "an include that is not there": (append("docker-compose.yml", "include: [gone.yml]\n"), "gone.yml"),
    "services that extend one another": (
        write(
            "docker-compose.override.yml",
            "services:\n  a: {extends: {service: b}}\n  b: {extends: {service: a}}\n",
        ),
        "ircular",
    ),
    "files that include one another": (
        both(
            append("docker-compose.yml", "include: [a.yml]\n"),
            write("a.yml", "include: [b.yml]\nservices: {}\n"),
            write("b.yml", "include: [a.yml]\nservices: {}\n"),
        ),
        "include",
    ),
    "no YAML": (write("docker-compose.yml", "services: [\n"), "yaml"),
    "not UTF-8": (write("docker-compose.yml", b"services: {a: {image: 'x:\xff'}}\n"), "UTF-8"),
    "a key twice": (append("docker-compose.yml", "services: {}\n"), "already defined"),
    "nothing": (write("docker-compose.yml", ""), "empty"),
    "too much": (append("docker-compose.yml", f"x-more: {'x' * 300_000}\n"), "larger than 256 KB"),
}


@pytest.mark.parametrize(("patch", "said"), BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_an_error_with_a_next_step(
    request: pytest.FixtureRequest, shipyard: Yard, healthy: Ship, patch: Patch, said: str
) -> None:
    project = shipyard.copy(healthy, f"bad-{list(BAD).index(request.node.callspec.id)}")
    patch(project.root)
    give_tools(project.root)
    done = invoke(project.root, "verify", "--static", "--only", "compose", "--image", healthy.image)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error[compose-file]" in done.stderr
    assert said in done.stderr
    assert "  next: " in done.stderr


def test_a_file_that_the_settings_name_is_not_there(shipyard: Yard, healthy: Ship) -> None:
    project = shipyard.copy(healthy, "bad-none")
    remove("docker-compose.yml")(project.root)
    give_tools(project.root)
    done = invoke(project.root, "verify", "--static", "--only", "compose", "--image", healthy.image)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "error[settings]: [tool.seatrial] compose_file: there is no file docker-compose.yml" in done.stderr
    assert "  next: " in done.stderr
