"""Mutants that the tree itself shows: what is sent to the build, how the image is written down, what compose grants."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from seatrial import envfile
from tests.docker.mutant import Mutant, append, both, kills, model, remove, service, swap, write

if TYPE_CHECKING:
    from pathlib import Path

WITHOUT_COMMENT = "# Everything stays out but what the build reads.\n"
KEY = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 3
KEY += "-----END PRIVATE KEY-----\n"
ONE_STAGE = """\
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE}
WORKDIR /app
COPY requirements/production.txt ./
RUN python3 -m venv /app/venv && /app/venv/bin/pip install --require-hashes -r production.txt
COPY service/ service/
USER 1001:1001
EXPOSE 3000
HEALTHCHECK CMD ["/app/venv/bin/python", "-m", "service.healthcheck"]
CMD ["/app/venv/bin/python", "-m", "service"]
"""


def password_in_code(root: Path) -> None:
    """Write the project's own password, in base64, into a module."""
    password = envfile.values(root / ".env")["REDIS_PASSWORD"]
    append("service/defaults.py", f'\nOLD = "{base64.b64encode(password.encode()).decode()}"\n')(root)


def password_in_compose(root: Path) -> None:
    """Write the project's own password into the health check."""
    password = envfile.values(root / ".env")["REDIS_PASSWORD"]
    test = f'test "$$(redis-cli -e --user facilitator --pass {password} ping)" = PONG'
    service("redis-prod", healthcheck={"test": ["CMD-SHELL", test]})(root)


def windows_line_ends(root: Path) -> None:
    """Save the ignore file as an editor on Windows does."""
    file = root / ".dockerignore"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def _networks_gone(document: dict[str, Any]) -> None:
    document["services"]["facilitator"].pop("networks")
    document["services"]["facilitator"].pop("ports")
    document["services"]["facilitator"]["network_mode"] = "host"


CONTEXT = (
    Mutant(
        "env-in-context",
        "`.env` is let into the build context.",
        append(".dockerignore", "!.env\n"),
        kills("context.no_secrets", "context.ignore_file"),
        "image",
        says=("context.no_secrets", ".env: a file that holds secrets enters", "keep the file out with .dockerignore"),
    ),
    Mutant(
        "secrets-in-context",
        "The secrets folder is let in again by a later `!`.",
        append(".dockerignore", "secrets\n!secrets/**\n"),
        kills("context.no_secrets", "context.no_development", "context.ignore_file"),
        "tree",
    ),
    Mutant(
        "config-in-context",
        "The operator's configuration enters the build context with the folder that its example lies in.",
        swap(".dockerignore", "!config/config.example.json", "!config/*.json"),
        kills("context.no_secrets", "context.ignore_file"),
        "tree",
    ),
    Mutant(
        "comment-behind-pattern",
        "A comment behind a pattern has become part of it, and caches enter the build context.",
        both(
            swap(".dockerignore", "**/__pycache__\n**/*.pyc", "**/__pycache__  # caches\n**/*.pyc  # compiled"),
            write("service/__pycache__/app.cpython-313.pyc", b"\xcb\r\r\n"),
        ),
        kills("context.no_development", "context.ignore_file"),
        "tree",
    ),
    Mutant(
        "windows-line-ends",
        "The ignore file ends its lines as on Windows.",
        windows_line_ends,
        kills("context.ignore_file"),
        "tree",
    ),
    Mutant(
        "byte-order-mark",
        "An editor put a byte-order mark before the first pattern, which denied everything.",
        swap(".dockerignore", WITHOUT_COMMENT, "\ufeff"),
        kills("context.ignore_file"),
        "tree",
    ),
    Mutant(
        "overriding-ignore-file",
        "A file named after the Dockerfile takes the place of .dockerignore and lets the tests in.",
        write("Dockerfile.dockerignore", "*\n!service\n!tests/docker\n"),
        kills("context.no_development", "context.ignore_file"),
        "tree",
    ),
    Mutant(
        "no-ignore-file",
        "There is no .dockerignore, so everything is sent to the build.",
        remove(".dockerignore"),
        kills("context.no_secrets", "context.no_development", "context.budget", "context.ignore_file"),
        "tree",
    ),
    Mutant(
        "grown-context",
        "A recording of 600 KB was left in the service's folder.",
        write("service/recording.bin", b"\0" * 600 * 1024),
        kills("context.budget"),
        "image",
    ),
    Mutant(
        "tests-in-service",
        "The service's tests lie in its package, and are shipped with it.",
        write("service/tests/test_wire.py", "assert True\n"),
        kills("context.no_development", "layers.no_leavings"),
        "image",
    ),
    Mutant(
        "key-in-code",
        "A private key stands in a module of the service.",
        write("service/certificate.py", f'"""Ours."""\n\nTEXT = """{KEY}"""\n'),
        kills("context.no_secrets", "layers.no_secrets"),
        "image",
    ),
    Mutant(
        "password-in-code",
        "The Redis password stands in the service's code, in base64.",
        password_in_code,
        kills("context.no_secrets", "layers.no_secrets"),
        "image",
    ),
)

