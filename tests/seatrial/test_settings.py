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
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    error = refused(project(tmp_path, **{key: None}))
    assert f"missing key {key!r}" in error.what
    assert "known keys: " in error.hint


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
