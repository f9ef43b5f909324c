"""Broken projects that were not made for our checks: each breaks a rule of a peer, as its documents name it."""

from __future__ import annotations

from typing import Any

from tests.docker.mutant import Mutant, Patch, early, kills, last_stage, payload, service, swap

CMD = 'CMD ["/app/venv/bin/python", "-m", "service"]'
CONFIG = "./config/config.json:/app/config/config.json:ro"


def text(name: str, rules: str, breaks: str, patch: Patch, *ids: str) -> Mutant:
    """Return a fault that the files of the tree show."""
    return Mutant(name, f"{breaks} ({rules})", patch, kills(*ids), "tree")


def image(name: str, rules: str, breaks: str, patch: Patch, *ids: str) -> Mutant:
    """Return a fault that only an image shows."""
    return Mutant(name, f"{breaks} ({rules})", patch, kills(*ids), "image")


def on_service(name: str, rules: str, breaks: str, *ids: str, **keys: Any) -> Mutant:
    """Return a fault in the compose file's entry of the service."""
    return text(name, rules, breaks, service("facilitator", **keys), *ids)


DOCKERFILE = (
    text(
        "relative-workdir",
        "DL3000, CKV_DOCKER_10, DS009",
        "WORKDIR is relative.",
        swap("Dockerfile", "WORKDIR /app\nUSER", "WORKDIR app\nUSER"),
    ),
    text("sudo", "DL3004, CKV2_DOCKER_1, DS010", "A step uses sudo.", early("RUN sudo true")),
    text(
        "packages-without-version",
        "DL3008",
        "Debian packages are installed in no particular version.",
        early("RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*"),
    ),
    text(
        "package-lists-left",
        "DL3009, DKL-DI-0005",
        "Debian's package lists stay in the build stage.",
        early("RUN apt-get update && apt-get install -y --no-install-recommends gcc=4:14.2.0-1"),
    ),
    text(
        "recommended-packages",
        "DL3015, DS029",
        "Recommended packages are installed too.",
        early("RUN apt-get update && apt-get install -y gcc=4:14.2.0-1 && rm -rf /var/lib/apt/lists/*"),
    ),
    text(
        "add-for-copy",
        "DL3020, CKV_DOCKER_4, DS005, CIS-DI-0009",
        "Files are added with ADD, which also unpacks and fetches.",
        swap("Dockerfile", "COPY service/ service/", "ADD service/ service/"),
    ),
    text("apt-in-script", "DL3027, CKV_DOCKER_9", "A step uses apt, which is for people.", early("RUN apt list")),
    text(
        "pip-cache",
        "DL3042",
        "pip keeps its cache in the build stage.",
        swap("Dockerfile", "ENV PIP_NO_CACHE_DIR=1 PIP", "ENV PIP"),
    ),
    text("two-commands", "DL4003, DS016", "There are two CMD, and the first is never run.", last_stage('CMD ["true"]')),
    text(
        "two-health-checks",
        "DL3012, DS023",
        "There are two HEALTHCHECK, and the first is never run.",
        last_stage('HEALTHCHECK CMD ["true"]'),
    ),
    text(
        "two-entry-points",
        "DL4004, DS007",
        "There are two ENTRYPOINT, and the first is never run.",
        last_stage('ENTRYPOINT ["env"]', 'ENTRYPOINT ["env", "-u", "HOME"]'),
    ),
    text(
        "pipe-hides-failure",
        "DL4006",
        "A step goes on when the first part of its pipe fails.",
        early("RUN cat requirements/none.txt | sort > sorted.txt"),
    ),
    text("update-alone", "CKV_DOCKER_5, DS017, CIS-DI-0007", "A step only updates lists.", early("RUN apt-get update")),
    text(
        "upgrade",
        "DL3005, DS024, DKL-DI-0003",
        "A step upgrades the base to whatever is newest.",
        early("RUN apt-get update && apt-get dist-upgrade -y"),
    ),
    text(
        "curl-insecure",
        "CKV2_DOCKER_2",
        "A download does not check whom it comes from.",
        early("RUN curl --insecure -o tool https://example.org/tool"),
    ),
    text(
        "wget-insecure",
        "CKV2_DOCKER_3",
        "Another download does not check whom it comes from.",
        early("RUN wget --no-check-certificate https://example.org/tool"),
    ),
    text(
        "trusted-host",
        "CKV2_DOCKER_4",
        "pip does not check whom packages come from.",
        swap(
            "Dockerfile",
            "tools/bin/pip install --quiet --require-hashes",
            "tools/bin/pip install --trusted-host example.org --quiet --require-hashes",
        ),
    ),
    text("python-insecure", "CKV2_DOCKER_5", "Python checks no certificate.", early("ENV PYTHONHTTPSVERIFY=0")),
    text("node-insecure", "CKV2_DOCKER_6", "Node checks no certificate.", early("ENV NODE_TLS_REJECT_UNAUTHORIZED=0")),
    text(
        "unsigned-packages",
        "CKV2_DOCKER_9, CIS-DI-0011",
        "Debian packages are installed without their signatures.",
        early("RUN apt-get install -y --no-install-recommends --allow-unauthenticated gcc=4:14.2.0-1"),
    ),
    text("password-set", "CKV2_DOCKER_17", "A step sets a password.", early("RUN echo root:hunter2 | chpasswd")),
    text("maintainer", "DL4000, CKV_DOCKER_6, DS022", "MAINTAINER is used.", last_stage("MAINTAINER somebody")),
    text("cd-in-step", "DL3003, DS013", "A step changes the folder with cd.", early("RUN cd /tmp && true")),
    text(
        "copy-from-image",
        "DL3022",
        "A file comes from an image without a version.",
        last_stage("COPY --from=busybox /bin/busybox /bin/busybox"),
        "dockerfile.pinned_base",
    ),
    text(
        "one-platform",
        "DL3029",
        "The image can be made for one architecture only.",
        swap("Dockerfile", "FROM ${PYTHON_IMAGE} AS build", "FROM --platform=linux/amd64 ${PYTHON_IMAGE} AS build"),
    ),
    text(
        "unset-variable",
        "DL3044",
        "A variable uses one that the same ENV sets, which is not set yet.",
        last_stage('ENV ROOT=/srv DATA="${ROOT}/data"'),
    ),
    text(
        "relative-copy",
        "DL3045",
        "Something is copied to a relative path before any WORKDIR.",
        swap("Dockerfile", "COPY --from=build /payload/ /\n", "COPY --from=build /payload/ /\nCOPY LICENSE ./\n"),
    ),
    text("high-uid", "DL3046", "A user with a high id makes a huge log file.", early("RUN useradd -u 4000000 worker")),
    text("unquoted", "SC2086", "A variable in a step is not quoted.", early("RUN rm -rf /tmp/$HOSTNAME")),
    text("two-downloaders", "DL4001", "wget and curl are both used.", early("RUN wget --version; curl --version")),
    text("shell-replaced", "DL4005", "A step replaces /bin/sh.", early("RUN ln -sf /bin/bash /bin/sh")),
    text("npm-without-version", "DL3016", "npm installs whatever is newest.", early("RUN npm install express")),
)

