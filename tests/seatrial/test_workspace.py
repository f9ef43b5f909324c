"""config.json, .env and secrets/: made when missing, mended when open, refused when only a person can decide."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatrial import process, settings, workspace
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "kX3-q_vT9mPz7LwB2sRd"
KNOWN = "REDIS_PASSWORD"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> settings.Settings:
    monkeypatch.delenv(KNOWN, raising=False)
    real = settings.load()
    (tmp_path / "config").mkdir()
    shutil.copy(real.path(workspace.CONFIG_EXAMPLE), tmp_path / "config")
    return dataclasses.replace(real, root=tmp_path)


def write_env(project: settings.Settings, text: str | bytes, mode: int = 0o600) -> Path:
    path = project.path(".env")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def refused(project: settings.Settings, code: Code) -> SeatrialError:
    with pytest.raises(SeatrialError) as raised:
        workspace.prepare(project)
    assert raised.value.code is code
    assert raised.value.hint
    return raised.value


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_empty_workspace_is_filled_once(project: settings.Settings) -> None:
    did = workspace.prepare(project)
    assert {line.split()[-1] for line in did if line.startswith("wrote secrets/")} == {
        f"secrets/{name}"
        for name in ("redis_password", "redis_probe_password", "redis_admin_password", "redis.acl", "client_token")
    }
    assert any("config/config.json" in line for line in did)
    assert any(".env" in line for line in did)
    before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
    assert workspace.prepare(project) == []
    assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before
    assert workspace.check_secrets(project) == []


def test_modes(project: settings.Settings) -> None:
    workspace.prepare(project)
    assert mode_of(project.path(".env")) == 0o600
    assert mode_of(project.path("config/config.json")) == 0o644
    assert mode_of(project.path("secrets")) == 0o700
    modes = {path.name: mode_of(path) for path in project.path("secrets").iterdir()}
    # No container reads the token.
    assert modes.pop("client_token") == 0o600
    assert set(modes.values()) == {0o644}


def test_no_value_is_said(project: settings.Settings) -> None:
    said = "\n".join(workspace.prepare(project))
    for _, value in workspace.secret_values(project):
        assert value not in said


def test_the_generated_password_is_the_one_in_the_secret(project: settings.Settings) -> None:
    workspace.prepare(project)
    password = workspace.redis_password(project)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", password)
    assert project.path("secrets/redis_password").read_bytes() == password.encode()


def test_an_env_file_without_the_password_keeps_its_bytes(project: settings.Settings) -> None:
    text = b"# images\nPYTHON_IMAGE=seatrial/python:3.13-trixie\n\nX='a # b'"
    write_env(project, text)
    workspace.prepare(project)
    assert re.fullmatch(re.escape(text) + rb"\nREDIS_PASSWORD=[\w-]{43}\n", project.path(".env").read_bytes())


def test_the_operators_password_is_kept(project: settings.Settings) -> None:
    path = write_env(project, f"{KNOWN}={GOOD}\n")
    workspace.prepare(project)
    assert path.read_text(encoding="utf-8") == f"{KNOWN}={GOOD}\n"
    assert project.path("secrets/redis_password").read_text(encoding="utf-8") == GOOD


def test_the_environment_comes_before_the_file(project: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KNOWN, GOOD)
    workspace.prepare(project)
    assert workspace.redis_password(project) == GOOD
    assert not project.path(".env").exists()
    assert project.path("secrets/redis_password").read_text(encoding="utf-8") == GOOD


def test_a_weak_password_in_the_environment_is_refused(
    project: settings.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KNOWN, "changeme")
    error = refused(project, Code.ENV_FILE)
    assert "environment" in error.what
    assert error.hint.startswith(f"unset {KNOWN}")
    assert "changeme" not in str(error)


@pytest.mark.parametrize(
    "written",
    [
        *("", "changeme", "password", "redis", "secret", "CHANGEME-changeme-CHANGEME", "MySecretPassword123"),
        *("short-Xy7", "aaaaaaaaaaaaaaaaaaaaaaaa", "1234567890123456", "redis-password-2024"),
        *(f"{GOOD}$HOME", f"{GOOD}${{X}}", f'"{GOOD}"', f"'{GOOD}'", f"{GOOD} # mine", f" {GOOD}", f"{GOOD} "),
        *(f"{GOOD}#x", f"{GOOD}\\n", f"{GOOD}ü", f"{GOOD}\t", f"{GOOD}`x`"),
    ],
)
def test_a_password_that_is_weak_or_unclear_is_refused_with_its_line(project: settings.Settings, written: str) -> None:
    path = write_env(project, f"# first\n{KNOWN}={written}\n")
    error = refused(project, Code.ENV_FILE)
    assert "line 2" in error.what
    assert GOOD not in str(error)
    assert len(written) <= len("password") or written not in str(error)
    assert path.read_text(encoding="utf-8") == f"# first\n{KNOWN}={written}\n"
    assert not project.path("secrets").exists()


@pytest.mark.parametrize("written", ["changeme", "", f"{GOOD}$HOME", f'"{GOOD}"'])
def test_the_mend_that_is_named_mends(project: settings.Settings, written: str) -> None:
    write_env(project, f"A=1\n{KNOWN}={written}\nB=2\n")
    hint = refused(project, Code.ENV_FILE).hint
    command = hint.split(" && ", maxsplit=1)[0]
    process.run(["sh", "-c", command], cwd=project.root)
    assert workspace.prepare(project)
    assert project.path(".env").read_text(encoding="utf-8").startswith("A=1\nB=2\nREDIS_PASSWORD=")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"A=1\r\n{KNOWN}={GOOD}\r\n".encode(), "line 1 ends as on Windows"),
        (b"\xef\xbb\xbf" + f"{KNOWN}={GOOD}\n".encode(), "line 1 begins with a byte order mark"),
    ],
)
def test_how_other_editors_save_is_refused_and_the_mend_mends(
    project: settings.Settings, text: bytes, said: str
) -> None:
    write_env(project, text)
    error = refused(project, Code.ENV_FILE)
    assert said in error.what
    process.run(["sh", "-c", error.hint], cwd=project.root)
    workspace.prepare(project)
    assert workspace.redis_password(project) == GOOD


def test_two_passwords_are_refused(project: settings.Settings) -> None:
    write_env(project, f"{KNOWN}={GOOD}\nA=1\nexport {KNOWN}={GOOD}x\n")
    assert "2 times (lines 1, 3)" in refused(project, Code.ENV_FILE).what


def test_a_folder_in_the_place_of_env(project: settings.Settings) -> None:
    project.path(".env").mkdir()
    assert "is a folder" in refused(project, Code.ENV_FILE).what


@given(st.text(alphabet="ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789_-", min_size=32, max_size=64))
def test_no_random_password_is_refused_for_its_characters(password: str) -> None:
    fault = workspace.password_fault(password)
    assert "character that not all read alike" not in fault
    assert "$" not in fault
    assert password not in fault


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o604])
def test_an_open_env_file_is_closed_and_said(project: settings.Settings, mode: int) -> None:
    path = write_env(project, f"{KNOWN}={GOOD}\n", mode)
    assert ".env was open to others: now 0600" in workspace.prepare(project)
    assert mode_of(path) == 0o600


def test_open_secrets_are_closed_and_said(project: settings.Settings) -> None:
    workspace.prepare(project)
    project.path("secrets").chmod(0o755)
    project.path("secrets/redis_password").chmod(0o600)
    assert workspace.check_secrets(project) == [
        "secrets has mode 0755 instead of 0700",
        "secrets/redis_password has mode 0600 instead of 0644",
    ]
    assert workspace.prepare(project) == [
        "secrets had mode 0755: now 0700",
        "secrets/redis_password had mode 0600: now 0644",
    ]
    assert workspace.check_secrets(project) == []


def test_a_changed_password_is_rewritten_in_place(project: settings.Settings) -> None:
    workspace.prepare(project)
    secrets = {path.name: path for path in project.path("secrets").iterdir()}
    before = {name: (path.stat().st_ino, path.read_bytes()) for name, path in secrets.items()}
    write_env(project, f"{KNOWN}={GOOD}\n")
    assert len(workspace.check_secrets(project)) == 1
    assert workspace.prepare(project) == ["rewrote secrets/redis_password", "rewrote secrets/redis.acl"]
    after = {name: (path.stat().st_ino, path.read_bytes()) for name, path in secrets.items()}
    assert {name: inode for name, (inode, _) in before.items()} == {name: inode for name, (inode, _) in after.items()}
    assert {name for name in before if before[name] != after[name]} == {"redis_password", "redis.acl"}
    assert after["redis_password"][1] == GOOD.encode()


def test_the_acl_is_hashes_of_the_passwords(project: settings.Settings) -> None:
    workspace.prepare(project)
    folder = project.path("secrets")
    text = (folder / "redis.acl").read_text(encoding="utf-8")
    hashed = {
        name: "#" + hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("redis_password", "redis_probe_password", "redis_admin_password")
    }
    commands = "+set +get +mset +select +ping +fcall|x402_settle"
    assert text.splitlines() == [
        "user default off resetpass resetkeys resetchannels -@all",
        f"user facilitator on {hashed['redis_password']} resetkeys ~x402:* resetchannels -@all {commands}",
        f"user probe on {hashed['redis_probe_password']} resetkeys resetchannels -@all +ping",
        f"user admin on {hashed['redis_admin_password']} ~* &* +@all",
    ]
    for _, value in workspace.secret_values(project):
        assert value not in text


def test_an_acl_that_somebody_changed_is_seen_and_rendered_again(project: settings.Settings) -> None:
    workspace.prepare(project)
    project.path("secrets/redis.acl").write_text("user default on nopass ~* &* +@all\n", encoding="utf-8")
    assert workspace.check_secrets(project) == ["secrets/redis.acl is out of step with the passwords"]
    assert workspace.prepare(project) == ["rewrote secrets/redis.acl"]


def test_a_lost_probe_password_is_made_anew_with_its_acl(project: settings.Settings) -> None:
    workspace.prepare(project)
    project.path("secrets/redis_probe_password").write_text("", encoding="utf-8")
    assert "secrets/redis_probe_password holds no password" in workspace.check_secrets(project)
    assert workspace.prepare(project) == ["rewrote secrets/redis_probe_password", "rewrote secrets/redis.acl"]
    assert workspace.check_secrets(project) == []


def test_what_is_missing_is_named(project: settings.Settings) -> None:
    write_env(project, f"{KNOWN}={GOOD}\n")
    assert workspace.check_secrets(project) == ["there is no folder secrets"]
    workspace.prepare(project)
    project.path("secrets/redis.acl").unlink()
    assert workspace.check_secrets(project) == ["secrets/redis.acl is missing"]


def test_a_folder_that_docker_made_in_the_place_of_a_secret(project: settings.Settings) -> None:
    project.path("secrets/redis.acl").mkdir(parents=True)
    error = refused(project, Code.SECRETS)
    assert "Docker makes one" in error.what
    assert error.hint.startswith("rmdir secrets/redis.acl")


def test_a_file_in_the_place_of_the_folder(project: settings.Settings) -> None:
    project.path("secrets").write_text("", encoding="utf-8")
    assert "is not a folder" in refused(project, Code.SECRETS).what


def test_secrets_of_any_other_folder(tmp_path: Path) -> None:
    workspace.write_secrets(tmp_path / "trial" / "secrets", GOOD)
    assert sorted(path.name for path in (tmp_path / "trial" / "secrets").iterdir()) == [
        *("redis.acl", "redis_admin_password", "redis_password", "redis_probe_password")
    ]


def test_secret_values_are_every_password_once(project: settings.Settings) -> None:
    write_env(project, f"{KNOWN}={GOOD}\nAPI_TOKEN=tok-12345678\nPYTHON_IMAGE=python:3\nTOKEN=x\n")
    workspace.prepare(project)
    found = dict(workspace.secret_values(project))
    assert found[KNOWN] == GOOD
    assert found["API_TOKEN"] == "tok-12345678"
    assert {"secrets/redis_probe_password", "secrets/redis_admin_password"} <= set(found)
    assert len(found) == 5


def test_a_folder_that_docker_made_in_the_place_of_the_config(project: settings.Settings) -> None:
    project.path("config/config.json").mkdir()
    error = refused(project, Code.CONFIG_FILE)
    assert "Docker makes one" in error.what
    assert error.hint.startswith("rmdir config/config.json")


def test_a_config_that_is_wrong_is_said_whole(project: settings.Settings) -> None:
    project.path("config/config.json").write_text(
        '{"server": {"port": 70000, "prot": 1}, "redis": {}}', encoding="utf-8"
    )
    error = refused(project, Code.CONFIG_FILE)
    assert "server.port" in error.what
    assert "prot" in error.what
    assert "kinds" in error.what


def test_a_config_that_the_service_cannot_read(project: settings.Settings) -> None:
    workspace.prepare(project)
    project.path("config/config.json").chmod(0o600)
    assert refused(project, Code.CONFIG_FILE).hint == "chmod 644 config/config.json"


def test_an_operators_config_is_kept(project: settings.Settings) -> None:
    workspace.prepare(project)
    path = project.path("config/config.json")
    text = path.read_text(encoding="utf-8").replace('"info"', '"debug"')
    path.write_text(text, encoding="utf-8")
    assert workspace.prepare(project) == []
    assert path.read_text(encoding="utf-8") == text


def test_no_config_and_no_example(project: settings.Settings) -> None:
    project.path(workspace.CONFIG_EXAMPLE).unlink()
    assert "config.example.json" in refused(project, Code.CONFIG_FILE).what


@pytest.mark.docker
def test_compose_reads_the_generated_password_as_it_is(project: settings.Settings) -> None:
    workspace.prepare(project)
    project.path("compose.yml").write_text(
        'services: {a: {image: x, labels: ["p=${REDIS_PASSWORD}"]}}\n', encoding="utf-8"
    )
    argv = ["docker", "compose", "-f", "compose.yml", "config"]
    read = process.run(argv, cwd=project.root, timeout_seconds=60).stdout
    assert f"p: {workspace.redis_password(project)}\n" in read


@pytest.mark.docker
def test_redis_takes_the_acl(project: settings.Settings) -> None:
    workspace.prepare(project)
    image = settings.chosen_image(settings.load(), "REDIS_IMAGE")
    acl = project.path("secrets/redis.acl").read_text(encoding="utf-8")
    script = """
        cat >/tmp/redis.acl
        redis-server --port 0 --unixsocket /tmp/redis.sock --aclfile /tmp/redis.acl --daemonize yes --save '' >/dev/null
        until [ -S /tmp/redis.sock ]; do sleep 0.05; done
        ask() { redis-cli -s /tmp/redis.sock --no-auth-warning "$@" 2>&1 | cut -c1-12; }
        ask ping
        ask --user facilitator --pass "$SERVICE" set x402:a 1
        ask --user facilitator --pass "$SERVICE" get x402:a
        ask --user facilitator --pass "$SERVICE" set other 1
        ask --user probe --pass "$PROBE" ping
        ask --user probe --pass "$PROBE" set x402:a 1
        ask --user admin --pass "$ADMIN" get x402:a
    """
    folder = project.path("secrets")
    names = {"SERVICE": "redis_password", "PROBE": "redis_probe_password", "ADMIN": "redis_admin_password"}
    env = {variable: (folder / name).read_text(encoding="utf-8") for variable, name in names.items()}
    argv = ["docker", "run", "--rm", "-i", "--network", "none", "--tmpfs", "/tmp:mode=1777"]
    argv += [word for variable in env for word in ("--env", variable)]
    said = process.run([*argv, image, "sh", "-ec", script], env=env, stdin=acl, timeout_seconds=60).stdout.split("\n")
    words = [line.split()[0] if line else "" for line in said if line]
    assert words == ["NOAUTH", "OK", "1", "NOPERM", "PONG", "NOPERM", "1"]


def test_secrets_that_cannot_be_read_are_an_error(project: settings.Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_settings: settings.Settings) -> list[Path]:
        raise PermissionError(13, "Permission denied", "secrets/redis_password")

    monkeypatch.setattr(workspace, "_secret_files", refused)
    for ask in (workspace.secret_values, workspace.secret_places):
        with pytest.raises(SeatrialError, match="secrets/redis_password cannot be read: Permission denied") as caught:
            ask(project)
        assert caught.value.code is Code.SECRETS
