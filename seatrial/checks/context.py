"""What is sent to the build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatrial.checks import Problem, check
from seatrial.evidence import ignore
from seatrial.evidence.secrets import PUBLIC_CERTIFICATES, SECRET_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import Evidence

DEVELOPMENT_FILE = re.compile(
    r"""(?:^|/)(?:
        \.git|\.hg|\.svn|\.github|\.gitlab-ci\.yml|\.ci
      | tests?|__tests__|conftest\.py|test_[^/]*\.py|[^/]*_test\.(?:py|go)|[^/]*\.(?:test|spec)\.[cm]?[jt]sx?
      | \.?venv(?:[^/]*(?=/))?|node_modules|site-packages
      | __pycache__|\.pytest_cache|\.mypy_cache|\.ruff_cache|\.hypothesis|\.tox|\.nox|\.coverage[^/]*|htmlcov
      | \.idea|\.vscode|\.DS_Store|[^/]*\.(?:swp|swo|orig|rej|log|pyc|bak)|[^/]*~
      | [^/]*\.egg-info|secrets|(?:Docker|Container)file[^/]*|[^/]*\.dockerignore|(?:docker-)?compose[^/]*\.ya?ml
    )(?:/|$)
    | ^(?:(?:packages|apps|services)/[^/]+/)?(?:bench|docs|coverage|dist|build|target)(?:/|$)""",
    re.VERBOSE,
)
MUST_STAY_OUT = (
    *(".env", ".env.production", ".envrc", "secrets/redis_password", "config/config.json", ".git/config"),
    *(".ssh/id_rsa", "server.key", "server.pem", "id_rsa", "dist/sbom.cdx.json", "docs/index.md", "bench/run.py"),
    *("tests/test_app.py", ".venv/bin/python", "venv/bin/python", ".pytest_cache/README.md", ".npmrc", ".netrc"),
)
"""Paths of which each must be denied in the end: whatever brings one back is a mistake."""


@check(
    "context.no_secrets",
    sabotage=lambda e: e.with_context({"config/.env": b"REDIS_PASSWORD=example"}),
    mend="keep the file out with .dockerignore, and change the secret if an image was ever built with it",
)
def no_secrets(evidence: Evidence) -> Iterator[Problem]:
    """No secret enters the build context.

    What is sent to the build can end in a layer, in a build cache, or on a remote builder.
    """
    for entry in evidence.context():
        if SECRET_FILE.search(entry.path) and not PUBLIC_CERTIFICATES.search(entry.path):
            yield Problem("a file that holds secrets enters the build context", entry.path)
        for leak in entry.leaks:
            yield Problem(f"{leak} enters the build context", entry.path)


@check(
    "context.no_development",
    sabotage=lambda e: e.with_context({"tests/test_service.py": b"assert True"}),
    mend="keep it out with .dockerignore",
)
def no_development(evidence: Evidence) -> Iterator[Problem]:
    """No version control data, test, virtual environment or other development file enters the build context.

    Each makes builds slower, caches colder and images larger, and tests show an attacker how the service works.
    """
    for entry in evidence.context():
        if DEVELOPMENT_FILE.search(entry.path):
            yield Problem("a development file enters the build context", entry.path)


@check(
    "context.budget",
    sabotage=lambda e: e.with_context(
        {"service/data.bin": b""}, size_bytes=int(e.settings.context_budget_kb * 1024 + 1)
    ),
    mend="find what grew and keep it out with .dockerignore, or raise context_budget_kb in [tool.seatrial]",
)
def budget(evidence: Evidence) -> Iterator[Problem]:
    """The build context is within its size budget.

    A context that grew is a context in which something unplanned lies.
    """
    entries = evidence.context()
    total_kb = sum(entry.size_bytes for entry in entries) / 1024
    limit_kb = evidence.settings.context_budget_kb
    if total_kb > limit_kb:
        largest = max(entries, key=lambda entry: entry.size_bytes)
        yield Problem(f"the build context is {total_kb:.0f} KB, over {limit_kb:.0f} KB", largest.path)


@check(
    "context.ignore_file",
    sabotage=lambda e: e.edited("tree.files", lambda files: {**files, ".dockerignore": "*\n!.env  # keep\n"}),
    mend="write one pattern a line, comments on lines of their own, and begin with a line that denies everything",
)
def ignore_file(evidence: Evidence) -> Iterator[Problem]:
    """The ignore file denies everything first, and each of its lines does what it seems to do.

    A comment behind a pattern becomes part of the pattern and nothing says so, and for some builders a carriage return
    or a byte-order mark does; a file named after the Dockerfile silently takes its place; a later `!` brings back what
    was denied.
    """
    evidence.document("context.entries", "")
    files, (usual, overriding) = evidence.document("tree.files", ""), evidence.settings.ignore_files
    found = [name for name in (usual, overriding) if name in files]
    evidence.seen["ignore files"] += len(found)
    if usual not in files:
        yield Problem("there is no .dockerignore", usual)
    if overriding in files:
        yield Problem("this file overrides .dockerignore", overriding)
    for name in found:
        yield from _ignore_lines(name, files[name])


def _ignore_lines(name: str, text: str) -> Iterator[Problem]:
    if text.startswith("\ufeff"):
        yield Problem("a byte-order mark is part of the first pattern", f"{name}:1")
    for number, line in enumerate(text.split("\n"), start=1):
        where = f"{name}:{number}"
        if line.endswith("\r"):
            yield Problem("a carriage return is part of the pattern", where)
        if re.search(r"[^\s]\s+#", line) and not line.startswith("#"):
            yield Problem("a comment behind a pattern is part of the pattern", where)
        if re.match(r"\s+#", line):
            yield Problem("a comment that does not begin its line is a pattern", where)
        if line.strip() == "!":
            yield Problem("`!` alone is refused by the builder", where)
    patterns = ignore.parse(text)
    if not patterns or patterns[0].brings_back or patterns[0].text not in {"*", "**", "**/*"}:
        yield Problem("the first pattern does not deny everything", f"{name}:1")
    returned = [ignore.deciding(patterns, path) for path in MUST_STAY_OUT]
    returned += [pattern for pattern in patterns if _names_what_stays_out(pattern, patterns)]
    for pattern in dict.fromkeys(returned):
        if pattern is not None and pattern.brings_back:
            yield Problem(f"`!{pattern.text}` brings back what must stay out", f"{name}:{pattern.line}")


def _names_what_stays_out(pattern: ignore.Pattern, patterns: list[ignore.Pattern]) -> bool:
    """Whether a pattern itself is the name of something that must stay out, and no later one denies it again."""
    path = pattern.text.split()[0] if pattern.text else ""
    is_named = SECRET_FILE.search(path) or DEVELOPMENT_FILE.search(path)
    return bool(is_named) and ignore.deciding(patterns, path) in {pattern, None}