DOCKERFILE = (
    Mutant(
        "one-stage",
        "The image is made in one stage, so its installer is shipped.",
        write("Dockerfile", ONE_STAGE),
        kills("dockerfile.stages"),
        "tree",
    ),
    Mutant(
        "secret-argument",
        "A token for the package index is handed to the build as an ARG.",
        swap("Dockerfile", "WORKDIR /build\n", "ARG INDEX_TOKEN\nWORKDIR /build\n"),
        kills("dockerfile.no_secrets"),
        "tree",
    ),
    Mutant(
        "remote-file",
        "A stage adds a program from a URL that nothing is compared with.",
        swap(
            "Dockerfile",
            "FROM ${PYTHON_IMAGE} AS production",
            "FROM ${PYTHON_IMAGE} AS tools\nADD https://example.org/wait-for-it /usr/bin/\n\n"
            "FROM ${PYTHON_IMAGE} AS production",
        ),
        kills("dockerfile.no_remote_files"),
        "tree",
    ),
    Mutant(
        "added-not-copied",
        "The service's code is added with ADD.",
        swap("Dockerfile", "COPY service/ service/", "ADD service/ service/"),
        kills("dockerfile.copy"),
        "tree",
    ),
    Mutant(
        "overridden-command",
        "A command stands above the one in force, and is never run.",
        swap(
            "Dockerfile",
            "STOPSIGNAL SIGTERM\n",
            'STOPSIGNAL SIGTERM\nCMD ["/app/venv/bin/python", "-m", "service.check"]\n',
        ),
        kills("dockerfile.once"),
        "tree",
    ),
    Mutant(
        "failure-before-pipe",
        "A step goes on when the first part of its pipe fails.",
        swap("Dockerfile", "WORKDIR /build\n", "WORKDIR /build\nRUN cat requirements/none.txt | sort >sorted.txt\n"),
        kills("dockerfile.pipes"),
        "tree",
    ),
    Mutant(
        "unverified-index",
        "pip takes packages from whoever answers for the index's name.",
        swap(
            "Dockerfile",
            "tools/bin/pip install --quiet --require-hashes",
            "tools/bin/pip install --trusted-host example.org --quiet --require-hashes",
        ),
        kills("dockerfile.verified_sources"),
        "tree",
    ),
    Mutant(
        "variable-of-itself",
        "A variable is made of one that is not set yet.",
        swap("Dockerfile", "WORKDIR /app\nUSER", 'ENV ROOT=/app CONFIGURATION="${ROOT}/config"\nWORKDIR /app\nUSER'),
        kills("dockerfile.variables"),
        "tree",
    ),
    Mutant(
        "relative-folder",
        "The service's folder is named without a leading slash.",
        swap("Dockerfile", "WORKDIR /app\nUSER", "WORKDIR app\nUSER"),
        kills("dockerfile.absolute_paths"),
        "tree",
    ),
    Mutant(
        "floating-base",
        "The base image has no version.",
        swap("Dockerfile", "ARG PYTHON_IMAGE=python:3.13-slim-trixie", "ARG PYTHON_IMAGE=python"),
        kills("dockerfile.pinned_base"),
        "tree",
    ),
    Mutant(
        "no-hashes-asked",
        "pip is not told to require hashes.",
        swap("Dockerfile", "tools/bin/pip install --quiet --require-hashes", "tools/bin/pip install --quiet"),
        kills("dockerfile.hash_locked"),
        "image",
    ),
    Mutant(
        "shell-command",
        "The command is in shell form: signals end at the shell.",
        swap("Dockerfile", 'CMD ["/app/venv/bin/python", "-m", "service"]', "CMD /app/venv/bin/python -m service"),
        kills("dockerfile.exec_form", "image.command"),
        "image",
    ),
    Mutant(
        "hidden-shell-command",
        "The command is written in exec form, and starts a shell.",
        swap(
            "Dockerfile",
            'CMD ["/app/venv/bin/python", "-m", "service"]',
            'CMD ["/bin/sh", "-c", "/app/venv/bin/python -m service"]',
        ),
        kills("dockerfile.exec_form", "image.command"),
        "image",
    ),
)