IMAGE = (
    image(
        "ssh-port",
        "CKV_DOCKER_1, DS004",
        "The image exposes the port of SSH.",
        swap("Dockerfile", "EXPOSE 3000", "EXPOSE 3000 22"),
        "image.port",
    ),
    image(
        "empty-password",
        "DKL-LI-0001",
        "The service's account has an empty password.",
        swap("Dockerfile", "appuser:x:1001:1001:", "appuser::1001:1001:"),
    ),
    image(
        "two-accounts-of-one-id",
        "DKL-LI-0002",
        "Two accounts have one id.",
        swap(
            "Dockerfile",
            "    echo 'appgroup:x:1001:'",
            "    echo 'other:x:1001:1001::/:/bin/false' >>/payload/etc/passwd; \\\n    echo 'appgroup:x:1001:'",
        ),
    ),
    image(
        "system-volume",
        "DKL-DI-0002",
        "The image declares /proc a volume.",
        last_stage("VOLUME /proc"),
        "image.no_volumes",
    ),
    image(
        "key-file",
        "CIS-DI-0010",
        "A file is named as a private key.",
        payload("touch /payload/app/id_rsa"),
        "layers.no_secrets",
    ),
    image(
        "cloud-key",
        "aws-access-key-id",
        "The key of a cloud account lies in a file.",
        payload("printf 'key = AKIA%s\\n' IOSFODNN7QWERTYU >/payload/app/settings.ini"),
        "layers.no_secrets",
    ),
    image(
        "chat-token",
        "slack-access-token",
        "The token of a chat lies in a file.",
        payload(
            "printf 'token = xoxb-%012d-%012d-%s\\n' 123456789012 123456789012 abcdefghijklmnopqrstuvwx"
            " >/payload/app/settings.ini"
        ),
        "layers.no_secrets",
    ),
    image(
        "payment-token",
        "stripe-secret-token",
        "The key of a payment provider lies in a file.",
        payload("printf 'key = sk_live_%s\\n' 4eC39HqLyjWDarjtT1zdp7dc >/payload/app/settings.ini"),
        "layers.no_secrets",
    ),
    image(
        "stored-twice",
        "dive",
        "A later layer stores a large file once more.",
        last_stage("RUN touch -d 2020-01-01 /app/venv/lib/python3*/site-packages/_pysha3*.so"),
        "supply.base",
    ),
)

