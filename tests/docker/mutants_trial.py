"""Mutants that only a running stack shows: each is started, asked, broken further and stopped like the healthy one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.docker.mutant import Mutant, Patch, both, kills, model, payload, service, swap
from tests.docker.mutants_image import SITE

if TYPE_CHECKING:
    from pathlib import Path

LISTENING = '    log("info", "listening"'
_REST_IS_GOOD = {"interval": "5s", "timeout": "3s", "start_period": "30s", "start_interval": "200ms", "retries": 2}


def acl(old: str, new: str, *options: str) -> Patch:
    """Let Redis run with a rule of its ACL file replaced, as a careless edit of the file would leave it."""
    # A backslash for sed: `&` means what was found.
    program = f"s/{old}/{new.replace('&', chr(92) + '&')}/"
    script = f"sed '{program}' /run/secrets/redis_acl >/data/users.acl; exec redis-server /etc/redis/redis.conf"
    return service("redis-prod", command=["sh", "-c", " ".join([script, "--aclfile /data/users.acl", *options])])


def while_listening(*lines: str) -> Patch:
    """Let the service do something more before it begins to listen."""
    return swap("service/lifecycle.py", LISTENING, "".join(f"    {line}\n" for line in lines) + LISTENING)


def configuration(**redis: Any) -> Patch:
    """Change what config.json says about Redis."""

    def apply(root: Path) -> None:
        file = root / "config/config.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        document["redis"].update(redis)
        file.write_text(json.dumps(document), encoding="utf-8")

    return apply


RUNTIME = (
    # Those that take longest stand first: they run beside the others.
    Mutant(
        "always-green",
        "/health says that all is well, whatever Redis says.",
        swap("service/health.py", "json_response(503 if code else 200, document)", "json_response(200, document)"),
        kills("runtime.health_flip"),
        "trial",
    ),
    Mutant(
        "deaf-to-sigterm",
        "The service ignores SIGTERM.",
        swap("service/lifecycle.py", "_SIGNALS = (signal.SIGTERM, signal.SIGINT)", "_SIGNALS = (signal.SIGUSR1,)"),
        kills("runtime.sigterm"),
        "trial",
        says=("runtime.sigterm", "it ended with exit code", "handle SIGTERM: stop accepting"),
    ),
    Mutant(
        "cuts-off-requests",
        "On SIGTERM the service ends at once, whatever it was doing.",
        swap("service/lifecycle.py", "server.drain(config.server.drain_seconds)", "server.drain(0)"),
        kills("runtime.sigterm"),
        "trial",
    ),
    Mutant(
        "dies-at-start",
        "The service ends as soon as it is started.",
        while_listening('raise SystemExit("no such mode")'),
        kills("runtime.healthy"),
        "trial",
        starts=False,
    ),
    Mutant(
        "writable-root",
        "The service's root file system is writable.",
        service("facilitator", read_only=False),
        kills("compose.read_only", "runtime.read_only_root"),
        "trial",
    ),
    Mutant(
        "writes-beside-itself",
        "The service writes a file that a read-only root file system refuses.",
        while_listening(
            "import contextlib",
            "import pathlib",
            "with contextlib.suppress(OSError):",
            '    pathlib.Path("/tmp/pid").write_text("1")',
        ),
        kills("runtime.read_only_root"),
        "trial",
    ),
    Mutant(
        "root-in-compose",
        "The compose file starts the service as root, whatever its image says.",
        service("facilitator", user="0:0"),
        kills("compose.user", "runtime.identity"),
        "trial",
    ),
    Mutant(
        "keeps-capabilities",
        "Redis keeps the capabilities that Docker gives by default.",
        service("redis-prod", cap_drop=None),
        kills("compose.capabilities", "runtime.identity"),
        "trial",
    ),
    Mutant(
        "one-more-listener",
        "The service listens on a second port, for debugging.",
        while_listening('await asyncio.start_server(lambda *_: None, "0.0.0.0", 5678)'),
        kills("runtime.listener"),
        "trial",
    ),
    Mutant(
        "password-in-log",
        "The service logs its password when it starts.",
        while_listening('log("info", "connecting", secret=open("/run/secrets/redis_password").read())'),
        kills("runtime.no_secrets"),
        "trial",
    ),
    Mutant(
        "token-in-log",
        "The service logs the token of whoever asks.",
        swap(
            "service/auth.py",
            '        if scheme.lower() != "bearer":',
            '        self._log("info", "asked", by=token)\n        if scheme.lower() != "bearer":',
        ),
        kills("runtime.no_secrets"),
        "trial",
    ),
    Mutant(
        "shows-signatures",
        "A settlement is shown with its signature, which is all that is needed to broadcast it.",
        swap(
            "service/claims.py", '"claimedAt": self.claimed_at,', '"claimedAt": self.claimed_at, "x": self.signature,'
        ),
        kills("runtime.no_secrets"),
        "trial",
    ),
    Mutant(
        "drops-a-setting",
        "What starts the stack leaves out a limit that the model sets, as another Compose would: without a word.",
        swap(
            "seatrial/evidence/trial/life.py",
            "file.write_text(json.dumps(model)",
            """file.write_text(json.dumps(model).replace('"pids": 64', '"pids": 0')""",
        ),
        kills("runtime.matches_model"),
        "trial",
        says=("runtime.matches_model", "PidsLimit is 0, the model says 64", "docker compose up again"),
    ),
    Mutant(
        "memory-hog",
        "The service takes 160 MB when it starts.",
        while_listening('hog = b"x" * 160_000_000'),
        kills("runtime.memory"),
        "trial",
    ),
    Mutant(
        "other-code-under-the-same-head",
        "The service's compiled code was replaced, and its head still names the source beside it.",
        payload(
            f'cd $(echo {SITE}/service); python3 -c "import glob, marshal; '
            "name = glob.glob('__pycache__/defaults.*')[0]; head = open(name, 'rb').read(16); "
            "code = compile(open('defaults.py').read() + 'BACKDOOR = 1', name, 'exec'); "
            "open(name, 'wb').write(head + marshal.dumps(code))\"; cd /build"
        ),
        kills("runtime.bytecode"),
        "trial",
    ),
)

REDIS = (
    Mutant(
        "no-password",
        "Redis asks nobody for a password: the default user is on and has none.",
        acl("^user default off.*", "user default on nopass ~* &* +@all", "--protected-mode no"),
        kills(
            *("redis.no_password", "redis.wrong_password", "redis.users", "redis.health_check"),
            "compose.redis_config",
        ),
        "trial",
        says=("redis.no_password", "PING (no password): +PONG", "`user default off` in the ACL file"),
    ),
    Mutant(
        "no-acl-file",
        "Redis was started without its users, so nobody's password is right.",
        swap("config/redis.conf", "aclfile /run/secrets/redis_acl\n", ""),
        kills("compose.redis_config", "runtime.healthy"),
        "trial",
        starts=False,
    ),
    Mutant(
        "default-user-on",
        "The default user is on, with a password that nobody keeps.",
        acl("^user default off resetpass", "user default on >somebody-knows-it"),
        kills("redis.users"),
        "trial",
    ),
    Mutant(
        "service-may-all",
        "The service's user may run every command.",
        acl("resetchannels -@all +set .*", "resetchannels +@all"),
        kills("redis.least_privilege", "redis.users"),
        "trial",
    ),
    Mutant(
        "probe-may-more",
        "The health check's user may read settings.",
        acl("-@all +ping$", "-@all +ping +info +config"),
        kills("redis.probe", "redis.users"),
        "trial",
    ),
    Mutant(
        "green-health-check",
        "Redis's health check stays green, whatever password it is given.",
        service(
            "redis-prod",
            healthcheck={
                "test": [
                    "CMD-SHELL",
                    'REDISCLI_AUTH="$$(cat /run/secrets/redis_probe_password)" redis-cli --user probe ping',
                ],
                **_REST_IS_GOOD,
            },
        ),
        kills("compose.healthcheck", "redis.health_check"),
        "trial",
        says=("redis.health_check", "with a wrong password it stays green", "grep -qx PONG"),
    ),
    Mutant(
        "wrong-password-in-health-check",
        "Redis's health check asks with a password that was changed since.",
        service(
            "redis-prod",
            healthcheck={
                "test": ["CMD-SHELL", "REDISCLI_AUTH=former redis-cli -e --user probe ping | grep -qx PONG"],
                **_REST_IS_GOOD,
                "start_period": "1s",
                "interval": "1s",
            },
        ),
        kills("compose.no_secrets", "runtime.healthy", "runtime.services"),
        "trial",
        starts=False,
    ),
    Mutant(
        "may-not-ping",
        "The service's user is let in and then refused.",
        acl("+select +ping", "+select"),
        kills("redis.right_password"),
        "trial",
    ),
    Mutant(
        "no-open-control",
        "The Redis that should be open, to show what the questions are worth, asks for a password as well.",
        swap(
            "seatrial/evidence/trial/model.py",
            '"--protected-mode", "no"',
            '"--protected-mode", "no", "--requirepass", "closed"',
        ),
        kills("redis.negative_control"),
        "trial",
        says=("redis.negative_control", "an open Redis passes the question", "a defect of seatrial"),
    ),
    Mutant(
        "no-persistence",
        "Redis keeps everything in memory only.",
        swap("config/redis.conf", "appendonly yes", "appendonly no"),
        kills("redis.persistence", "redis.durability", "payment.survives"),
        "trial",
    ),
    Mutant(
        "eviction",
        "Redis forgets claims when its memory is full.",
        swap("config/redis.conf", "maxmemory-policy noeviction", "maxmemory-policy allkeys-lru"),
        kills("redis.persistence"),
        "trial",
    ),
    Mutant(
        "way-out",
        "The network that the service and Redis share has a way out.",
        model(lambda m: m["networks"].update(backend={})),
        kills("redis.loopback"),
        "trial",
    ),
    Mutant(
        "service-is-admin",
        "The service connects to Redis as the administrator.",
        both(
            configuration(username="admin"),
            model(lambda m: m["secrets"]["redis_password"].update(file="./secrets/redis_admin_password")),
        ),
        kills("redis.service_user"),
        "trial",
    ),
)
