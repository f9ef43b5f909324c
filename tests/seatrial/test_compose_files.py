"""Compose files and what they include and extend; files that would keep Compose busy for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial import compose_files
from seatrial.errors import Code, SeatrialError

if TYPE_CHECKING:
    from pathlib import Path

MULTIPLIED = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]\n" for number in range(1, 10)
)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR"):
        monkeypatch.delenv(name, raising=False)


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_yml", ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_what_is_included_and_extended_is_followed_from_where_it_is_written(tmp_path: Path) -> None:
    write(
        tmp_path,
        compose_yml="include: [deploy/one.yml, {path: [deploy/two.yml], env_file: x}]\nservices: {}\n",
        deploy__one_yml="services: {a: {extends: {file: base.yml, service: b}}}\n",
        deploy__two_yml="include: [../compose.yml]\n",
        deploy__base_yml="services: {b: {extends: {service: c}}}\n",
        other__compose_yml="never read\n",
    )
    assert sorted(compose_files.texts(tmp_path)) == [
        "compose.yml",
        "deploy/base.yml",
        "deploy/one.yml",
        "deploy/two.yml",
    ]


def test_files_that_env_names_and_files_outside_of_the_tree(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, deploy__a_yml="include: [../../outside.yml]\n", deploy__b_yml="{}\n")
    write(tmp_path, outside_yml="{}\n")
    (root / ".env").write_text("COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=deploy/a.yml;deploy/b.yml;gone.yml\n")
    assert list(compose_files.texts(root)) == ["deploy/a.yml", "deploy/b.yml", str(tmp_path / "outside.yml")]


def test_tags_and_variables_are_no_hindrance() -> None:
    text = "include: ['${WHERE}/x.yml']\nservices: {a: !reset null, b: {extends: {file: !override y.yml}}, c: 1}\n"
    assert compose_files.references(text) == ["${WHERE}/x.yml", "y.yml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"x-b:\n{''.join(f'  {line}' for line in MULTIPLIED.splitlines(keepends=True))}services: {{}}\n", "multiply"),
        ("x: &a [*a]\n", "refer to themselves"),
        ("x: &a {b: [1, {c: *a}]}\n", "refer to themselves"),
        ("x: " + "[" * 20_000 + "]" * 20_000 + "\n", "nests its values too deep"),
        ("services:\n" + "".join(f"  s{number}: {{image: 'x:1'}}\n" for number in range(20_000)), "larger than"),
    ],
    ids=["multiplied", "itself", "itself deeper", "deep", "large"],
)
def test_a_file_that_nobody_can_review_is_refused_before_compose_is_asked(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, compose_yml=text)
    with pytest.raises(SeatrialError, match=said) as caught:
        compose_files.texts(tmp_path)
    assert caught.value.code is Code.COMPOSE_FILE
    assert caught.value.exit_code == 2
    assert caught.value.hint


def test_files_that_include_one_another_without_an_end_are_refused(tmp_path: Path) -> None:
    write(tmp_path, compose_yml="include: [f0.yml]\n")
    for number in range(compose_files.MOST_FILES + 1):
        write(tmp_path, **{f"f{number}_yml": f"include: [f{number + 1}.yml]\n"})
    with pytest.raises(SeatrialError, match="include one another"):
        compose_files.texts(tmp_path)


@pytest.mark.parametrize("text", ["", "[", "- a", "x: \x00", "include: [compose.yml]\n", "include: {a: b}", "x: *gone"])
def test_what_compose_itself_refuses_is_left_to_it(tmp_path: Path, text: str) -> None:
    write(tmp_path, compose_yml=text)
    assert list(compose_files.texts(tmp_path)) == ["compose.yml"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab&*:[]{}-!<>|'\"#,. \n\tincludeservicesextendsfile"), max_size=60))
def test_no_text_is_a_crash(text: str) -> None:
    compose_files.references(text)
