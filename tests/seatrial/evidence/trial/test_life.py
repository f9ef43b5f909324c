"""What the trial's service is configured to do: as the project's own, but for who may call it."""

from __future__ import annotations

import dataclasses
import json
import stat
from typing import TYPE_CHECKING

import pytest

from seatrial import clients
from seatrial.evidence.trial import managed
from service.config_file import load
from tests import good
from tests.service.facilitator_harness import document

if TYPE_CHECKING:
    from pathlib import Path

    from seatrial.settings import Settings


@pytest.fixture
def project(tmp_path: Path) -> Settings:
    (tmp_path / "config").mkdir()
    (tmp_path / clients.CONFIG_EXAMPLE).write_text(json.dumps(document()), encoding="utf-8")
    return good.settings(root=tmp_path)


def test_it_has_one_client_and_everything_else_of_the_project(project: Settings, tmp_path: Path) -> None:
    own = document(auth={"clients": [{"name": "shop", "tokenSha256": "ab" * 32}], "requestsPerSecond": 7})
    project.path(clients.CONFIG).write_text(json.dumps(own), encoding="utf-8")
    made = tmp_path / "config.json"
    found, token = managed.configure(project, tmp_path)
    assert found == load(made)
    assert found is not None
    theirs = load(project.path(clients.CONFIG))
    assert [(client.name, client.token_sha256) for client in found.clients] == [("trial", clients.hashed(token))]
    assert dataclasses.replace(found, clients=()) == dataclasses.replace(theirs, clients=())
    assert stat.S_IMODE(made.stat().st_mode) == 0o644


def test_without_a_configuration_the_example_is_taken(project: Settings, tmp_path: Path) -> None:
    assert managed.configure(project, tmp_path)[0] is not None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"auth": 5}', b"\xff\xfe{}", b'{"auth": {"clients": 1}}'])
def test_what_is_no_configuration_stays_as_it_is(project: Settings, tmp_path: Path, text: bytes) -> None:
    project.path(clients.CONFIG).write_bytes(text)
    assert managed.configure(project, tmp_path)[0] is None
    assert (tmp_path / "config.json").read_bytes() == text
