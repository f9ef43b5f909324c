"""Faults of a compose model in the spellings that occur, and what is no fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

SERVICE, REDIS = "facilitator", "redis-prod"


def changed(name: str = SERVICE, **keys: Any) -> Evidence:
    """Return good evidence in which keys of a production service are others; None removes a key."""

    def edit(service: dict[str, Any]) -> None:
        service.update(keys)
        for key, value in keys.items():
            if value is None:
                del service[key]

    return good.evidence().with_service(name, edit)


def mount(**keys: Any) -> Evidence:
    """Return good evidence in which the service has one more mount."""
    return good.evidence().with_service(SERVICE, lambda service: service["volumes"].append({"target": "/x", **keys}))


def limits(**keys: Any) -> dict[str, Any]:
    return {"resources": {"limits": {"memory": "268435456", "pids": 64, "cpus": 1, **keys}}}


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("compose.read_only", {"read_only": None}),
    ("compose.read_only", {"read_only": False}),
    ("compose.read_only", {"read_only": "true"}),
    ("compose.capabilities", {"cap_add": ["NET_ADMIN"]}),
    ("compose.capabilities", {"cap_add": ["ALL"]}),
    ("compose.capabilities", {"cap_drop": None}),
    ("compose.capabilities", {"cap_drop": ["NET_RAW", "MKNOD"]}),
    ("compose.no_new_privileges", {"security_opt": None}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:false"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges=false"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "no-new-privileges:0"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "seccomp:unconfined"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "seccomp=unconfined"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "apparmor:unconfined"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "apparmor=Unconfined"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "label:disable"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:true", "systempaths=unconfined"]}),
    ("compose.user", {"user": None}),
    ("compose.user", {"user": "0"}),
    ("compose.user", {"user": "0:0"}),
    ("compose.user", {"user": "00:1001"}),
    ("compose.user", {"user": "+0:1001"}),
    ("compose.user", {"user": "1001:0"}),
    ("compose.user", {"user": "1001"}),
    ("compose.user", {"user": "root"}),
    ("compose.user", {"user": "appuser:appgroup"}),
    ("compose.user", {"group_add": ["0"]}),
    ("compose.user", {"group_add": ["00"]}),
    ("compose.user", {"group_add": ["docker"]}),
    ("compose.user", {"group_add": ["disk"]}),
    ("compose.limits", {"deploy": None}),
    ("compose.limits", {"deploy": limits(memory="0")}),
    ("compose.limits", {"deploy": limits(memory=None)}),
    ("compose.limits", {"deploy": limits(pids=-1)}),
    ("compose.limits", {"deploy": limits(cpus=None)}),
    ("compose.limits", {"deploy": limits(cpus="0")}),
    ("compose.limits", {"deploy": limits(cpus="0.00"), "cpu_shares": 512}),
    ("compose.limits", {"deploy": limits(cpus=None), "cpus": 0, "cpu_quota": -1, "cpuset": ""}),
    ("compose.limits", {"deploy": limits(pids=0)}),
    ("compose.limits", {"mem_limit": 0, "deploy": limits(memory=None)}),
    ("compose.limits", {"mem_limit": "-1"}),
    ("compose.limits", {"pids_limit": -1}),
    ("compose.limits", {"oom_kill_disable": True}),
    ("compose.restart", {"restart": None}),
    ("compose.restart", {"restart": "no"}),
    ("compose.restart", {"restart": "on-failure"}),
    ("compose.restart", {"restart": "on-failure:3"}),
    ("compose.restart", {"deploy": {**limits(), "restart_policy": {"condition": "none"}}}),
    ("compose.restart", {"deploy": {**limits(), "restart_policy": {"condition": "on-failure"}}}),
    ("compose.logging", {"logging": None}),
    ("compose.logging", {"logging": {"driver": "none"}}),
    ("compose.logging", {"logging": {"driver": "json-file"}}),
    ("compose.logging", {"logging": {"driver": "json-file", "options": {"max-file": "3"}}}),
    ("compose.logging", {"logging": {"driver": "json-file", "options": {"max-size": "-1"}}}),
    ("compose.logging", {"logging": {"options": {"max-size": ""}}}),
    ("compose.isolation", {"privileged": True}),
    ("compose.isolation", {"network_mode": "host"}),
    ("compose.isolation", {"network_mode": "container:other"}),
    ("compose.isolation", {"network_mode": "service:redis-prod"}),
    ("compose.isolation", {"pid": "host"}),
    ("compose.isolation", {"pid": "service:redis-prod"}),
    ("compose.isolation", {"ipc": "host"}),
    ("compose.isolation", {"ipc": "container:other"}),
    ("compose.isolation", {"uts": "host"}),
    ("compose.isolation", {"userns_mode": "host"}),
    ("compose.isolation", {"cgroup": "host"}),
    ("compose.isolation", {"devices": [{"source": "/dev/mem", "target": "/dev/mem"}]}),
    ("compose.isolation", {"device_cgroup_rules": ["a *:* rwm"]}),
    ("compose.isolation", {"volumes_from": ["redis-prod"]}),
    ("compose.isolation", {"gpus": [{"count": -1}]}),
    ("compose.isolation", {"deploy": {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}}),
    ("compose.host_folders", {"use_api_socket": True}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": ""}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": "0.0.0.0"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": "::"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": "[::]"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": "::1f"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": "192.0.2.7"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000", "host_ip": "1270.0.0.1"}]}),
    ("compose.ports", {"ports": [{"target": 22, "host_ip": "127.0.0.1"}, {"target": 3000}]}),
    ("compose.config_mount", {"volumes": []}),
    ("compose.config_mount", {"volumes": None}),
    (
        "compose.config_mount",
        {"volumes": [{"type": "bind", "source": "/project/c.json", "target": "/app/config/config.json"}]},
    ),
    ("compose.depends_on", {"depends_on": None}),
    ("compose.depends_on", {"depends_on": {}}),
    ("compose.depends_on", {"depends_on": {"redis-prod": {"condition": "service_started"}}}),
    ("compose.depends_on", {"depends_on": {"redis": {"condition": "service_healthy"}}}),
    ("compose.no_secrets", {"environment": {"REDIS_PASSWORD": "x"}}),
    ("compose.no_secrets", {"environment": {"redisPassword": "x"}}),
    ("compose.no_secrets", {"environment": {"PGPASSWORD": "x"}}),
    ("compose.no_secrets", {"environment": {"API_KEY": "x"}}),
    ("compose.no_secrets", {"environment": {"REDIS_URL": "redis://:hunter2@redis-prod:6379"}}),
    ("compose.no_secrets", {"environment": {"REDIS_URL": "redis://user:hunter2@redis-prod"}}),
    ("compose.no_secrets", {"environment": {"HARMLESS": good.SECRET}}),
    ("compose.no_secrets", {"labels": {"app.note": f"see {good.SECRET}"}}),
    ("compose.no_secrets", {"labels": {"app.token": "x"}}),
    ("compose.no_secrets", {"hostname": good.SECRET}),
    ("compose.no_secrets", {"extra_hosts": [good.SECRET.encode().hex()]}),
    ("compose.no_secrets", {"build": {"args": {"REDIS_PASSWORD": "x"}}}),
    ("compose.no_secrets", {"command": ["python", "-m", "service", "--password", "x"]}),
    ("compose.no_secrets", {"entrypoint": ["sh", "-c", "TOKEN=x exec python -m service"]}),
    ("compose.images", {"image": "x402-fac:latest", "build": None}),
    ("compose.images", {"image": "x402-fac", "build": None}),
    ("compose.images", {"image": "registry.example.org:5000/x402-fac", "build": None}),
    ("compose.images", {"image": "", "build": None}),
    ("compose.healthcheck", {"healthcheck": {"disable": True}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["NONE"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl -f http://127.0.0.1:3000/health || true"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "true"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "exit 0"]}}),
]
REDIS_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("compose.healthcheck", {"healthcheck": None}),
    ("compose.healthcheck", {"healthcheck": {"interval": "5s"}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "redis-cli", "ping"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli ping"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli ping || exit 1"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli -e ping | cat"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "sh", "-c", "redis-cli -e ping || :"]}}),
    ("compose.no_secrets", {"command": ["redis-server", "--requirepass", "hunter2"]}),
    ("compose.no_secrets", {"command": ["sh", "-c", "redis-server --requirepass=hunter2"]}),
    ("compose.no_secrets", {"command": ["sh", "-c", "redis-server --requirepass $$REDIS_PASSWORD"]}),
    ("compose.no_secrets", {"command": ["redis-server", "--masterauth", "hunter2"]}),
    ("compose.no_secrets", {"healthcheck": {"test": ["CMD", "redis-cli", "-a", "hunter2", "ping"]}}),
    ("compose.no_secrets", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli -h 127.0.0.1 -a 'hunter2' -e ping"]}}),
    ("compose.no_secrets", {"healthcheck": {"test": ["CMD-SHELL", "REDISCLI_AUTH=hunter2 redis-cli -e ping"]}}),
    ("compose.no_secrets", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli -u redis://:hunter2@127.0.0.1 ping"]}}),
    ("compose.data_volumes", {"volumes": None}),
    ("compose.data_volumes", {"volumes": [{"type": "volume", "target": "/data"}]}),
    ("compose.data_volumes", {"volumes": [{"type": "tmpfs", "target": "/data"}]}),
    ("compose.data_volumes", {"volumes": [{"type": "bind", "source": "/srv/x", "target": "/data"}]}),
    ("compose.data_volumes", {"tmpfs": ["/data"]}),
    ("compose.data_volumes", {"tmpfs": "/data:size=64m"}),
    ("compose.data_volumes", {"tmpfs": ["/data/appendonlydir"]}),
    ("compose.images", {"image": "redis"}),
    ("compose.images", {"image": "redis:latest"}),
    ("compose.user", {"user": "redis"}),
]


@pytest.mark.parametrize(("check", "keys"), FAULTS)
def test_faults_of_the_service_are_seen(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(**keys))


@pytest.mark.parametrize(("check", "keys"), REDIS_FAULTS)
def test_faults_of_redis_are_seen(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(REDIS, **keys))


@pytest.mark.parametrize(
    ("check", "keys"),
    [
        ("compose.capabilities", {"cap_drop": ["all"]}),
        ("compose.capabilities", {"cap_add": []}),
        ("compose.no_new_privileges", {"security_opt": ["no-new-privileges"]}),
        ("compose.no_new_privileges", {"security_opt": ["no-new-privileges=true", "apparmor:docker-default"]}),
        ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:1"]}),
        ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:false", "no-new-privileges:true"]}),
        ("compose.user", {"user": "65532:65532"}),
        ("compose.user", {"group_add": ["2000"]}),
        ("compose.limits", {"deploy": None, "mem_limit": "268435456", "pids_limit": 64, "cpus": 0.5}),
        ("compose.limits", {"deploy": limits(cpus="0.05")}),
        ("compose.limits", {"deploy": limits(cpus=None), "cpus": ".5"}),
        ("compose.limits", {"deploy": limits(cpus=None), "cpu_quota": 50000}),
        ("compose.limits", {"deploy": limits(cpus=None), "cpuset": "0-1"}),
        ("compose.restart", {"restart": "always"}),
        ("compose.restart", {"restart": "no", "deploy": {"restart_policy": {"condition": "any"}}}),
        ("compose.logging", {"logging": {"driver": "local"}}),
        ("compose.logging", {"logging": {"driver": "journald"}}),
        ("compose.logging", {"logging": {"options": {"max-size": "1m"}}}),
        ("compose.isolation", {"network_mode": "none", "ipc": "private", "pid": "", "privileged": False}),
        ("compose.ports", {"ports": []}),
        ("compose.ports", {"ports": [{"target": 3000, "host_ip": "127.0.0.1"}, {"target": 1, "host_ip": "::1"}]}),
        ("compose.ports", {"ports": [{"target": 3000, "host_ip": "127.1.2.3"}]}),
        ("compose.config_mount", {"volumes": [], "configs": [{"source": "c", "target": "/app/config/config.json"}]}),
        ("compose.depends_on", {"depends_on": {"redis-prod": {"condition": "service_healthy", "restart": True}}}),
        ("compose.no_secrets", {"environment": {"REDIS_PASSWORD_FILE": "/run/secrets/redis_password"}}),
        ("compose.no_secrets", {"environment": {"REDIS_URL": "redis://redis-prod:6379/0", "LOG_LEVEL": "info"}}),
        ("compose.no_secrets", {"environment": {"REDIS_PASSWORD": "", "EMPTY": None}}),
        ("compose.no_secrets", {"labels": {"org.opencontainers.image.authors": "somebody"}}),
        ("compose.images", {"image": "x402-fac@sha256:" + "0" * 64, "build": None}),
        ("compose.images", {"image": "registry.example.org:5000/x402-fac:1", "build": None}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "python", "-m", "service.healthcheck"]}}),
        ("compose.healthcheck", {"healthcheck": {"interval": "10s"}}),
        (
            "compose.healthcheck",
            {"healthcheck": {"test": ["CMD-SHELL", "curl -f http://127.0.0.1:3000/health || exit 1"]}},
        ),
    ],
)
def test_what_is_no_fault_of_the_service(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(**keys)) == []


@pytest.mark.parametrize(
    ("check", "keys"),
    [
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "redis-cli", "-e", "ping"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", 'test "$$(redis-cli ping)" = PONG']}}),
        ("compose.data_volumes", {"tmpfs": ["/database", "/tmp"]}),
        ("compose.data_volumes", {"volumes": [{"type": "volume", "source": "redis_prod_data", "target": "/data/"}]}),
        ("compose.no_secrets", {"command": ["tar", "-a", "x"]}),
        ("compose.no_secrets", {"command": ["sh", "-c", 'redis-server --requirepass "$$(cat /run/secrets/x)"']}),
        (
            "compose.no_secrets",
            {"healthcheck": {"test": ["CMD-SHELL", "REDISCLI_AUTH=$$(cat /run/secrets/x) redis-cli ping"]}},
        ),
        ("compose.images", {"image": "redis:7-alpine"}),
    ],
)
def test_what_is_no_fault_of_redis(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(REDIS, **keys)) == []


@pytest.mark.parametrize(
    "source",
    [
        *(
            "/var/run/docker.sock",
            "/run/docker.sock",
            "/run",
            "/run/",
            "/var/run",
            "/var",
            "/",
            "//",
            "/var/run/../run",
        ),
        *("/run/user/1000", "/run/user/1000/docker.sock", "/run/podman", "/run/containerd", "/tmp/any.sock", "/proc"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
def test_a_way_to_the_engine_is_seen(source: str, *, read_only: bool) -> None:
    found = good.problems("compose.host_folders", mount(type="bind", source=source, read_only=read_only))
    assert any("gives the service the Docker Engine" in line for line in found)


@pytest.mark.parametrize(
    "source",
    [
        "/etc",
        "/home/me",
        "/project",
        "/project/config",
        "/project/.git",
        "/etc/conf.d",
        "/var/lib/docker",
        "/root/.ssh",
    ],
)
def test_a_folder_is_no_single_file(source: str) -> None:
    assert good.problems("compose.host_folders", mount(type="bind", source=source, read_only=True))


def test_a_writable_file_is_seen() -> None:
    assert good.problems("compose.host_folders", mount(type="bind", source="/project/config/x.json"))


@pytest.mark.parametrize(
    "options", [{"type": "none", "o": "bind", "device": "/var/run"}, {"o": "rw,bind", "device": "/run"}]
)
def test_a_volume_that_is_a_folder_of_the_host_in_disguise(options: dict[str, str]) -> None:
    evidence = mount(type="volume", source="disguised").edited(
        "compose.production", lambda model: model["volumes"].update(disguised={"driver_opts": options})
    )
    assert good.problems("compose.host_folders", evidence)


@pytest.mark.parametrize(
    "keys",
    [
        {"type": "bind", "source": "/project/config/x.json", "read_only": True},
        {"type": "bind", "source": "/etc/localtime", "read_only": True},
        {"type": "volume", "source": "redis_prod_data"},
        {"type": "tmpfs"},
    ],
)
def test_mounts_that_are_no_fault(keys: dict[str, Any]) -> None:
    assert good.problems("compose.host_folders", mount(**keys)) == []


def test_a_data_volume_in_memory_is_seen() -> None:
    evidence = good.evidence().edited(
        "compose.production",
        lambda model: model["volumes"]["redis_prod_data"].update(driver_opts={"type": "tmpfs", "device": "tmpfs"}),
    )
    assert good.problems("compose.data_volumes", evidence)


@pytest.mark.parametrize(
    ("asked", "address", "is_fault"), [("0.0.0.0", "0.0.0.0", False), ("192.0.2.7", "0.0.0.0", True), ("", "", True)]
)
def test_an_address_that_was_asked_for(asked: str, address: str, *, is_fault: bool) -> None:
    evidence = changed(ports=[{"target": 3000, "host_ip": address}]).with_document("workspace.bind_address", asked)
    assert bool(good.problems("compose.ports", evidence)) is is_fault


@pytest.mark.parametrize(
    ("profile", "name", "service"),
    [
        ("production", "redis", {"image": "redis:7", "profiles": ["production"]}),
        ("production", "debug", {"image": "busybox:1", "profiles": ["debug", "production"]}),
        ("development", "adminer", {"image": "adminer:4"}),
    ],
)
def test_a_service_too_many_is_seen(profile: str, name: str, service: dict[str, Any]) -> None:
    evidence = good.evidence().edited(f"compose.{profile}", lambda model: model["services"].update({name: service}))
    assert good.problems("compose.services", evidence)


@pytest.mark.parametrize(("profile", "name"), [("production", "facilitator"), ("development", "redis")])
def test_a_service_too_few_is_seen(profile: str, name: str) -> None:
    evidence = good.evidence().edited(f"compose.{profile}", lambda model: model["services"].pop(name))
    assert good.problems("compose.services", evidence)


def test_a_production_service_without_its_profile_is_seen() -> None:
    assert good.problems("compose.services", changed(profiles=None))


@pytest.mark.parametrize("secret", [{"environment": "TOKEN"}, {"external": True}, {"file": "/project/token.txt"}, {}])
def test_a_secret_from_elsewhere_is_seen(secret: dict[str, Any]) -> None:
    evidence = good.evidence().edited("compose.production", lambda model: model["secrets"].update(more=secret))
    assert good.problems("compose.secret_files", evidence)


@pytest.mark.parametrize("source", ["/project/secrets", "/project/secrets/", "/srv/.ssh"])
def test_the_secrets_folder_as_a_mount_is_seen(source: str) -> None:
    assert good.problems("compose.secret_files", mount(type="bind", source=source, read_only=True))


@pytest.mark.parametrize(
    "line",
    [
        "command: redis-server --requirepass ${REDIS_PASSWORD:-changeme}",
        "  REDIS_PASSWORD: ${REDIS_PASSWORD}",
        "  token: $API_TOKEN",
        "  secret: ${MY_SECRET:?}",
    ],
)
def test_an_interpolated_secret_is_seen(line: str) -> None:
    evidence = good.evidence().with_document("compose.sources", {"docker-compose.override.yml": f"services:\n{line}\n"})
    assert good.problems("compose.no_secrets", evidence) == [
        "docker-compose.override.yml:2: a secret is interpolated into the model"
    ]


@pytest.mark.parametrize(
    ("line", "is_fault"),
    [
        ("requirepass hunter2", True),
        ("  RequirePass hunter2", True),
        ("masterauth hunter2", True),
        ("user default on >hunter2 ~* +@all", True),
        ("user guest on nopass ~* +@all", True),
        (f"# {good.SECRET}", True),
        ("# requirepass hunter2", False),
        ('requirepass ""', False),
        ("aclfile /run/secrets/redis_acl", False),
        ("user probe on #0 -@all +ping", False),
    ],
)
def test_a_password_in_redis_conf(line: str, *, is_fault: bool) -> None:
    evidence = good.evidence().edited("tree.files", lambda files: {**files, "config/redis.conf": f"port 1\n{line}\n"})
    said = ["config/redis.conf:2: a password is written in it"] if is_fault else []
    assert good.problems("compose.no_secrets", evidence) == said


def test_a_comment_about_a_secret_is_none() -> None:
    evidence = good.evidence().with_document("compose.sources", {"a.yml": "# ${REDIS_PASSWORD}\nx: y # $TOKEN\n"})
    assert good.problems("compose.no_secrets", evidence) == []


@pytest.mark.parametrize("content", ["requirepass x\nuri redis://:hunter2@host", good.SECRET])
def test_a_password_in_an_inline_config_is_seen(content: str) -> None:
    evidence = good.evidence().edited(
        "compose.production", lambda model: model.update(configs={"c": {"content": content}})
    )
    assert good.problems("compose.no_secrets", evidence)


@pytest.mark.parametrize(
    "line",
    ["--requirepass ${REDIS_PASSWORD:-changeme}", "REDIS_PASSWORD: ${REDIS_PASSWORD:-redis}", "requirepass, changeme"],
)
def test_a_default_password_in_a_file_is_seen(line: str) -> None:
    evidence = good.evidence().with_document("compose.sources", {"a.yml": line})
    assert good.problems("compose.strong_password", evidence)


def test_what_is_wrong_with_the_password_in_env_is_said() -> None:
    evidence = good.evidence().with_document("workspace.password_fault", "it is empty")
    assert good.problems("compose.strong_password", evidence) == [".env: REDIS_PASSWORD: it is empty"]
