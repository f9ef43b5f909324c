"""Mutants that the image shows: its configuration, its layers, its packages, where it comes from."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.docker.mutant import Mutant, Patch, append, both, kills, last_stage, payload, service, swap, write

if TYPE_CHECKING:
    from pathlib import Path

SITE = "/payload/app/venv/lib/python3*/site-packages"
INTO_VENV = "tools/bin/pip --python /app/venv/bin/python install --quiet --no-deps --no-compile"
DEVELOPMENT = "requirements/development.txt"


def locked(root: Path, *names: str) -> str:
    """Return the lines that lock some packages, with their hashes, from the development requirements."""
    text = (root / DEVELOPMENT).read_text(encoding="utf-8")
    found = [re.search(rf"^{name}==(?:.*\\\n)*.*\n", text, re.MULTILINE) for name in names]
    assert all(found), f"{DEVELOPMENT} lacks one of {names}: the mutant must be mended"
    return "".join(match[0] for match in found if match)


def pytest_in_image(root: Path) -> None:
    """Install pytest beside the production requirements, with hashes, from a file of its own."""
    write("requirements/build.txt", (root / "requirements/build.txt").read_text(encoding="utf-8"))(root)
    write("requirements/tools.txt", locked(root, "pytest", "iniconfig"))(root)
    append(".dockerignore", "!requirements/tools.txt\n")(root)
    swap("Dockerfile", "COPY requirements/build.txt ", "COPY requirements/tools.txt requirements/build.txt ")(root)
    swap(
        "Dockerfile",
        "      -r requirements/production.txt\n",
        "      -r requirements/production.txt -r requirements/tools.txt\n",
    )(root)


def pytest_in_lock(root: Path) -> None:
    """Lock a development package for production, by mistake."""
    append("requirements/production.txt", locked(root, "iniconfig"))(root)


def without_hashes(root: Path) -> None:
    """Take the hashes out of the lock, and install it without asking for them."""
    file = root / "requirements/production.txt"
    file.write_text(re.sub(r" \\\n\s+--hash=\S+", "", file.read_text(encoding="utf-8")), encoding="utf-8")
    text = (root / "Dockerfile").read_text(encoding="utf-8")
    old = "install --quiet --require-hashes --no-deps --no-compile"
    write("Dockerfile", text.replace(old, old.replace(" --require-hashes", "")))(root)


def stale_sbom(root: Path) -> None:
    """Keep the SBOM of an older image, which had another version of a package."""
    file = root / "dist/sbom.cdx.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    document["components"] = [{**c, "version": "0.9.0"} if c["name"] == "h11" else c for c in document["components"]]
    file.write_text(json.dumps(document), encoding="utf-8")


IMAGE = (
    Mutant(
        "root",
        "The image runs as root.",
        swap("Dockerfile", "USER 1001:1001", "USER 0:0"),
        kills("image.user", "layers.code_read_only"),
        "image",
        says=("image.user", "Config.User='0:0': the image runs as uid 0", "`USER uid:gid`"),
    ),
    Mutant(
        "root-by-another-name",
        "The image's user has a harmless name and the id 0.",
        both(
            swap("Dockerfile", "appuser:x:1001:1001:", "appuser:x:0:0:"),
            swap("Dockerfile", "USER 1001:1001", "USER appuser"),
        ),
        kills("image.user", "image.accounts", "layers.code_read_only"),
        "image",
    ),
    Mutant(
        "account-without-password",
        "The service's account has an empty password.",
        swap("Dockerfile", "appuser:x:1001:1001:", "appuser::1001:1001:"),
        kills("image.accounts"),
        "image",
    ),
    Mutant(
        "root-without-password",
        "The image's shadow lets everyone become root without a password.",
        payload("printf 'root::20000:0:99999:7:::\\n' >/payload/etc/shadow"),
        kills("image.accounts"),
        "image",
    ),
    Mutant(
        "no-health-check",
        "The health check was switched off.",
        lambda root: write(
            "Dockerfile",
            re.sub(r"HEALTHCHECK .*?\\\n.*\n", "HEALTHCHECK NONE\n", (root / "Dockerfile").read_text(encoding="utf-8")),
        )(root),
        kills("image.healthcheck", "dockerfile.instructions"),
        "image",
    ),
    Mutant(
        "health-check-asks-localhost",
        "The health check asks localhost, which can be ::1, in a shell.",
        lambda root: write(
            "Dockerfile",
            re.sub(
                r"(HEALTHCHECK .*?\\\n).*\n",
                r"\1    CMD wget --spider http://localhost:3000/health || exit 1" + "\n",
                (root / "Dockerfile").read_text(encoding="utf-8"),
            ),
        )(root),
        kills("image.healthcheck", "dockerfile.exec_form"),
        "image",
    ),
    Mutant(
        "more-ports",
        "The image exposes a port for debugging too.",
        swap("Dockerfile", "EXPOSE 3000", "EXPOSE 3000 5678"),
        kills("image.port"),
        "image",
    ),
    Mutant(
        "another-stop-signal",
        "The image is stopped with a signal that the service does not know.",
        swap("Dockerfile", "STOPSIGNAL SIGTERM", "STOPSIGNAL SIGQUIT"),
        kills("image.command"),
        "image",
    ),
    Mutant(
        "secret-in-environment",
        "A password is in the image's environment.",
        swap("Dockerfile", "ENV PATH=/app", "ENV REDIS_PASSWORD=hunter2-hunter2 \\\n    PATH=/app"),
        kills("dockerfile.no_secrets", "image.no_secrets"),
        "image",
    ),
    Mutant(
        "credential-for-children",
        "The image hands a command with a credential to every image that is made from it.",
        last_stage("ONBUILD RUN redis-cli -a hunter2-hunter2 ping"),
        kills("image.no_secrets", "dockerfile.no_secrets"),
        "image",
    ),
    Mutant(
        "volume-on-code",
        "The image declares its own code a volume, which outlives the container that wrote to it.",
        last_stage("VOLUME /app"),
        kills("image.no_volumes"),
        "image",
    ),
    Mutant(
        "grown-payload",
        "16 MB of data were copied into the image.",
        payload("head -c 16000000 /dev/zero >/payload/app/data.bin"),
        kills("image.payload_budget"),
        "image",
    ),
    Mutant(
        "changed-after-build",
        "The service was changed after its image was built.",
        append("service/defaults.py", "\nCHANGED = True\n"),
        kills("image.revision"),
        "image",
        built="before",
    ),
    Mutant(
        "built-by-hand",
        "The image was built with `docker build` alone, so nobody can tell what it was made from.",
        append("README.md", "\n"),
        kills("image.labels", "image.revision", "image.created"),
        "image",
        built="by hand",
    ),
)

LAYERS = (
    Mutant(
        "deleted-secret",
        "A file with secrets was added in one step and removed in the next: it is still in the image.",
        last_stage("RUN date >/app/.env", "RUN rm /app/.env"),
        kills("layers.no_secrets", "supply.base"),
        "image",
    ),
    Mutant(
        "token-in-layer",
        "A token lies in a file with a harmless name.",
        payload("printf 'ghp_%036d' 7 >/payload/app/notes.txt"),
        kills("layers.no_secrets"),
        "image",
    ),
    Mutant(
        "setuid",
        "A program that everyone may run as root is in the image.",
        payload("install -D -m 4755 /usr/bin/env /payload/app/bin/helper"),
        kills("layers.no_privilege"),
        "image",
    ),
    Mutant(
        "file-capability",
        "A program of the image brings a capability along.",
        payload(
            'install -D -m 755 /usr/bin/env /payload/app/bin/helper; python3 -c "import os; os.setxattr('
            "'/payload/app/bin/helper', 'security.capability', bytes.fromhex('0100000200200000' + '00' * 12))\""
        ),
        kills("layers.no_privilege"),
        "image",
    ),
    Mutant(
        "world-writable",
        "The configuration's folder is writable by everyone.",
        payload("chmod 777 /payload/app/config"),
        kills("layers.no_world_writable"),
        "image",
    ),
    Mutant(
        "service-owns-code",
        "The payload belongs to the service's own user, which so can change its code.",
        swap("Dockerfile", "COPY --from=build /payload/ /", "COPY --from=build --chown=1001:1001 /payload/ /"),
        kills("layers.code_read_only"),
        "image",
    ),
    Mutant(
        "version-control",
        "Version control data is in the image.",
        payload("mkdir /payload/app/.git; echo main >/payload/app/.git/HEAD"),
        kills("layers.no_leavings"),
        "image",
    ),
    Mutant(
        "token-in-packed-archive",
        "A token lies in a wheel inside a compressed archive.",
        payload(
            "printf 'ghp_%036d' 7 >/tmp/notes.txt; mkdir -p /tmp/pack /payload/app/data; cd /tmp; "
            "python3 -m zipfile -c /tmp/pack/tool-1-py3-none-any.whl notes.txt; "
            "tar -czf /payload/app/data/tools.tar.gz pack; cd /build"
        ),
        kills("layers.no_secrets"),
        "image",
    ),
    Mutant(
        "index-credentials",
        "The package index's address with its password is left in pip's configuration.",
        payload("echo 'index-url = https://ci:tok3n-of-ci@index.example/simple' >/payload/etc/pip.conf"),
        kills("layers.no_secrets", "dockerfile.no_secrets"),
        "image",
    ),
    Mutant(
        "half-an-archive",
        "Half of a compressed archive is in the image: what it held cannot be told.",
        payload("gzip -c /usr/bin/env >/tmp/x.gz; head -c 10000 /tmp/x.gz >/payload/app/backup.gz"),
        kills("layers.readable"),
        "image",
    ),
    Mutant(
        "bomb",
        "A small file that unpacks to a gigabyte is in the image.",
        payload("truncate -s 1G /payload/app/dump; gzip /payload/app/dump"),
        kills("layers.readable"),
        "image",
    ),
)

PACKAGES = (
    Mutant(
        "pytest-in-image",
        "pytest is installed in the image.",
        pytest_in_image,
        kills("packages.locked", "packages.no_development"),
        "image",
        says=(
            "packages.no_development",
            "pytest",
            "is a development dependency",
            "install only requirements/production",
        ),
    ),
    Mutant(
        "pip-in-image",
        "The environment that is shipped holds its installer.",
        swap("Dockerfile", "python3 -m venv --without-pip /app/venv", "python3 -m venv /app/venv"),
        kills("packages.locked", "packages.no_development", "packages.bytecode", "image.payload_budget"),
        "image",
    ),
    Mutant(
        "compiler-in-image",
        "A compiler is in the image.",
        payload("install -D -m 755 /usr/bin/env /payload/usr/local/bin/gcc"),
        kills("packages.no_development"),
        "image",
    ),
    Mutant(
        "development-in-lock",
        "A development package is in the production lock, and nothing there needs it.",
        pytest_in_lock,
        kills("packages.lock_in_step"),
        "image",
    ),
    Mutant(
        "lock-behind",
        "A dependency was raised in service/pyproject.toml, and not locked again.",
        swap("service/pyproject.toml", '    "h11>=0.16",', '    "h11>=99",'),
        kills("packages.lock_in_step"),
        "image",
    ),
    Mutant(
        "lock-without-hashes",
        "The lock has no hashes, and none are asked for.",
        without_hashes,
        kills("packages.hashes", "dockerfile.hash_locked"),
        "image",
    ),
    Mutant(
        "patched-package",
        "A file of a package was changed after it was installed.",
        payload(f"echo '# quick fix' >>$(echo {SITE}/h11/_util.py)"),
        kills("packages.record", "packages.bytecode"),
        "image",
    ),
    Mutant(
        "unowned-file",
        "A file that no package owns is run at each start of Python.",
        payload(f"echo 'import os' >$(echo {SITE})/hook.pth"),
        kills("packages.record"),
        "image",
    ),
    Mutant(
        "local-install",
        "The service was installed from a path, which its metadata still names.",
        swap("Dockerfile", "--find-links wheels x402-fac", "wheels/x402_fac-*.whl"),
        kills("packages.no_development"),
        "image",
    ),
    Mutant(
        "stale-bytecode",
        "The service's compiled code is of another source than its own, and Python runs the compiled code.",
        payload(
            "echo 'BACKDOOR = True' >/tmp/defaults.py; "
            "python3 -m compileall -q --invalidation-mode unchecked-hash /tmp/defaults.py; "
            f"cp /tmp/__pycache__/defaults.*.pyc $(echo {SITE})/service/__pycache__/"
        ),
        kills("packages.bytecode"),
        "image",
    ),
    Mutant(
        "bytecode-without-source",
        "A module is shipped compiled only.",
        payload(f"cp $(echo {SITE})/service/__pycache__/defaults.*.pyc /payload/app/hidden.pyc"),
        kills("packages.bytecode"),
        "image",
    ),
)


def left_behind(expires: str) -> Patch:
    """Waive that a root file system is writable, until a day."""
    lines = ['promise = "compose.read_only"', 'place = "*"', 'reason = "it is being mended"', f"expires = {expires}"]
    return append("pyproject.toml", "\n".join(["", "[[tool.seatrial.waivers]]", *lines, ""]))


SUPPLY = (
    Mutant(
        "waiver-nobody-needs",
        "A waiver was left behind when the promise was kept again.",
        left_behind("2999-01-01"),
        kills("supply.waivers"),
        "tree",
        says=("nothing needs it any more",),
    ),
    Mutant(
        "waiver-out-of-date",
        "A waiver has expired, and what it was for is still broken.",
        both(
            service("redis-prod", read_only=None),
            left_behind("2020-01-01"),
        ),
        kills("supply.waivers", "compose.read_only"),
        "tree",
    ),
    Mutant(
        "unrepeatable",
        "The time of the build is written into the image.",
        payload("date +%s%N >/payload/app/built"),
        kills("supply.reproducible"),
        "rebuild",
    ),
    Mutant(
        "stale-sbom",
        "The SBOM lists another version than is installed.",
        stale_sbom,
        kills("supply.sbom"),
        "image",
        built="before",
    ),
    Mutant(
        "one-more-layer",
        "The last stage changes files itself, in a layer of its own.",
        last_stage("RUN ln -s /app/venv/bin/python /usr/local/bin/service"),
        kills("supply.base"),
        "image",
    ),
)