COMPOSE = (
    Mutant(
        "password-in-command",
        "Redis gets its password on its command line, and it is `changeme`.",
        service("redis-prod", command=["redis-server", "--appendonly", "yes", "--requirepass", "changeme"]),
        kills("compose.no_secrets"),
        "tree",
        says=("compose.no_secrets", "services.redis-prod.command", "declare it under secrets: as a file"),
    ),
    Mutant(
        "default-password",
        "The compose file falls back to a default password, as in many examples.",
        swap(
            "docker-compose.yml",
            "    command: [redis-server, /etc/redis/redis.conf]\n",
            '    command: redis-server --appendonly yes --requirepass "${REDIS_PASSWORD:-changeme}"\n',
        ),
        kills("compose.no_secrets", "compose.strong_password"),
        "tree",
    ),
    Mutant(
        "weak-password",
        "The operator set a password that every scanner tries.",
        lambda root: _set(root, "REDIS_PASSWORD", "changeme"),
        kills("compose.strong_password"),
        "tree",
    ),
    Mutant(
        "password-in-health-check",
        "Redis's health check shows the real password.",
        password_in_compose,
        kills("compose.no_secrets"),
        "tree",
    ),
    Mutant(
        "password-in-environment",
        "The service gets its password in an environment variable.",
        service("facilitator", environment={"REDIS_PASSWORD": "${REDIS_PASSWORD:-}"}),
        kills("compose.no_secrets"),
        "tree",
    ),
    Mutant(
        "secret-from-environment",
        "A secret comes from the environment instead of a file.",
        model(lambda m: m["secrets"].update(redis_password={"environment": "REDIS_PASSWORD"})),
        kills("compose.secret_files"),
        "tree",
    ),
    Mutant(
        "override-file",
        "An override file that nobody looks at makes the root file system writable.",
        write("docker-compose.override.yml", "services:\n  facilitator:\n    read_only: false\n"),
        kills("compose.read_only"),
        "tree",
    ),
    Mutant(
        "development-service-in-production",
        "The development Redis, which has no password, is part of production.",
        model(lambda m: m["services"]["redis"].update(profiles=["production"])),
        kills(
            "compose.services",
            "compose.read_only",
            "compose.capabilities",
            "compose.no_new_privileges",
            "compose.user",
            "compose.limits",
            "compose.logging",
        ),
        "tree",
    ),
    Mutant(
        "engine-socket-in-folder",
        "The service sees /var/run, in which the Docker socket lies.",
        service("facilitator", volumes=["./config/config.json:/app/config/config.json:ro", "/var/run/:/host:ro"]),
        kills("compose.host_folders"),
        "tree",
    ),
    Mutant(
        "privileged",
        "The service is privileged.",
        service("facilitator", privileged=True),
        kills("compose.isolation"),
        "tree",
    ),
    Mutant(
        "host-network",
        "The service is on the host's own network.",
        model(_networks_gone),
        kills("compose.isolation"),
        "tree",
    ),
    Mutant(
        "added-capability",
        "A capability is given back after all were dropped.",
        service("redis-prod", cap_add=["SYS_PTRACE"]),
        kills("compose.capabilities"),
        "tree",
    ),
    Mutant(
        "no-seccomp",
        "The system call filter is switched off.",
        service("facilitator", security_opt=["no-new-privileges:true", "seccomp=unconfined"]),
        kills("compose.no_new_privileges"),
        "tree",
    ),
    Mutant(
        "open-port",
        "Redis is published on every address of the machine.",
        service("redis-prod", ports=["6380:6379"]),
        kills("compose.ports"),
        "tree",
    ),
    Mutant(
        "no-limits",
        "Redis may take all memory of the machine.",
        service("redis-prod", deploy=None),
        kills("compose.limits"),
        "tree",
    ),
    Mutant(
        "every-cpu",
        "The service may use every CPU of the machine.",
        model(lambda m: m["services"]["facilitator"]["deploy"]["resources"]["limits"].pop("cpus")),
        kills("compose.limits"),
        "tree",
    ),
    Mutant(
        "no-restart",
        "The service stays down after a crash.",
        service("facilitator", restart="no"),
        kills("compose.restart"),
        "tree",
    ),
    Mutant(
        "endless-logs",
        "Logs grow until the disk is full.",
        service("facilitator", logging={"driver": "json-file"}),
        kills("compose.logging"),
        "tree",
    ),
    Mutant(
        "writable-config",
        "The service can change its own configuration.",
        service("facilitator", volumes=["./config/config.json:/app/config/config.json"]),
        kills("compose.config_mount", "compose.host_folders"),
        "tree",
    ),
    Mutant(
        "data-in-memory",
        "Redis keeps its data on a tmpfs.",
        service("redis-prod", volumes=["./config/redis.conf:/etc/redis/redis.conf:ro"], tmpfs=["/data"]),
        kills("compose.data_volumes"),
        "tree",
    ),
    Mutant(
        "floating-redis",
        "Redis's image has no version.",
        service("redis-prod", image="redis"),
        kills("compose.images"),
        "tree",
    ),
    Mutant(
        "no-waiting",
        "The service is started as soon as Redis's container exists.",
        service("facilitator", depends_on=["redis-prod"]),
        kills("compose.depends_on"),
        "tree",
    ),
)


def _set(root: Path, name: str, value: str) -> None:
    file = root / ".env"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith(f"{name}=")]
    file.write_text("\n".join([*kept, f"{name}={value}"]) + "\n", encoding="utf-8")
