"""The client that setup makes: token and configuration in step, and what is the operator's left alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import clients, settings, workspace
from seatrial.errors import Code, SeatrialError
from service import config_file

if TYPE_CHECKING:
    from pathlib import Path

OTHER = {"name": "shop", "tokenSha256": "ab" * 32}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    monkeypatch.delenv("REDIS_PASSWORD", raising=False)
    real = settings.load()
    (tmp_path / "config").mkdir()
    shutil.copy(real.path(clients.CONFIG_EXAMPLE), tmp_path / "config")
    return dataclasses.replace(real, root=tmp_path)


@pytest.fixture
def made(project: settings.Settings) -> settings.Settings:
    workspace.prepare(project)
    return project


def config(project: settings.Settings) -> dict[str, Any]:
    return dict(json.loads(project.path(clients.CONFIG).read_text(encoding="utf-8")))


def change(project: settings.Settings, **auth: Any) -> None:
    """Do what an operator does with an editor."""
    document = config(project)
    document["auth"].update(auth)
    project.path(clients.CONFIG).write_text(json.dumps(document, indent=4), encoding="utf-8")


def token(project: settings.Settings) -> str:
    return project.path(clients.TOKEN).read_text(encoding="utf-8")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_setup_makes_one_client_and_its_token(made: settings.Settings) -> None:
    found = config_file.load(made.path(clients.CONFIG)).clients
    assert [(client.name, client.token_sha256) for client in found] == [(clients.CLIENT, sha256(token(made)))]
    assert stat.S_IMODE(made.path(clients.TOKEN).stat().st_mode) == 0o600
    assert len(token(made)) == 43
    assert clients.token(made) == token(made)
    assert clients.standing(made)[0]


def test_the_example_is_kept_as_it_is_written_but_for_the_client(made: settings.Settings) -> None:
    lines = made.path(clients.CONFIG).read_text(encoding="utf-8").splitlines()
    example = made.path(clients.CONFIG_EXAMPLE).read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(example)
    assert [line for line, was in zip(lines, example, strict=True) if line != was] == [
        f'    "clients": [{{"name": "local", "tokenSha256": "{sha256(token(made))}"}}],'
    ]


def test_a_second_time_nothing_is_done(made: settings.Settings) -> None:
    assert clients.ensure(made) == []


def test_what_an_earlier_example_made_is_setup_s_own_too(made: settings.Settings) -> None:
    made.path(clients.TOKEN).unlink()
    document = config(made)
    document["auth"] = {"clients": []}
    made.path(clients.CONFIG).write_text(json.dumps(document), encoding="utf-8")
    assert len(clients.ensure(made)) == 2
    document["auth"]["clients"] = [{"name": "local", "tokenSha256": sha256(token(made))}]
    assert config(made) == document


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o601])
def test_an_open_token_is_closed_and_said(made: settings.Settings, mode: int) -> None:
    made.path(clients.TOKEN).chmod(mode)
    assert clients.standing(made)[0] is False
    assert clients.ensure(made) == [f"secrets/client_token had mode {mode:04o}: now 0600"]
    assert clients.standing(made)[0]


@pytest.mark.parametrize("left", ["", "short", "two words of a token", None])
def test_a_lost_token_is_made_anew_where_the_configuration_is_setup_s_own(
    made: settings.Settings, left: str | None
) -> None:
    path = made.path(clients.TOKEN)
    path.unlink() if left is None else path.write_text(left, encoding="utf-8")
    assert clients.standing(made)[0] is False
    assert len(clients.ensure(made)) == 2
    assert config(made)["auth"]["clients"] == [{"name": "local", "tokenSha256": sha256(token(made))}]


def test_an_operator_s_configuration_without_clients_stays_open_and_that_is_said(made: settings.Settings) -> None:
    made.path(clients.TOKEN).unlink()
    change(made, clients=[], requestsPerSecond=7)
    before = config(made)
    assert workspace.prepare(made) == []
    assert config(made) == before
    assert not made.path(clients.TOKEN).exists()
    holds, said, _ = clients.standing(made)
    assert holds
    assert "open to all" in said
    assert clients.ROTATE in said


def test_an_operator_s_own_clients_are_enough(made: settings.Settings) -> None:
    made.path(clients.TOKEN).unlink()
    change(made, clients=[OTHER])
    assert clients.ensure(made) == []
    assert clients.standing(made) == (True, "config/config.json has its own clients: shop", "")


@pytest.mark.parametrize("gone", ["token", "hash"])
def test_out_of_step_is_said_and_never_mended_behind_the_operator_s_back(made: settings.Settings, gone: str) -> None:
    if gone == "token":
        made.path(clients.TOKEN).unlink()
        change(made, requestsPerSecond=7)
    else:
        change(made, clients=[OTHER])
    before = config(made)
    assert clients.ensure(made) == []
    assert config(made) == before
    holds, _, mend = clients.standing(made)
    assert not holds
    assert mend.startswith(clients.ROTATE)
    with pytest.raises(SeatrialError) as raised:
        clients.token(made)
    assert raised.value.code is Code.SECRETS
    assert clients.ROTATE in raised.value.hint


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"clients": []},
        {"clients": [OTHER]},
        {"clients": [OTHER, {"name": "local", "tokenSha256": "CD" * 32}]},
    ],
    ids=["as made", "none", "another", "both"],
)
def test_rotating_puts_a_new_token_beside_whatever_is_there(made: settings.Settings, auth: dict[str, Any]) -> None:
    change(made, **auth)
    former, before = token(made), config(made)
    clients.rotate(made)
    assert token(made) != former
    wanted = {client["name"]: client["tokenSha256"] for client in before["auth"]["clients"]}
    wanted["local"] = sha256(token(made))
    after = config(made)
    assert {client["name"]: client["tokenSha256"] for client in after["auth"]["clients"]} == wanted
    assert {**after, "auth": before["auth"]} == before
    assert clients.standing(made)[0]


def test_rotating_keeps_how_the_file_is_written(made: settings.Settings) -> None:
    path = made.path(clients.CONFIG)
    inode = path.stat().st_ino
    text = path.read_text(encoding="utf-8").replace('"port": 3000', '"port":   3000')
    path.write_text(text, encoding="utf-8")
    former = sha256(token(made))
    clients.rotate(made)
    assert path.read_text(encoding="utf-8") == text.replace(former, sha256(token(made)))
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("auth", ["missing", "empty", "no clients"])
def test_rotating_writes_what_was_left_out(made: settings.Settings, auth: str) -> None:
    document = config(made)
    del document["auth"]
    if auth != "missing":
        document["auth"] = {} if auth == "empty" else {"requestsPerSecond": 5}
    made.path(clients.CONFIG).write_text(json.dumps(document), encoding="utf-8")
    clients.rotate(made)
    assert config(made)["auth"]["clients"] == [{"name": "local", "tokenSha256": sha256(token(made))}]
    workspace.check_config(made)


def test_the_token_is_never_said(made: settings.Settings, capsys: pytest.CaptureFixture[str]) -> None:
    said = [*clients.rotate(made), *clients.standing(made)[1:]]
    made.path(clients.TOKEN).chmod(0o644)
    said += [*clients.ensure(made), *clients.standing(made)[1:]]
    assert token(made) not in "\n".join([*said, *capsys.readouterr()])


def test_the_token_is_among_the_secrets_that_must_not_show(made: settings.Settings) -> None:
    assert ("secrets/client_token", token(made)) in workspace.secret_values(made)
    assert made.path(clients.TOKEN) in workspace.secret_places(made)


def test_a_trial_s_configuration_knows_one_client_only(made: settings.Settings) -> None:
    change(made, clients=[OTHER])
    text = clients.with_only_client(made.path(clients.CONFIG).read_text(encoding="utf-8"), "trial", "t" * 43)
    assert [(client.name, client.token_sha256) for client in config_file.parse(text).clients] == [
        ("trial", sha256("t" * 43))
    ]
