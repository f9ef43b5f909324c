"""What enters the build context, and the traps of ignore files."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence


def with_ignore(text: str, name: str = ".dockerignore") -> Evidence:
    return good.evidence().edited("tree.files", lambda files: {**files, name: text})


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "service/.env.production",
        "config/config.json",
        "secrets/x",
        "service/key.pem",
        "id_ed25519",
        ".ENV",
        ".envrc",
    ],
)
def test_a_secret_file_is_seen(path: str) -> None:
    assert good.problems("context.no_secrets", good.evidence().with_context({path: b""}))


@pytest.mark.parametrize(
    "spell", [lambda s: s, base64.b64encode, lambda s: s.hex().encode()], ids=["raw", "base64", "hex"]
)
def test_a_secret_value_in_any_file_is_seen(spell: object) -> None:
    content = spell(good.SECRET.encode())  # type: ignore[operator]
    found = good.problems(
        "context.no_secrets", good.evidence().with_context({"service/x.py": b"x = '" + content + b"'"})
    )
    assert len(found) == 1
    assert good.SECRET not in found[0]


@pytest.mark.parametrize(
    "path",
    [
        *(".git/config", "service/.git", "tests/x.py", "service/test_x.py", "service/x_test.py", "conftest.py"),
        *(".venv/bin/python", "venv/x", "venv3/x", "node_modules/x/y.js", "service/__pycache__/x.pyc", "x.pyc"),
        *(".idea/x", ".vscode/x", ".DS_Store", "x.swp", "x~", "x.orig", "x.log", ".coverage", ".coverage.1"),
        *(
            "dist/x.whl",
            "x.egg-info/PKG-INFO",
            "Dockerfile",
            "docker-compose.yml",
            ".github/workflows/x.yml",
            "docs/x.md",
        ),
    ],
)
def test_a_development_file_is_seen(path: str) -> None:
    assert good.problems("context.no_development", good.evidence().with_context({path: b""}))


@pytest.mark.parametrize(
    "path",
    [
        "service/latest.py",
        "service/contest.py",
        "service/distance.py",
        "internal/build/build.go",
        "src/docs/a.ts",
        "service/venvs.txt",
        "LICENSE",
    ],
)
def test_files_of_the_service_are_no_development_files(path: str) -> None:
    assert good.problems("context.no_development", good.evidence().with_context({path: b""})) == []


@pytest.mark.parametrize(
    "text",
    [
        *("", "# nothing\n", ".env\n", "!a\n*\n", "service\n*\n"),
        *(
            "*\n!.env\n",
            "*\n! .env\n",
            "*\n!.env # why\n",
            "*\n!.*\n",
            "*\n!**\n",
            "*\n!*\n",
            "*\n!**/.env\n",
            "*\n!.env*\n",
        ),
        *(
            "*\n!secrets\n",
            "*\n!secrets/**\n",
            "*\n!config\n",
            "*\n!config/\n",
            "*\n!*.pem\n",
            "*\n!tests\n",
            "*\n!.git\n",
        ),
        *("*\n!./.env\n", "*\n!/.env\n", "*\n!dist\n", "*\n!?env\n", "*\n![.]env\n", "*\n!service/.env\n"),
        *("*\n.env # comment\n", "*\r\n!service\r\n", "\ufeff*\n", "*\n  # indented\n", "*\n!\n", "*\n! \n"),
        *("* # Ignore everything, except:\n!src\n", "*.*\n!src\n", "./\n!src\n", ".\n", "**/.*\n!src\n"),
        *("*\n!**/*.json\n", "*\n!config/*\n", "*\n!c*\n", "*\n![a-z]*\n", "*\n!/**\n"),
        *("*\n!**/id_rsa\n", "*\n!*/*\n", "*\n!{src,.env}\n!.env\n", "*\n!\\.env\n", "*\n!.en[v]\n", "*\n!*.env\n"),
        *("*\nsecrets\n!secrets\n", "*\n!config\nconfig/config.json\n!config/config.json\n"),
    ],
)
def test_traps_of_an_ignore_file_are_seen(text: str) -> None:
    assert good.problems("context.ignore_file", with_ignore(text))


@pytest.mark.parametrize(
    "text",
    [
        "*\n!service\n**/*.pyc\n",
        "**\n!service\n",
        "**/*\n!pyproject.toml",
        "# everything stays out\n\n*\n!service/\n",
        "*\n!config/config.example.json\n",
        "*\n!config\nconfig/config.json\n",
        "*\n!.env\n.env\n",
        "*  \n!service\t\n",
        "*\n!.env.example\n",
    ],
)
def test_ignore_files_that_are_no_trap(text: str) -> None:
    assert good.problems("context.ignore_file", with_ignore(text)) == []


def test_the_line_that_brings_a_secret_back_is_named() -> None:
    assert good.problems("context.ignore_file", with_ignore("*\n!service\n!.env\n")) == [
        ".dockerignore:3: `!.env` brings back what must stay out"
    ]


def test_an_overriding_ignore_file_is_seen_and_read() -> None:
    found = good.problems("context.ignore_file", with_ignore("*\n!.env\n", "Dockerfile.dockerignore"))
    assert "Dockerfile.dockerignore: this file overrides .dockerignore" in found
    assert "Dockerfile.dockerignore:2: `!.env` brings back what must stay out" in found


def test_a_missing_ignore_file_is_seen() -> None:
    evidence = good.evidence().edited("tree.files", lambda files: {"Dockerfile": files["Dockerfile"]})
    assert good.problems("context.ignore_file", evidence) == [".dockerignore: there is no .dockerignore"]


def test_the_largest_file_is_named_when_the_context_is_too_large() -> None:
    evidence = good.evidence().with_context({"a": b"1" * 300_000, "b": b"1" * 400_000})
    assert good.problems("context.budget", evidence)[0].startswith("b: the build context is")
