"""Faults of an image's own words in the spellings that occur, and what is no fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

FIND = (
    r"find /usr/local -depth \( \( -type d -a \( -name test -o -name tests \) \) -o \( -type f -a -name '*.pyc' \) \)"
)
OFFICIAL_HISTORY = (
    "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "RUN /bin/sh -c set -eux; apt-get update; apt-get install -y --no-install-recommends ca-certificates # buildkit",
    "ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
    "ENV PYTHON_SHA256=" + "0" * 64,
    "RUN /bin/sh -c wget -O python.tar.xz https://example.org/python/Python-$PYTHON_VERSION.tar.xz # buildkit",
    f'RUN /bin/sh -c echo "$PYTHON_SHA256 *python.tar.xz" | sha256sum -c -; {FIND} -exec rm -rf {{}} + # buildkit',
    'CMD ["python3"]',
)


def config(**keys: Any) -> Evidence:
    return good.evidence().edited("image.inspect", lambda image: image["Config"].update(keys))


def history(*steps: str) -> Evidence:
    return good.evidence().edited("image.history", lambda found: [*({"CreatedBy": step} for step in steps), *found])


def passwd(line: str) -> Evidence:
    return good.evidence().with_files(
        {"etc/passwd": f"root:x:0:0::/:/bin/sh\n{line}\n".encode(), "etc/group": b"root:x:0:joined\n"}
    )


@pytest.mark.parametrize(
    "user",
    [
        "",
        "0",
        "00",
        "+0",
        "root",
        "root:1001",
        "1001:0",
        "1001:root",
        "appuser",
        "nobody-knows",
        "4242",
        "1001:nobody",
        "99999999999",
        ":1001",
    ],
)
def test_a_user_that_is_root_or_unknown_or_named_is_seen(user: str) -> None:
    assert good.problems("image.user", config(User=user))


def test_a_missing_user_is_seen() -> None:
    assert good.problems(
        "image.user", good.evidence().edited("image.inspect", lambda image: image["Config"].pop("User") and None)
    )


@pytest.mark.parametrize(
    "line", ["app:x:0:0::/:/bin/sh", "app:x:00:1::/:/bin/sh", "app:x:::", "app:x:1001:0::/:/bin/sh", "app"]
)
def test_an_alias_of_root_is_seen(line: str) -> None:
    evidence = passwd(line).edited("image.inspect", lambda image: image["Config"].update(User="app"))
    found = good.problems("image.user", evidence)
    assert any("uid 0" in said or "group 0" in said for said in found)


def test_a_member_of_the_group_of_root_is_seen() -> None:
    evidence = passwd("joined:x:1001:1001::/:/bin/sh").edited(
        "image.inspect", lambda image: image["Config"].update(User="1001")
    )
    assert good.problems("image.user", evidence) == ["Config.User='1001': the image's user is a member of group 0"]


@pytest.mark.parametrize("user", ["1001:1001", "1001", "65532:65532", "4242:4242"])
def test_users_that_are_not_root(user: str) -> None:
    assert good.problems("image.user", config(User=user)) == []


@pytest.mark.parametrize(
    "test",
    [
        None,
        [],
        ["NONE"],
        ["CMD"],
        ["CMD-SHELL", "curl -f http://127.0.0.1:3000/health"],
        ["CMD", "/bin/sh", "-c", "x"],
        ["CMD", "/usr/bin/env", "bash", "-c", "x"],
        ["CMD", "busybox", "sh", "-c", "x"],
        ["CMD", "wget", "-q", "http://localhost:3000/health"],
        ["CMD", "curl", "-f", "http://[::1]:3000/health"],
        ["CMD", "curl", "-f", "http://0.0.0.0:3000/health"],
        ["CMD", "redis-cli", "-a", "hunter2", "ping"],
        ["CMD", "curl", "http://user:hunter2@127.0.0.1:3000"],
        ["CMD", "true"],
        ["CMD", "/bin/echo", "ok"],
        ["CMD", "python", "--version"],
        ["CMD", "curl", "-s", "http://127.0.0.1:3000/health"],
        ["CMD", "redis-cli", "-h", "127.0.0.1", "ping"],
        ["CMD", "python", "-c", "pass"],
        ["CMD", "hostname"],
    ],
)
def test_a_health_check_that_is_none_is_seen(test: list[str] | None) -> None:
    assert good.problems("image.healthcheck", config(Healthcheck=None if test is None else {"Test": test}))


@pytest.mark.parametrize(
    "test", [["CMD", "python", "-m", "service.healthcheck"], ["CMD", "curl", "-f", "http://127.0.0.1:3000/health"]]
)
def test_a_health_check_that_is_one(test: list[str]) -> None:
    assert good.problems("image.healthcheck", config(Healthcheck={"Test": test})) == []


@pytest.mark.parametrize(
    "keys",
    [
        {"Cmd": None},
        {"Cmd": []},
        {"Cmd": ["sh"]},
        {"Cmd": ["/usr/bin/bash", "-c", "x"]},
        {"Cmd": ["run.sh"], "Entrypoint": ["/bin/ash"]},
        {"Entrypoint": ["/usr/bin/tini", "--", "sh", "-c"]},
        {"Entrypoint": ["/usr/bin/env", "sh", "x"]},
        {"StopSignal": "SIGKILL"},
        {"StopSignal": "SIGINT"},
        {"StopSignal": "9"},
    ],
)
def test_a_command_that_does_not_hear_signals_is_seen(keys: dict[str, Any]) -> None:
    assert good.problems("image.command", config(**keys))


@pytest.mark.parametrize(
    "keys",
    [{"StopSignal": signal} for signal in ("", None, "TERM", "sigterm", "15")] + [{"Entrypoint": ["tini", "--"]}],
)
def test_a_command_that_hears_signals(keys: dict[str, Any]) -> None:
    assert good.problems("image.command", config(**keys)) == []


@pytest.mark.parametrize("ports", [None, {}, {"3000/udp": {}}, {"3000/tcp": {}, "22/tcp": {}}, {"8080/tcp": {}}])
def test_other_ports_are_seen(ports: dict[str, Any] | None) -> None:
    assert good.problems("image.port", config(ExposedPorts=ports))


@pytest.mark.parametrize("labels", [None, {}, {"org.opencontainers.image.revision": "unknown"}])
def test_missing_labels_are_seen(labels: dict[str, str] | None) -> None:
    assert len(good.problems("image.labels", config(Labels=labels))) == 4
    assert good.problems("image.revision", config(Labels=labels))


@pytest.mark.parametrize(
    "keys",
    [
        {"Env": ["PATH=/x", "REDIS_PASSWORD=x"]},
        {"Env": ["redisPassword=x"]},
        {"Env": ["API_KEY=x"]},
        {"Env": ["REDIS_URL=redis://:hunter2@redis"]},
        {"Env": [f"HARMLESS={good.SECRET}"]},
        {"Labels": {"app.token": "x"}},
        {"Labels": {"note": good.SECRET}},
        {"Cmd": ["redis-server", "--requirepass", "hunter2"]},
        {"Cmd": [good.SECRET]},
        {"Entrypoint": ["x", good.SECRET.encode().hex()]},
        {"OnBuild": [f"ENV X={good.SECRET}"]},
        {"OnBuild": ["ENV REDIS_PASSWORD=x"]},
        {"OnBuild": ["ENV REDIS_PASSWORD x"]},
        {"OnBuild": ["arg NPM_TOKEN"]},
        {"OnBuild": ["LABEL a=b app.secret=x"]},
        {"Env": ["npm_config__auth=x"]},
        {"Env": ["WALLET_MNEMONIC=a b c"]},
        {"Env": ["DATABASE_URL=postgres://app:hunter2@db/app"]},
        {"Hostname": good.SECRET},
        {"WorkingDir": f"/{good.SECRET}"},
        {"User": good.SECRET.encode().hex()},
        {"Shell": ["/bin/sh", "-c", f"echo {good.SECRET}"]},
        {"Healthcheck": {"Test": ["CMD", "redis-cli", "-a", "hunter2", "ping"]}},
    ],
)
def test_a_secret_in_the_configuration_is_seen(keys: dict[str, Any]) -> None:
    found = good.problems("image.no_secrets", config(**keys))
    assert found
    assert all(good.SECRET not in said for said in found)


@pytest.mark.parametrize(
    "step",
    [
        "RUN /bin/sh -c pip install --index-url https://user:hunter2@index.example.org/simple x # buildkit",
        "ENV REDIS_PASSWORD=x",
        "|1 TOKEN=x /bin/sh -c make",
        f"RUN /bin/sh -c echo {good.SECRET}",
        "RUN /bin/sh -c redis-cli -a hunter2 ping",
    ],
)
def test_a_secret_in_the_history_is_seen(step: str) -> None:
    assert good.problems("image.no_secrets", history(step))


def test_the_history_of_the_official_python_image_is_no_secret() -> None:
    assert good.problems("image.no_secrets", history(*OFFICIAL_HISTORY)) == []


@pytest.mark.parametrize(
    "env", ["GPG_KEY=ABC", "REDIS_PASSWORD_FILE=/run/secrets/x", "EMPTY_TOKEN=", "NO_VALUE", "PWD=/app"]
)
def test_variables_that_are_no_secret(env: str) -> None:
    assert good.problems("image.no_secrets", config(Env=[env])) == []


@pytest.mark.parametrize("volumes", [{"/app": {}}, {"/data": {}}])
def test_a_volume_is_seen(volumes: dict[str, Any]) -> None:
    assert good.problems("image.no_volumes", config(Volumes=volumes))


@pytest.mark.parametrize("created", ["", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "garbage"])
def test_another_time_is_seen(created: str) -> None:
    assert good.problems(
        "image.created", good.evidence().edited("image.inspect", lambda image: image.update(Created=created))
    )


def test_parts_of_a_second_do_not_matter() -> None:
    evidence = good.evidence().edited(
        "image.inspect", lambda image: image.update(Created=image["Created"].replace("Z", ".000000001Z"))
    )
    assert good.problems("image.created", evidence) == []


def test_a_payload_that_cannot_be_told_from_the_base_is_seen() -> None:
    assert good.problems("image.payload_budget", good.evidence().with_document("image.base_layers", []))


@pytest.mark.parametrize("key", ["Author", "Comment"])
def test_a_secret_beside_the_configuration_is_seen(key: str) -> None:
    evidence = good.evidence().edited("image.inspect", lambda image: image.update({key: f"by {good.SECRET}"}))
    assert good.problems("image.no_secrets", evidence)


@pytest.mark.parametrize("times", [{"Interval": 86_400 * 10**9}, {"StartPeriod": 7200 * 10**9}])
def test_a_health_check_that_never_turns_red_is_seen(times: dict[str, int]) -> None:
    evidence = good.evidence().edited("image.inspect", lambda image: image["Config"]["Healthcheck"].update(times))
    assert good.problems("image.healthcheck", evidence)


@pytest.mark.parametrize(
    "files",
    [
        {"etc/passwd": b"root::0:0::/:/bin/sh\n"},
        {"etc/passwd": b"root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n"},
        {"etc/passwd": b"a:x:1:1::/:/bin/sh\na:x:2:2::/:/bin/sh\n"},
        {"etc/passwd": b"a:$1$salt$hash:1:1::/:/bin/sh\n"},
        {"etc/shadow": b"root:::0:::::\n"},
        {"etc/shadow": b"bin:!::0:::::\nroot:\n"},
        {"etc/shadow": b"root:$6$salt$hash:20000:0:99999:7:::\n"},
        {"etc/shadow": b"root:$y$j9T$salt$hash:20000:0:99999:7:::\n"},
        {"etc/shadow": b"root:abJnggxhB/yWI:20000::::::\n"},
    ],
)
def test_an_account_that_anyone_can_be_is_seen(files: dict[str, bytes]) -> None:
    assert good.problems("image.accounts", good.evidence().with_files(files))


@pytest.mark.parametrize(
    "files",
    [
        {"etc/passwd": b"root:x:0:0::/:/bin/sh\r\n\n# comment\nworker:*:1:1::/:/bin/sh\n"},
        {"etc/passwd": b""},
        {"etc/shadow": b"root:*:20000:0:99999:7:::\nbin:!:1::::::\nmail:!!:1::::::\nold:x:1::::::\nlp:!*:1::::::\n"},
        {"etc/shadow": b"locked:!$6$salt$hash:20000:0:99999:7:::\n"},
        {"etc/shadow": b"# none\n\n"},
    ],
)
def test_accounts_of_their_own(files: dict[str, bytes]) -> None:
    assert good.problems("image.accounts", good.evidence().with_files(files)) == []
