"""Mutants of the compose model that hide: behind files, hooks, networks, volumes, builds, Redis's own configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.docker.mutant import Mutant, append, both, kills, model, service, swap, write

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "./config/config.json:/app/config/config.json:ro"
HARDENED = (
    "compose.services",
    "compose.read_only",
    "compose.capabilities",
    "compose.no_new_privileges",
    "compose.user",
    "compose.limits",
    "compose.logging",
)
"""What a development service in production breaks."""


def users(old: str, new: str) -> Any:
    """Change a rule in the file of Redis's users."""

    def apply(root: Path) -> None:
        file = root / "secrets/redis.acl"
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def volume(**told: Any) -> Any:
    """Mount one more volume, which is told something."""
    return both(
        service("facilitator", volumes=[CONFIG, "more_data:/more"]),
        model(lambda m: m["volumes"].update(more_data=told)),
    )


def network(**told: Any) -> Any:
    """Change the network that clients reach the service on."""
    return model(lambda m: m["networks"].update(edge=told))


def _beside(root: Path) -> None:
    (root.parent / f"{root.name}.yml").write_text("services:\n  base:\n    init: true\n", encoding="utf-8")


def _redis_with(*words: str) -> Any:
    return service("redis-prod", command=["redis-server", "/etc/redis/redis.conf", *words])


