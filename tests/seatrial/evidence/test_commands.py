"""Commands: which shell they start, whether they can fail, what they give away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.evidence.commands import (
    cannot_fail,
    commands,
    programs,
    script_of,
    shell_of,
    shows_password,
    started,
    without_quoted_variables,
)

HONEST = 'REDISCLI_AUTH="$$(cat /run/secrets/probe)" redis-cli -e --user probe --no-auth-warning ping | grep -qx PONG'


@pytest.mark.parametrize(
    ("words", "shell"),
    [
        (["/bin/sh", "-c", "x"], "sh"),
        (["bash", "-lc", "x"], "bash"),
        (["/usr/bin/env", "bash", "x.sh"], "bash"),
        (["env", "A=1", "-i", "dash"], "dash"),
        (["tini", "--", "sh", "run.sh"], "sh"),
        (["/sbin/docker-init", "--", "/bin/ash"], "ash"),
        (["gosu", "appuser", "sh", "-c", "x"], "sh"),
        (["busybox", "sh"], "sh"),
        (["timeout", "-k", "5s", "10", "bash"], "bash"),
        (["python", "-m", "service"], ""),
        (["python", "-c", "import sh"], ""),
        (["/app/sh/run"], ""),
        (["env"], ""),
        ([], ""),
    ],
)
def test_shell_of(words: list[str], shell: str) -> None:
    assert shell_of(words) == shell


@pytest.mark.parametrize(
    "script",
    [
        *(
            "redis-cli ping || true",
            "redis-cli ping||true",
            "x || :",
            "x || exit 0",
            "x; exit 0",
            "x ; true",
            "x; /bin/true",
        ),
        *(
            "true",
            ":",
            "exit 0",
            "exit",
            "/bin/true",
            "echo ok",
            "x | cat",
            "x | tee log",
            "x || echo failed",
            "(x || true)",
        ),
        *(
            "{ x; } || true",
            "x\ntrue",
            "x &",
            "x || true # really",
            "x || \\\n true",
            "a && b || true",
            "x 2>&1 || true",
        ),
    ],
)
def test_what_cannot_fail(script: str) -> None:
    assert cannot_fail(script)


@pytest.mark.parametrize(
    "script",
    [
        *(
            HONEST,
            "x",
            "x && true",
            "x || exit 1",
            "x || false",
            "x | grep -q y",
            "true && x",
            "x || (echo bad; exit 1)",
        ),
        *("python -c 'import sys; sys.exit(0)'", "x; y", 'echo "a || true" | grep b', "", "x 'unclosed || tru"),
        *('test "$$(redis-cli ping)" = PONG', "exit $$?", "curl --fail http://127.0.0.1/ || exit 1", "truex"),
    ],
)
def test_what_can_fail(script: str) -> None:
    assert not cannot_fail(script)


@pytest.mark.parametrize(
    "text",
    [
        *("redis-server --requirepass changeme", "redis-server --requirepass=changeme", "--requirepass 'changeme'"),
        *("redis-cli -a changeme ping", "redis-cli -h 127.0.0.1 -a $$REDIS_PASSWORD ping", "redis-cli --pass x ping"),
        *("redis-cli AUTH x", "redis-server --masterauth x", "redis://:pw@redis:6379", "https://user:pw@host/simple"),
        *(
            "ENV REDIS_PASSWORD=x",
            "PGPASSWORD=x psql",
            "export TOKEN='x'",
            "REDISCLI_AUTH=x redis-cli ping",
            "API_KEY=1",
        ),
        *("curl -u admin:x http://127.0.0.1", "app --token=abc", '["redis-cli", "-a", "x"]', "mysql --password=x"),
    ],
)
def test_what_shows_a_password(text: str) -> None:
    assert shows_password(text)


@pytest.mark.parametrize(
    "text",
    [
        *(HONEST, "cp -a /app /payload", "uname -a", r"find / \( -type d -a -name test \)", "tar -a -cf x.tar y"),
        *(
            "http://127.0.0.1:3000/health",
            "https://example.org/a@b",
            "redis://redis-prod:6379/0",
            "git@example.org:x/y",
        ),
        *("REDIS_PASSWORD_FILE=/run/secrets/x", 'PASSWORD="$$(cat /run/secrets/x)"', "PASSWORD=$$(cat /run/secrets/x)"),
        *(
            "redis://:$$(cat /run/secrets/x)@redis",
            "--mount=type=secret,id=ca",
            "BYPASS=1",
            "PASSWORD=",
            "myapp auth serve",
        ),
        *("redis-cli --user probe ping", "RUN --mount=type=secret,id=token cat /run/secrets/token", "COMPASS=north"),
    ],
)
def test_what_shows_none(text: str) -> None:
    assert not shows_password(text)


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("set -eu; apt-get update && apt-get install -y gcc", {"set", "apt-get"}),
        ("A=1 /usr/bin/make all", {"make"}),
        ("if true; then apk add curl; fi", {"true", "apk", "fi"}),
        ("rm -rf /var/lib/apt/lists/*", {"rm"}),
        ("echo 'apt-get install'", {"echo"}),
        ("exec env -i make", {"make"}),
        ("", set()),
    ],
)
def test_programs(script: str, names: set[str]) -> None:
    assert programs(script) == names


def test_script_of_unwraps_a_shell() -> None:
    assert script_of(["/bin/sh", "-ec", "x || true"]) == "x || true"
    assert script_of(["redis-cli", "a b"]) == "redis-cli 'a b'"
    assert script_of(["sh", "run.sh"]) == "sh run.sh"


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_no_text_is_a_crash(text: str) -> None:
    commands(text)
    programs(text)
    cannot_fail(text)
    shows_password(text)
    shell_of(text.split())


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("/usr/bin/make all", ["make", "all"]),
        ("A=1 B=2 make", ["make"]),
        ("sudo -E make", ["make"]),
        ("env -i A=1 timeout 5 /bin/make -j 2", ["make", "-j", "2"]),
        ("then ! make", ["make"]),
        ("env A=1", []),
        ("sudo", []),
        ("echo sudo make", ["echo", "sudo", "make"]),
    ],
)
def test_what_a_command_starts_in_the_end(command: str, program: list[str]) -> None:
    assert started(command.split()) == program


@pytest.mark.parametrize(
    ("script", "left"),
    [
        ("rm $A", "rm $A"),
        ('rm "$A/x"/$B', 'rm "A/x"/$B'),
        ("rm '$A' \\$B", "rm 'A' \\B"),
        ('rm "a\\"$B" $C', 'rm "a\\"B" $C'),
    ],
)
def test_variables_in_quotes_are_left_out(script: str, left: str) -> None:
    assert without_quoted_variables(script) == left