COMPOSE = (
    on_service(
        "engine-socket",
        "CL-0001",
        "The service sees the engine's socket.",
        volumes=[CONFIG, "/var/run/docker.sock:/var/run/docker.sock"],
    ),
    on_service("latest", "CL-0004", "The service's image is `latest`.", image="x402-fac:latest"),
    on_service(
        "no-apparmor",
        "CL-0009",
        "AppArmor is switched off.",
        security_opt=["no-new-privileges:true", "apparmor:unconfined"],
    ),
    on_service(
        "no-selinux", "CL-0009", "SELinux is switched off.", security_opt=["no-new-privileges:true", "label:disable"]
    ),
    on_service("host-processes", "CL-0010", "The service sees the host's processes.", pid="host"),
    on_service("host-ipc", "CL-0010", "The service shares the host's memory segments.", ipc="host"),
    on_service("host-users", "CL-0010", "The service's users are the host's.", userns_mode="host"),
    on_service("host-name", "CL-0010", "The service may rename the host.", uts="host"),
    on_service("network-admin", "CL-0011", "The service may change networks.", cap_add=["NET_ADMIN"]),
    on_service("host-etc", "CL-0013", "The service reads /etc of the host.", volumes=[CONFIG, "/etc:/host:ro"]),
    on_service("no-logs", "CL-0014", "Nothing is logged.", logging={"driver": "none"}),
    on_service("memory-device", "CL-0016", "The service gets the host's memory.", devices=["/dev/mem:/dev/mem"]),
    on_service("every-device", "CL-0016", "The service may use every device.", device_cgroup_rules=["a *:* rwm"]),
    on_service(
        "shared-mount",
        "CL-0017",
        "What the service mounts shows on the host.",
        volumes=[
            CONFIG,
            {
                "type": "bind",
                "source": "./config",
                "target": "/srv",
                "read_only": True,
                "bind": {"propagation": "shared"},
            },
        ],
    ),
    on_service(
        "connection-string",
        "CL-0021",
        "A URL in the environment holds a password.",
        environment={"STORE": "redis://me:hunter2-hunter2@redis-prod:6379/0"},
    ),
    on_service(
        "executable-tmpfs", "CL-0022", "Programs can be run from the service's tmpfs.", tmpfs=["/tmp:exec,suid,dev"]
    ),
    on_service("all-capabilities", "CL-0024", "The service has every capability.", cap_add=["ALL"]),
    on_service("host-root", "CL-0025", "The service can write to /etc of the host.", volumes=[CONFIG, "/etc:/host"]),
    on_service("no-limits-at-all", "CL-0026", "The service has no limits.", deploy=None),
    on_service("clock", "CL-0028", "The service may set the clock.", cap_add=["SYS_TIME"]),
    on_service("locked-memory", "CL-0029", "The service may lock memory.", cap_add=["IPC_LOCK"]),
    on_service("kernel-log", "CL-0030", "The service reads the kernel's log.", cap_add=["SYSLOG"]),
    text(
        "cloud-key-in-environment",
        "CL-0020",
        "The key of a cloud account is in the environment.",
        service("facilitator", environment={"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYQWERTYUIOPAS"}),
    ),
)

FAULTS: tuple[Mutant, ...] = (*DOCKERFILE, *IMAGE, *COMPOSE)