HIDDEN = (
    Mutant(
        "depends-on-development",
        "The service depends on the development Redis, which Compose then starts in production.",
        model(lambda m: m["services"]["facilitator"]["depends_on"].update(redis={"condition": "service_healthy"})),
        kills(*HARDENED),
        "tree",
    ),
    Mutant(
        "development-redis-in-configuration",
        "The service's configuration names the development Redis.",
        swap("config/config.json", '"host": "redis-prod"', '"host": "redis"'),
        kills("compose.no_development"),
        "tree",
    ),
    Mutant(
        "never-started",
        "The service is scaled to none.",
        model(lambda m: m["services"]["facilitator"]["deploy"].update(replicas=0)),
        kills("compose.services"),
        "tree",
    ),
    Mutant(
        "two-servers-one-volume",
        "Two Redis servers write to one volume.",
        model(lambda m: m["services"]["redis-prod"]["deploy"].update(replicas=2)),
        kills("compose.services"),
        "tree",
    ),
    Mutant(
        "extended-from-another-file",
        "A part of the service comes from a file that nobody looks at, and adds a capability.",
        both(
            write("deploy/base.yml", "services:\n  base:\n    cap_add: [NET_RAW]\n"),
            service("facilitator", extends={"file": "deploy/base.yml", "service": "base"}),
        ),
        kills("compose.capabilities"),
        "tree",
    ),
    Mutant(
        "password-in-included-file",
        "An included file with an environment of its own takes a password into the model.",
        both(
            write("deploy/more.env", "BACKUP_PASSWORD=hunter2hunter2\n"),
            write(
                "deploy/more.yml",
                "services:\n  backup:\n    profiles: [backup]\n    image: backup:1\n"
                "    environment: {TARGET: 'x:${BACKUP_PASSWORD}'}\n",
            ),
            append("docker-compose.yml", "include:\n  - {path: deploy/more.yml, env_file: deploy/more.env}\n"),
        ),
        kills("compose.no_secrets"),
        "tree",
    ),
    Mutant(
        "another-file-by-name",
        "COMPOSE_FILE in .env names a second file, which publishes the service to the network.",
        both(
            write("deploy/open.yml", 'services:\n  facilitator:\n    ports: ["3001:3000"]\n'),
            append(".env", "COMPOSE_FILE=docker-compose.yml:deploy/open.yml\n"),
        ),
        kills("compose.ports"),
        "tree",
    ),
    Mutant(
        "file-outside-the-tree",
        "The service extends a file that lies beside the project.",
        both(
            _beside,
            lambda root: service("facilitator", extends={"file": f"../{root.name}.yml", "service": "base"})(root),
        ),
        kills("compose.files"),
        "tree",
    ),
    Mutant(
        "environment-file",
        "The service is given the whole .env as its environment, the password among it.",
        service("facilitator", env_file=[".env"]),
        kills("compose.no_secrets"),
        "tree",
    ),
    Mutant(
        "password-of-whoever-starts-it",
        "The service takes a password from the environment of whoever starts it.",
        service("facilitator", environment=["WALLET_PRIVATE_KEY"]),
        kills("compose.no_secrets"),
        "tree",
    ),
    Mutant(
        "hook-as-root",
        "After its start Compose runs a command in the service as root.",
        service("facilitator", post_start=[{"command": ["chmod", "777", "/app"], "user": "root"}]),
        kills("compose.user"),
        "tree",
    ),
    Mutant(
        "privileged-hook",
        "Before its stop Compose runs a privileged command in the service.",
        service("facilitator", pre_stop=[{"command": ["sync"], "privileged": True}]),
        kills("compose.isolation"),
        "tree",
    ),
    Mutant(
        "network-of-the-host-by-name",
        "A network is declared that exists already, and is the host's own.",
        both(network(name="host", external=True)),
        kills("compose.isolation"),
        "tree",
    ),
    Mutant(
        "on-the-wire",
        "The service's network puts it on the local network beside the host, every port of it.",
        network(driver="macvlan", driver_opts={"parent": "eth0"}),
        kills("compose.ports"),
        "tree",
    ),
    Mutant(
        "routed-network",
        "The service's network is routed, so that ports are reached that were never published.",
        network(driver_opts={"com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected"}),
        kills("compose.ports"),
        "tree",
    ),
    Mutant(
        "graphics-cards",
        "The service is given every graphics card of the host.",
        service("facilitator", gpus="all"),
        kills("compose.isolation"),
        "tree",
    ),
    Mutant(
        "programs-in-tmpfs",
        "Programs can be started from the service's temporary folder.",
        service("facilitator", tmpfs=["/tmp:exec,suid,uid=0,mode=1777"]),
        kills("compose.read_only"),
        "tree",
    ),
    Mutant(
        "volume-over-code",
        "An anonymous volume lies over the service's environment.",
        service("facilitator", volumes=[CONFIG, "/app/venv"]),
        kills("compose.read_only"),
        "tree",
    ),
    Mutant(
        "disk-in-disguise",
        "A volume is the root folder of the host, as a layer of an overlay.",
        volume(driver_opts={"type": "overlay", "device": "overlay", "o": "lowerdir=/,upperdir=/u,workdir=/w"}),
        kills("compose.host_folders"),
        "tree",
    ),
    Mutant(
        "link-to-the-engine",
        "A file of the project is mounted that is a link to a folder with the Docker socket.",
        both(
            lambda root: (root / "config/page.txt").symlink_to("/var/run"),
            service("facilitator", volumes=[CONFIG, "./config/page.txt:/page.txt:ro"]),
        ),
        kills("compose.host_folders"),
        "tree",
    ),
    Mutant(
        "engine-by-network",
        "The service is told where the Docker Engine listens.",
        service("facilitator", environment={"DOCKER_HOST": "tcp://host.docker.internal:2375"}),
        kills("compose.host_folders"),
        "tree",
    ),
    Mutant(
        "code-from-the-host",
        "Code is copied from the host into the running service.",
        service("facilitator", develop={"watch": [{"path": "./service", "action": "sync", "target": "/app/x"}]}),
        kills("compose.host_folders"),
        "tree",
    ),
    Mutant(
        "share-with-password",
        "A volume is a share of another machine, and its options show the password.",
        volume(driver_opts={"type": "cifs", "device": "//192.0.2.1/x", "o": "username=u,password=hunter2"}),
        kills("compose.no_secrets"),
        "tree",
    ),
    Mutant(
        "secret-as-config",
        "The list of Redis's users is declared as a config, which everybody may read.",
        both(
            model(lambda m: m.update(configs={"users": {"file": "./secrets/redis.acl"}})),
            service("redis-prod", configs=["users"]),
        ),
        kills("compose.secret_files"),
        "tree",
    ),
    Mutant(
        "build-stage-in-production",
        "Production runs the build stage, with its installer.",
        model(lambda m: m["services"]["facilitator"]["build"].update(target="build")),
        kills("compose.build"),
        "tree",
    ),
    Mutant(
        "another-dockerfile",
        "Production is built from another file than the one that is judged.",
        both(
            write("Dockerfile.prod", "FROM python:3.13\n"),
            model(lambda m: m["services"]["facilitator"]["build"].update(dockerfile="Dockerfile.prod")),
        ),
        kills("compose.build"),
        "tree",
    ),
    Mutant(
        "another-command",
        "Production starts another program than the one that the image was proven with.",
        service("facilitator", command=["/app/venv/bin/python", "-m", "http.server"]),
        kills("compose.command"),
        "tree",
    ),
    Mutant(
        "no-time-to-stop",
        "Redis is killed as soon as it is told to stop.",
        service("redis-prod", stop_grace_period="0s"),
        kills("compose.command"),
        "tree",
    ),
    Mutant(
        "optional-redis",
        "The service starts without Redis too.",
        model(lambda m: m["services"]["facilitator"]["depends_on"]["redis-prod"].update(required=False)),
        kills("compose.depends_on"),
        "tree",
    ),
    Mutant(
        "seccomp-allows-all",
        "A seccomp profile of the project's own refuses nothing.",
        both(
            write("config/seccomp.json", '{"defaultAction": "SCMP_ACT_ALLOW"}\n'),
            service("facilitator", security_opt=["no-new-privileges:true", "seccomp:./config/seccomp.json"]),
        ),
        kills("compose.no_new_privileges"),
        "tree",
    ),
    Mutant(
        "endless-swap",
        "The service may swap without limit.",
        service("facilitator", memswap_limit=-1, mem_limit="256M", pids_limit=64, cpus=1, deploy=None),
        kills("compose.limits"),
        "tree",
    ),
    Mutant(
        "restart-without-condition",
        "A restart policy under deploy names no condition, and Compose takes it for none.",
        model(lambda m: m["services"]["facilitator"]["deploy"].update(restart_policy={"delay": "1s"})),
        kills("compose.restart"),
        "tree",
    ),
    Mutant(
        "deaf-health-check",
        "The service's health check takes an error answer for a good one.",
        service("facilitator", healthcheck={"test": ["CMD", "curl", "-s", "http://127.0.0.1:3000/health"]}),
        kills("compose.healthcheck"),
        "tree",
    ),
    Mutant(
        "slow-health-check",
        "The service's health check needs three days to turn red.",
        service("facilitator", healthcheck={"interval": "24h", "timeout": "5s", "retries": 3}),
        kills("compose.healthcheck"),
        "tree",
    ),
    Mutant(
        "one-letter-volume",
        "The data volume's name is one letter, which Compose takes for a drive: the volume is anonymous.",
        both(
            service("redis-prod", volumes=["r:/data", "./config/redis.conf:/etc/redis/redis.conf:ro"]),
            model(lambda m: m["volumes"].update(r={})),
        ),
        kills("compose.data_volumes"),
        "tree",
    ),
    Mutant(
        "data-elsewhere",
        "Redis is told to keep its data where no volume is.",
        _redis_with("--dir", "/tmp"),
        kills("compose.data_volumes"),
        "tree",
    ),
    Mutant(
        "moving-tag",
        "Redis's image has a tag that moves.",
        service("redis-prod", image="redis:stable"),
        kills("compose.images"),
        "tree",
    ),
    Mutant(
        "copy-of-another-server",
        "Redis is a copy of a server that nobody has judged.",
        append("config/redis.conf", "replicaof upstream 6379\n"),
        kills("compose.redis_config"),
        "tree",
    ),
    Mutant(
        "module-on-command-line",
        "Redis loads a module that its command names.",
        _redis_with("--loadmodule", "/data/module.so"),
        kills("compose.redis_config"),
        "tree",
    ),
    Mutant(
        "more-redis-configuration",
        "Redis reads a second file of settings, which nobody has judged.",
        append("config/redis.conf", "include /data/more.conf\n"),
        kills("compose.redis_config"),
        "tree",
    ),
    Mutant(
        "debugging-redis",
        "DEBUG can be called from the machine itself.",
        swap("config/redis.conf", "enable-debug-command no", "enable-debug-command local"),
        kills("compose.redis_config"),
        "tree",
    ),
    Mutant(
        "users-without-default",
        "The list of users does not name `default`, so it is on and needs no password.",
        users("user default off resetpass resetkeys resetchannels -@all\n", ""),
        kills("compose.redis_users"),
        "tree",
    ),
    Mutant(
        "selector-for-everything",
        "A second set of rules gives the service's user every key.",
        users("user facilitator on ", "user facilitator (%RW~* +@read) on "),
        kills("compose.redis_users"),
        "tree",
    ),
    Mutant(
        "plain-password-in-users",
        "The list of users shows the probe's password instead of its hash.",
        users("user probe on ", "user probe on >written-out-for-all "),
        kills("compose.redis_users"),
        "tree",
    ),
    Mutant(
        "user-in-redis-configuration",
        "A user stands in redis.conf and may do everything, beside those of the list.",
        append("config/redis.conf", f"user backup on #{'0' * 64} ~* +@all\n"),
        kills("compose.redis_users"),
        "tree",
    ),
)
