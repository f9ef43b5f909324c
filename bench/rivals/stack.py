"""goss inside the containers of a running stack: the production model, with goss and its assertions mounted."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bench.rivals import findings, install, peers
from seatrial import settings
from seatrial.errors import SeatrialError
from seatrial.evidence import trial

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.rivals.findings import Findings
    from seatrial.engine import Engine

INSIDE = "/goss"
OVERRIDE = "docker-compose.override.yml"


def ask_goss(project: settings.Settings, engine: Engine, image: str) -> Findings:
    """Start the stack of a copy of the project, ask goss in each of its services, and remove the stack.

    A service that does not run cannot be asked, and that is seen as well: a finding of its own.
    """
    found: Findings = Counter()
    services = (project.service, project.redis_service)
    folder = Path(tempfile.mkdtemp(prefix="seatrial-goss-"))
    try:
        folder.chmod(0o755)
        shutil.copy2(install.program("goss"), folder / "goss")
        for service in services:
            shutil.copyfile(peers.HERE / "goss" / f"{service}.yaml", folder / f"{service}.yaml")
        copy = settings.load(shutil.copytree(project.root, folder / "project", symlinks=True))
        _mount(copy.root / OVERRIDE, services, f"{folder}:{INSIDE}:ro")
        with trial.started(copy, engine, image, lambda _: None) as running:
            for service in services:
                found += _asked(running, engine, service)
    except SeatrialError as error:
        # Not every broken compose file can be made a stack at all, and that is seen too.
        found = Counter([f"the stack cannot be started ({error.code.value.code})"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def _mount(override: Path, services: Iterable[str], mount: str) -> None:
    """Add a mount to services, in the override file that Compose reads by itself; the copy is thrown away later."""
    document: dict[str, Any] = yaml.safe_load(override.read_text(encoding="utf-8")) if override.is_file() else {}
    for service in services:
        document.setdefault("services", {}).setdefault(service, {}).setdefault("volumes", []).append(mount)
    override.write_text(json.dumps(document), encoding="utf-8")


def _asked(running: trial.Trial, engine: Engine, service: str) -> Findings:
    if service not in running.documents["trial.start"]["running"]:
        return Counter([f"{service} does not run"])
    argv = [f"{INSIDE}/goss", "-g", f"{INSIDE}/{service}.yaml", "validate", "--format", "json"]
    said = engine.execute(running.container(service)["Id"], argv)
    return Counter({f"{service}: {one}": count for one, count in findings.counted(findings.goss, said.output).items()})
