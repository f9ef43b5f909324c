"""[tool.seatrial]: every key known, present and of its type."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import settings
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from pathlib import Path

TABLE: dict[str, Any] = {
    "image": "x",
    "compose_project": "p",
    "development_services": ["a"],
    "production_services": ["b", "c"],
    "service": "b",
    "redis_service": "c",
    "package_root": "/app",
    "service_port": 3000,
    "payload_budget_mb": 15,
    "context_budget_kb": 512.5,
    "memory_budget_mb": 128,
    "start_budget_seconds": 15.0,
    "health_flip_budget_seconds": 20,
}


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value).replace("'", '"')


def project(folder: Path, **changes: Any) -> Path:
    table = {key: value for key, value in {**TABLE, **changes}.items() if value is not None}
    lines = ["[tool.seatrial]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    (folder / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder


def refused(folder: Path) -> SeatrialError:
    with pytest.raises(SeatrialError) as caught:
        settings.load(folder)
    assert caught.value.code is Code.SETTINGS
    return caught.value


def test_this_project_s_own() -> None:
    loaded = settings.load()
    assert loaded.service in loaded.production_services
    assert loaded.redis_service in loaded.production_services
    assert loaded.path("pyproject.toml").is_file()


def test_a_whole_table(tmp_path: Path) -> None:
    loaded = settings.load(project(tmp_path))
    assert loaded.production_services == ("b", "c")
    assert loaded.payload_budget_mb == 15.0
    assert isinstance(loaded.payload_budget_mb, float)
    assert loaded.path("x/y") == tmp_path.resolve() / "x/y"
    with pytest.raises(AttributeError):
        loaded.image = "other"  # type: ignore[misc]


def test_an_unknown_key_lists_the_known(tmp_path: Path) -> None:
    error = refused(project(tmp_path, imgae="x"))
    assert "unknown key 'imgae'" in error.what
    assert error.hint == "known keys: " + ", ".join(
        sorted(f.name for f in fields(settings.Settings) if f.name != "root")
    )


@pytest.mark.parametrize("key", TABLE)
def test_every_key_has_a_default(tmp_path: Path, key: str) -> None:
    assert settings.load(project(tmp_path, **{key: None}))


def test_a_project_that_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "My Shop 2"
    folder.mkdir()
    (folder / "seatrial.toml").write_text("", encoding="utf-8")
    found = settings.load(folder)
    assert (found.image, found.compose_project) == ("my-shop-2", "my-shop-2")
    assert (found.dockerfile, found.compose_file, found.lock_file) == ("", "", "")
    for name in ("Dockerfile", "compose.yml", "docker-compose.yml", "requirements.txt"):
        (folder / name).touch()
    found = settings.load(folder)
    assert (found.dockerfile, found.compose_file, found.lock_file) == ("Dockerfile", "compose.yml", "requirements.txt")


def test_a_file_of_its_own_goes_before_the_shared_one(tmp_path: Path) -> None:
    project(tmp_path, image="shared")
    (tmp_path / "seatrial.toml").write_text('image = "own"', encoding="utf-8")
    assert settings.load(tmp_path).image == "own"


def test_the_project_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.PROJECT_VARIABLE, raising=False)
    project(tmp_path)
    below = tmp_path / "src/deep"
    below.mkdir(parents=True)
    (tmp_path / "src/pyproject.toml").write_text("[project]\nname = 'another'\n", encoding="utf-8")
    monkeypatch.chdir(below)
    assert settings.load().root == tmp_path.resolve()
    monkeypatch.setenv(settings.PROJECT_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(SeatrialError, match="there is no folder"):
        settings.load()
    monkeypatch.setenv(settings.PROJECT_VARIABLE, str(tmp_path))
    monkeypatch.chdir("/")
    assert settings.load().root == tmp_path.resolve()


def test_no_project_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.PROJECT_VARIABLE, raising=False)
    with pytest.raises(SeatrialError) as caught:
        settings.find(tmp_path)
    assert caught.value.code is Code.SETTINGS
    assert "no project" in caught.value.what


def test_several_dockerfiles_are_the_project_s_choice(tmp_path: Path) -> None:
    project(tmp_path)
    for name in ("Dockerfile.api", "Dockerfile.web", "Dockerfile.web.dockerignore"):
        (tmp_path / name).touch()
    error = refused(tmp_path)
    assert error.what == "there are 2 Dockerfiles: Dockerfile.api, Dockerfile.web"
    assert 'dockerfile = "Dockerfile.api"' in error.hint
    assert (
        settings.load(project(tmp_path, dockerfile="Dockerfile.web")).ignore_files[1] == "Dockerfile.web.dockerignore"
    )
    (tmp_path / "Dockerfile").touch()
    assert settings.load(project(tmp_path)).dockerfile == "Dockerfile"


@pytest.mark.parametrize("key", ["dockerfile", "compose_file", "lock_file", "redis_config"])
def test_a_file_that_is_named_and_not_there(tmp_path: Path, key: str) -> None:
    assert f"{key}: there is no file nowhere/x" in refused(project(tmp_path, **{key: "nowhere/x"})).what


def test_a_role_that_nobody_plays(tmp_path: Path) -> None:
    file = project(tmp_path) / "pyproject.toml"
    file.write_text(file.read_text(encoding="utf-8") + '\nredis_users = { servcie = "x" }\n', encoding="utf-8")
    error = refused(tmp_path)
    assert ("unknown role servcie" in error.what, error.hint) == (True, "roles: service, probe, admin")


MODEL: dict[str, dict[str, Any]] = {
    "web": {"profiles": ["production"]},
    "db": {},
    "debug": {"profiles": ["debug"]},
}


@pytest.mark.parametrize(
    ("named", "development", "services", "chosen"),
    [
        ([], [], MODEL, {"web"}),
        (["web", "db"], [], MODEL, {"web", "db"}),
        (["web", "db"], ["db"], MODEL, {"web"}),
        (["web"], [], {"web": {}, "db": {}}, {"web", "db"}),
    ],
    ids=["by profile", "named too", "development has its own", "no profile at all"],
)
def test_which_services_are_production_s(
    tmp_path: Path, named: list[str], development: list[str], services: dict[str, Any], chosen: set[str]
) -> None:
    keys = {"production_services": named or None, "development_services": development or None}
    assert set(settings.load(project(tmp_path, **keys)).in_production(services)) == chosen


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image", ""),
        ("image", 3),
        ("image", ["x"]),
        ("service_port", "3000"),
        ("service_port", 3000.5),
        ("service_port", True),
        ("payload_budget_mb", "15"),
        ("payload_budget_mb", True),
        ("production_services", "b"),
        ("production_services", []),
        ("production_services", ["b", 1]),
    ],
)
def test_a_value_of_another_type_is_named(tmp_path: Path, key: str, value: Any) -> None:
    error = refused(project(tmp_path, **{key: value}))
    assert f"[tool.seatrial] {key} = " in error.what
    assert "is not of type" in error.what


@pytest.mark.parametrize("content", [None, b"[tool.seatrial", b"\xff\xfe", b"[tool]\n", b""])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "pyproject.toml").write_bytes(content)
    assert refused(tmp_path).hint


def test_the_chosen_image_is_of_the_environment_then_env_then_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = settings.load(project(tmp_path))
    monkeypatch.delenv("REDIS_IMAGE", raising=False)
    assert settings.chosen_image(loaded, "REDIS_IMAGE") == settings.IMAGE_DEFAULTS["REDIS_IMAGE"]
    (tmp_path / ".env").write_text("REDIS_IMAGE=own/redis:7$x\n", encoding="utf-8")
    assert settings.chosen_image(loaded, "REDIS_IMAGE") == "own/redis:7$x"
    monkeypatch.setenv("REDIS_IMAGE", "other:1")
    assert settings.chosen_image(loaded, "REDIS_IMAGE") == "other:1"
    monkeypatch.setenv("REDIS_IMAGE", "")
    assert settings.chosen_image(loaded, "REDIS_IMAGE") == "own/redis:7$x"


def test_the_page_about_settings_names_every_key() -> None:
    page = (settings.load().root / "docs/projects.md").read_text(encoding="utf-8")
    table = page.partition("| key | default |")[2].partition("\n\n")[0]
    named = {
        name
        for line in table.splitlines()[2:]
        for name in line.split("|")[1].replace("`", "").replace(" ", "").split(",")
    }
    assert named == {field.name for field in fields(settings.Settings)} - {"root"}
