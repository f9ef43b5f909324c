"""Faults of a compose model that hide: in hooks, networks, volumes, builds, files behind files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests import good
from tests.seatrial.checks.test_compose_spellings import REDIS, changed, limits, mount

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

DIGEST = "sha256:" + "0" * 64


def model(edit: Any) -> Evidence:
    """Return good evidence with an edited production model."""
    return good.evidence().edited("compose.production", edit)


def sources(text: str, name: str = "docker-compose.override.yml") -> Evidence:
    return good.evidence().with_document("compose.sources", {name: text})


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("compose.services", {"deploy": {"replicas": 0}}),
    ("compose.services", {"scale": 0}),
    ("compose.services", {"provider": {"type": "model"}}),
    ("compose.services", {"models": {"llm": None}}),
    ("compose.services", {"depends_on": {"redis": {"condition": "service_healthy"}}}),
    ("compose.user", {"post_start": [{"command": ["chown", "1001", "/data"], "user": "root"}]}),
    ("compose.user", {"post_start": [{"command": ["id"], "user": "0"}]}),
    ("compose.user", {"pre_stop": [{"command": ["id"], "user": "1001:0"}]}),
    ("compose.user", {"pre_stop": [{"command": ["id"], "user": "appuser"}]}),
    ("compose.user", {"user": "0x0:0x0"}),
    ("compose.user", {"user": ":0"}),
    ("compose.user", {"user": ":1001"}),
    ("compose.user", {"user": "1001:"}),
    ("compose.user", {"user": "-1:-1"}),
    ("compose.user", {"user": "1001:1001:0"}),
    ("compose.user", {"user": " 1001:1001"}),
    ("compose.user", {"user": "\u0661\u0660:\u0661"}),
    ("compose.user", {"user": "uid_alias:1001"}),
    ("compose.user", {"group_add": [0]}),
    ("compose.user", {"group_add": ["root"]}),
    ("compose.user", {"group_add": ["0x0"]}),
    ("compose.isolation", {"post_start": [{"command": ["id"], "privileged": True}]}),
    ("compose.isolation", {"pre_stop": [{"command": ["id"], "privileged": True}]}),
    ("compose.isolation", {"runtime": "nvidia"}),
    ("compose.isolation", {"runtime": "nvidia-container-runtime"}),
    ("compose.isolation", {"pid": "container:x"}),
    ("compose.isolation", {"ipc": "service:redis-prod"}),
    ("compose.isolation", {"network_mode": "ns:/proc/1/ns/net"}),
    ("compose.isolation", {"gpus": "all"}),
    ("compose.isolation", {"devices": ["nvidia.com/gpu=all"]}),
    ("compose.isolation", {"device_cgroup_rules": ["c 1:1 rwm"]}),
    ("compose.isolation", {"deploy": {"resources": {"reservations": {"generic_resources": [{"kind": "GPU"}]}}}}),
    ("compose.read_only", {"tmpfs": ["/tmp:exec"]}),
    ("compose.read_only", {"tmpfs": ["/tmp:rw,exec,nosuid,size=64m"]}),
    ("compose.read_only", {"tmpfs": "/tmp:suid,uid=0"}),
    ("compose.read_only", {"tmpfs": ["/tmp:mode=1777, dev"]}),
    ("compose.read_only", {"tmpfs": ["/app"]}),
    ("compose.read_only", {"tmpfs": ["/"]}),
    ("compose.read_only", {"volumes": [{"type": "volume", "source": "code", "target": "/app"}]}),
    ("compose.read_only", {"volumes": [{"type": "volume", "target": "/app/venv"}]}),
    ("compose.read_only", {"volumes": [{"type": "bind", "source": "/x", "target": "/app/venv/lib"}]}),
    ("compose.read_only", {"volumes": [{"type": "volume", "source": "code", "target": "/app/../app/"}]}),
    ("compose.capabilities", {"cap_add": ["CAP_SYS_ADMIN"]}),
    ("compose.capabilities", {"cap_add": ["cap_net_raw"]}),
    ("compose.capabilities", {"cap_drop": ["CAP_NET_RAW", "all_of_them"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges=0"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges:False"]}),
    ("compose.no_new_privileges", {"security_opt": ["NO-NEW-PRIVILEGES:true"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "disable"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "label=disable"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "label=type:spc_t"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "label:type:unconfined_t"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "seccomp:./gone.json"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "unmask=ALL"]}),
    ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "writable-cgroups=true"]}),
    ("compose.limits", {"memswap_limit": "-1"}),
    ("compose.limits", {"deploy": limits(pids=4194304)}),
    ("compose.limits", {"deploy": limits(memory="9223372036854771712")}),
    ("compose.limits", {"deploy": {"resources": {"reservations": {"memory": "268435456", "pids": 64}}}}),
    ("compose.limits", {"deploy": {"limits": {"memory": "256M", "pids": 64}}}),
    ("compose.limits", {"deploy": None, "ulimits": {"nproc": 64, "as": 268435456}, "mem_reservation": "256m"}),
    ("compose.restart", {"restart": "on-failure:1"}),
    ("compose.restart", {"restart": None, "deploy": {**limits(), "restart_policy": {"delay": "1s"}}}),
    ("compose.restart", {"deploy": {**limits(), "restart_policy": {"max_attempts": 3}}}),
    ("compose.logging", {"logging": {"driver": "local", "options": {"max-size": "-1"}}}),
    ("compose.logging", {"logging": {"driver": "", "options": {"max-size": "0"}}}),
    ("compose.ports", {"ports": [{"mode": "host", "target": 3000}]}),
    ("compose.ports", {"ports": [{"target": 3000, "published": "3000-3010", "host_ip": "::ffff:0.0.0.0"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "host_ip": "0"}]}),
    ("compose.ports", {"ports": [{"target": 3000, "host_ip": "127.0.0.1.example.org"}]}),
    ("compose.depends_on", {"depends_on": {"redis-prod": {"condition": "service_healthy", "required": False}}}),
    ("compose.depends_on", {"depends_on": {"redis-prod": {"condition": "service_completed_successfully"}}}),
    ("compose.images", {"image": "x402-fac:", "build": None}),
    ("compose.images", {"image": "x402-fac:stable", "build": None}),
    ("compose.images", {"image": "x402-fac:latest-alpine", "build": None}),
    ("compose.images", {"image": "registry.example.org/x402-fac:main", "build": None}),
    ("compose.images", {"image": "x402-fac:edge", "build": None}),
    ("compose.images", {"image": "x402-fac:Nightly", "build": None}),
    ("compose.images", {"image": "x402-fac@sha256:abc", "build": None}),
    ("compose.build", {"build": {"context": "/project", "target": "build"}}),
    ("compose.build", {"build": {"context": "/project", "target": "0"}}),
    ("compose.build", {"build": {"context": "/project", "dockerfile": "Dockerfile.dev"}}),
    ("compose.build", {"build": {"context": "/project", "dockerfile": "../Dockerfile"}}),
    ("compose.build", {"build": {"context": "/project", "dockerfile_inline": "FROM python:3.13"}}),
    ("compose.build", {"build": {"context": "https://git.example.org/x.git#main"}}),
    ("compose.build", {"build": {"context": "/elsewhere"}}),
    ("compose.build", {"build": {"context": "/project-of-somebody-else"}}),
    ("compose.build", {"build": {"context": "/project/../elsewhere"}}),
    ("compose.build", {"build": {"context": "/project", "privileged": True}}),
    ("compose.build", {"build": {"context": "/project", "entitlements": ["security.insecure"]}}),
    ("compose.build", {"build": {"context": "/project", "additional_contexts": {"base": "docker-image://python"}}}),
    ("compose.build", {"build": {"context": "/project", "additional_contexts": {"x": "https://example.org/x.git"}}}),
    ("compose.command", {"entrypoint": ["sh", "-c", "python -m service"]}),
    ("compose.command", {"command": ["/bin/bash", "-c", "python -m service; sleep 1"]}),
    ("compose.command", {"entrypoint": ["tini", "--", "sh"], "command": ["run.sh"]}),
    ("compose.command", {"command": ["/app/venv/bin/python", "-m", "http.server"]}),
    ("compose.command", {"entrypoint": ["sleep", "infinity"]}),
    ("compose.command", {"stop_signal": "SIGKILL"}),
    ("compose.command", {"stop_signal": "9"}),
    ("compose.command", {"stop_signal": "kill"}),
    ("compose.command", {"stop_signal": "SIGUSR1"}),
    ("compose.command", {"stop_grace_period": "0s"}),
    ("compose.command", {"stop_grace_period": "1ms"}),
    ("compose.host_folders", {"environment": {"DOCKER_HOST": "tcp://host.docker.internal:2375"}}),
    ("compose.host_folders", {"environment": {"CONTAINER_HOST": "unix:///run/podman/podman.sock"}}),
    ("compose.host_folders", {"develop": {"watch": [{"path": "/project", "action": "sync", "target": "/app"}]}}),
    ("compose.host_folders", {"develop": {"watch": [{"path": "/project", "action": "sync+restart", "target": "/a"}]}}),
    ("compose.no_secrets", {"environment": {"REDIS_PASSWORD": None}}),
    ("compose.no_secrets", {"annotations": {"app.token": "x"}}),
    ("compose.no_secrets", {"post_start": [{"command": ["redis-cli", "-a", "hunter2", "ping"]}]}),
    ("compose.no_secrets", {"pre_stop": [{"command": ["x"], "environment": {"API_TOKEN": "x"}}]}),
    ("compose.no_secrets", {"pre_stop": [{"command": ["x"], "environment": ["API_TOKEN=x"]}]}),
    ("compose.no_secrets", {"build": {"args": {"REDIS_PASSWORD": None}}}),
    ("compose.no_secrets", {"labels": ["app.password=x"]}),
    ("compose.secret_files", {"credential_spec": {"file": "x.json"}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl http://127.0.0.1:3000/health"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "curl", "-s", "http://127.0.0.1:3000/health"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "curl", "-sS", "-o", "/dev/null", "http://127.0.0.1"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl -s http://127.0.0.1 || exit 1"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "python", "--version"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "node", "-v"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "python", "-c", "pass"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl -f http://127.0.0.1 || date"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl -f http://127.0.0.1 || exit 256"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "if curl -f http://127.0.0.1; then exit 0; fi"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "ps aux | sort"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "sleep", "0"]}}),
    ("compose.healthcheck", {"healthcheck": {"interval": "24h0m0s"}}),
    ("compose.healthcheck", {"healthcheck": {"interval": "30s", "timeout": "10s", "retries": 100000}}),
    ("compose.healthcheck", {"healthcheck": {"start_period": "2h0m0s"}}),
]
REDIS_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("compose.services", {"deploy": {**limits(), "replicas": 2}}),
    ("compose.services", {"scale": 3}),
    ("compose.data_volumes", {"volumes": [{"type": "volume", "target": "r:/data"}]}),
    ("compose.data_volumes", {"volumes": [{"type": "volume", "source": "redis_prod_data", "target": "/database"}]}),
    (
        "compose.data_volumes",
        {"volumes": [{"type": "volume", "source": "redis_prod_data", "target": "/data", "read_only": True}]},
    ),
    (
        "compose.data_volumes",
        {"volumes": [{"type": "volume", "source": "d", "target": "/"}, {"type": "tmpfs", "target": "/data"}]},
    ),
    ("compose.data_volumes", {"command": ["redis-server", "--dir", "/tmp"]}),
    ("compose.data_volumes", {"command": ["redis-server", "--dir", "../tmp"]}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli ping | grep -q ."]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli ping | grep -v PONG"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "redis-cli", "--raw", "incr", "ping"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "valkey-cli", "ping"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli ping && exit 0 || exit 1"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "timeout 5 redis-cli ping > /dev/null"]}}),
    ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "redis-cli", "--version"]}}),
    ("compose.redis_config", {"command": ["redis-server"]}),
    ("compose.redis_config", {"command": None}),
    ("compose.redis_config", {"command": ["redis-server", "--save", "60", "1"]}),
    ("compose.redis_config", {"command": ["redis-server", "--requirepass", ""]}),
    ("compose.redis_config", {"command": ["docker-entrypoint.sh", "redis-server", "--protected-mode", "no"]}),
    ("compose.redis_config", {"command": ["sh", "-c", "exec redis-server --port 6379"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--loadmodule", "/x.so"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--replicaof", "other", "6379"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--replicaof other 6379"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--SLAVEOF", "other", "6379"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--enable-debug-command", "local"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--include", "/x.conf"]}),
    ("compose.redis_config", {"command": ["redis-server", "/etc/redis/other.conf"]}),
    ("compose.redis_config", {"entrypoint": ["redis-server"], "command": ["--protected-mode", "no"]}),
]


@pytest.mark.parametrize(("check", "keys"), FAULTS)
def test_hidden_faults_of_the_service_are_seen(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(**keys))


@pytest.mark.parametrize(("check", "keys"), REDIS_FAULTS)
def test_hidden_faults_of_redis_are_seen(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(REDIS, **keys))


@pytest.mark.parametrize(
    ("check", "keys"),
    [
        ("compose.services", {"deploy": {**limits(), "replicas": 3}}),
        ("compose.user", {"post_start": [{"command": ["id"]}, {"command": ["id"], "user": "1001:1001"}]}),
        ("compose.isolation", {"runtime": "runsc", "networks": {"edge": None}, "sysctls": {"net.core.somaxconn": "1"}}),
        ("compose.isolation", {"deploy": {"resources": {"reservations": {"memory": "1"}}}}),
        ("compose.read_only", {"tmpfs": ["/tmp:noexec,nosuid,size=16m,mode=1777,uid=1001"]}),
        ("compose.read_only", {"volumes": [{"type": "volume", "source": "d", "target": "/app/data"}]}),
        ("compose.read_only", {"volumes": [{"type": "volume", "source": "d", "target": "/application"}]}),
        ("compose.no_new_privileges", {"security_opt": ["no-new-privileges", "label:level:s0:c1", "seccomp=builtin"]}),
        ("compose.limits", {"memswap_limit": "268435456", "cgroup_parent": "x"}),
        ("compose.logging", {"logging": {"driver": "local", "options": {"max-size": "5m"}}}),
        ("compose.logging", {"logging": {"driver": "syslog"}}),
        ("compose.images", {"image": "debian:bookworm-slim", "build": None}),
        ("compose.images", {"image": "x:devices-1", "build": None}),
        ("compose.images", {"image": f"x:latest@{DIGEST}", "build": None}),
        ("compose.build", {"build": None}),
        ("compose.build", {"build": {"context": "/project", "dockerfile": "./Dockerfile", "target": "production"}}),
        ("compose.build", {"build": {"context": "/project", "target": "PRODUCTION"}}),
        ("compose.build", {"build": {"context": "/project", "additional_contexts": {"a": "docker-image://x:1"}}}),
        ("compose.build", {"build": {"context": "/project", "additional_contexts": {"a": "/project/shared"}}}),
        ("compose.command", {"command": ["/app/venv/bin/python", "-m", "service"], "stop_signal": "SIGTERM"}),
        ("compose.command", {"stop_grace_period": "1m30s", "stop_signal": "15"}),
        ("compose.depends_on", {"depends_on": {"redis-prod": {"condition": "service_healthy", "required": True}}}),
        ("compose.host_folders", {"develop": {"watch": [{"path": "/project", "action": "rebuild"}]}}),
        ("compose.host_folders", {"environment": {"DOCKER_HOST": ""}}),
        ("compose.no_secrets", {"environment": {"LOG_LEVEL": None}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "curl", "-fsS", "http://127.0.0.1:3000/health"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "curl", "--fail-with-body", "http://127.0.0.1"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl -s http://127.0.0.1 | grep -q ok"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "curl -f http://127.0.0.1 || exit"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "if ! wget -q x; then exit 1; fi"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD", "/server", "-healthcheck"], "interval": "1m0s"}}),
    ],
)
def test_what_is_no_hidden_fault_of_the_service(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(**keys)) == []


@pytest.mark.parametrize(
    ("check", "keys"),
    [
        ("compose.data_volumes", {"volumes": [{"type": "volume", "source": "d", "target": "/data/"}]}),
        (
            "compose.data_volumes",
            {
                "command": ["redis-server", "--dir", "/var/lib/redis"],
                "volumes": [{"type": "volume", "source": "d", "target": "/var/lib/redis"}],
            },
        ),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", '[ "$$(redis-cli ping)" = "PONG" ]']}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli ping | grep -q PONG"]}}),
        ("compose.healthcheck", {"healthcheck": {"test": ["CMD-SHELL", "redis-cli -h 127.0.0.1 -e ping"]}}),
        ("compose.redis_config", {"command": ["redis-server", "--aclfile", "/run/secrets/redis_acl"]}),
        (
            "compose.redis_config",
            {"command": ["sh", "-c", 'exec redis-server --requirepass "$$(cat /run/secrets/password)"']},
        ),
        ("compose.redis_config", {"command": ["redis-server", "/etc/redis/redis.conf", "--replicaof", "no", "one"]}),
        ("compose.redis_config", {"command": None, "environment": {"REDIS_PASSWORD_FILE": "/run/secrets/password"}}),
        ("compose.command", {"command": ["sh", "-c", "umask 077; exec redis-server /etc/redis/redis.conf"]}),
    ],
)
def test_what_is_no_hidden_fault_of_redis(check: str, keys: dict[str, Any]) -> None:
    assert good.problems(check, changed(REDIS, **keys)) == []


@pytest.mark.parametrize(
    ("check", "network"),
    [
        ("compose.isolation", {"external": True, "name": "host"}),
        ("compose.isolation", {"driver": "host"}),
        ("compose.ports", {"driver": "macvlan", "driver_opts": {"parent": "eth0"}}),
        ("compose.ports", {"driver": "ipvlan"}),
        ("compose.ports", {"driver_opts": {"com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected"}}),
        ("compose.ports", {"driver_opts": {"com.docker.network.bridge.gateway_mode_ipv6": "routed"}}),
    ],
)
def test_a_network_that_is_none_of_its_own_is_seen(check: str, network: dict[str, Any]) -> None:
    assert good.problems(check, model(lambda m: m["networks"].update(edge=network)))


@pytest.mark.parametrize(
    "network", [{"external": True, "name": "proxy"}, {"driver": "bridge", "internal": True}, {"driver": "overlay"}]
)
def test_networks_that_are_no_fault(network: dict[str, Any]) -> None:
    evidence = model(lambda m: m["networks"].update(edge=network))
    assert good.problems("compose.isolation", evidence) == good.problems("compose.ports", evidence) == []


@pytest.mark.parametrize(
    "volume",
    [
        {"driver_opts": {"type": "none", "o": "rbind", "device": "/srv"}},
        {"driver_opts": {"type": "none", "o": " rw , bind ", "device": "/var/run"}},
        {"driver_opts": {"type": "overlay", "o": "lowerdir=/,upperdir=/u,workdir=/w", "device": "overlay"}},
        {"driver_opts": {"type": "ext4", "device": "/dev/sda1"}},
        {"driver_opts": {"type": "proc", "device": "/proc"}},
        {"driver": "local-persist", "driver_opts": {"mountpoint": "/var/run"}},
    ],
)
def test_a_volume_that_shows_the_host_is_seen(volume: dict[str, Any]) -> None:
    evidence = mount(type="volume", source="disguised").edited(
        "compose.production", lambda m: m["volumes"].update(disguised=volume)
    )
    assert good.problems("compose.host_folders", evidence)


@pytest.mark.parametrize(
    "volume",
    [
        {"driver_opts": {"type": "nfs", "o": "addr=192.0.2.1,rw", "device": ":/export"}},
        {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}},
        {"driver": "rexray", "driver_opts": {"size": "10"}},
        {"external": True, "name": "kept"},
        {},
    ],
)
def test_a_volume_that_shows_nothing_of_the_host(volume: dict[str, Any]) -> None:
    evidence = mount(type="volume", source="other").edited(
        "compose.production", lambda m: m["volumes"].update(other=volume)
    )
    assert good.problems("compose.host_folders", evidence) == []


@pytest.mark.parametrize(
    ("facts", "mounted"),
    [
        ({"kind": "folder", "real": "/project/page.d.txt"}, {"source": "/project/page.txt", "read_only": True}),
        ({"kind": "file", "real": "/run/docker.sock"}, {"source": "/project/page.txt", "read_only": True}),
        ({"kind": "folder", "real": "/run"}, {"source": "/project/data.txt", "read_only": True}),
        ({"kind": "socket", "real": "/project/engine"}, {"source": "/project/engine", "read_only": True}),
        ({"kind": "file", "real": "/project/Caddyfile"}, {"source": "/project/Caddyfile"}),
        (
            {"kind": "file", "real": "/project/a.txt"},
            {"source": "/project/a.txt", "read_only": True, "bind": {"propagation": "rshared"}},
        ),
    ],
)
def test_what_really_lies_at_a_path_counts(facts: dict[str, str], mounted: dict[str, Any]) -> None:
    evidence = mount(type="bind", **mounted).edited("compose.mounts", lambda m: m.update({mounted["source"]: facts}))
    assert good.problems("compose.host_folders", evidence)


def test_a_file_without_a_suffix_is_a_file() -> None:
    evidence = mount(type="bind", source="/project/Caddyfile", read_only=True).edited(
        "compose.mounts", lambda m: m.update({"/project/Caddyfile": {"kind": "file", "real": "/project/Caddyfile"}})
    )
    assert good.problems("compose.host_folders", evidence) == []


def test_a_named_pipe_of_the_host_is_seen() -> None:
    assert good.problems("compose.host_folders", mount(type="npipe", source=r"\\.\pipe\docker_engine"))


@pytest.mark.parametrize("profile", ['{"defaultAction": "SCMP_ACT_ALLOW"}', '{"defaultAction": "SCMP_ACT_LOG"}', "[]"])
def test_a_seccomp_profile_that_allows_what_it_does_not_name_is_seen(profile: str) -> None:
    evidence = changed(security_opt=["no-new-privileges:true", "seccomp:./p.json"])
    assert good.problems("compose.no_new_privileges", evidence.with_document("compose.profiles", {"./p.json": profile}))


def test_a_stricter_seccomp_profile() -> None:
    evidence = changed(security_opt=["no-new-privileges:true", "seccomp=./p.json"])
    profile = json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})
    found = good.problems(
        "compose.no_new_privileges", evidence.with_document("compose.profiles", {"./p.json": profile})
    )
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "include: [oci://registry.example.org/x:1]",
        "include: https://git.example.org/x.git",
        "include: [{path: [a.yml, 'git@example.org:x/y']}]",
        "include:\n  - path: https://github.com/x/y.git#main:compose.yml\n",
        "services: {a: {extends: {file: 'https://example.org/base.yml', service: a}}}",
    ],
)
def test_a_model_from_elsewhere_is_seen(text: str) -> None:
    assert good.problems("compose.files", sources(text))


def test_a_file_outside_of_the_tree_is_seen() -> None:
    assert good.problems("compose.files", sources("services: {}", "/srv/base.yml")) == [
        "/srv/base.yml: the file lies outside of the tree"
    ]


@pytest.mark.parametrize("text", ["include: [base.yml]", "services: {a: {extends: a}}", "include: [", "", "- a", "x"])
def test_files_of_the_tree(text: str) -> None:
    assert good.problems("compose.files", sources(text)) == []


@pytest.mark.parametrize(
    ("line", "is_fault"),
    [
        ("key: ${WALLET_PRIVATE_KEY}", True),
        ("x: $$$API_KEY", True),
        ("x: ${DB_PASS:?}", True),
        ("x: $$REDIS_PASSWORD", False),
        ("x: $${REDIS_PASSWORD}", False),
        ("x: ${REDIS_PASSWORD_FILE}", False),
        ("x: ${TOKENIZER}", False),
    ],
)
def test_which_interpolation_is_a_secret(line: str, *, is_fault: bool) -> None:
    assert bool(good.problems("compose.no_secrets", sources(line))) is is_fault


@pytest.mark.parametrize(
    ("line", "is_fault"),
    [
        ("x: ${DB_PASSWORD:-s0mething-unusual}", True),
        ("x: ${JWT_SECRET-dev}", True),
        ("x: ${API_TOKEN:-${OTHER}}", True),
        ("x: ${REDIS_PASSWORD:-}", False),
        ("x: ${PASSWORD_FILE:-/run/secrets/x}", False),
        ("x: ${LOG_LEVEL:-info}", False),
    ],
)
def test_which_default_is_a_password(line: str, *, is_fault: bool) -> None:
    assert bool(good.problems("compose.strong_password", sources(line))) is is_fault


@pytest.mark.parametrize(
    "config",
    [
        {"environment": "API_TOKEN"},
        {"file": "/project/.env"},
        {"file": "/project/secrets/redis_password"},
        {"file": "/project/tls/server.key"},
    ],
)
def test_a_secret_as_a_config_is_seen(config: dict[str, Any]) -> None:
    assert good.problems("compose.secret_files", model(lambda m: m.update(configs={"c": config})))


@pytest.mark.parametrize("config", [{"file": "/project/config/config.json"}, {"content": "a: b"}, {"external": True}])
def test_configs_that_are_no_secret(config: dict[str, Any]) -> None:
    evidence = model(lambda m: m.update(configs={"c": config}))
    assert good.problems("compose.secret_files", evidence) == good.problems("compose.no_secrets", evidence) == []


@pytest.mark.parametrize(
    "source", ["/project/.env", "/project/tls/server.key", "/root/.ssh/id_ed25519", "/root/.docker/config.json"]
)
def test_a_secret_file_as_a_mount_is_seen(source: str) -> None:
    assert good.problems("compose.secret_files", mount(type="bind", source=source, read_only=True))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("volumes", {"driver_opts": {"type": "cifs", "o": "addr=x,username=u,password=hunter2", "device": "//x/y"}}),
        ("networks", {"labels": {"x": good.SECRET}}),
        ("configs", {"content": "url: redis://:hunter2@redis:6379"}),
    ],
)
def test_a_password_beside_the_services_is_seen(part: str, told: dict[str, Any]) -> None:
    assert good.problems("compose.no_secrets", model(lambda m: m.setdefault(part, {}).update(more=told)))
