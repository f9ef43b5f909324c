"""Projects of other shapes, well made: what is said of them must be true.

Their files lie in tests/fixtures/foreign/NAME. `says` lists every finding that is expected, check by check, and each is
true: something that the project leaves to others or to chance. All other checks find nothing.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seatrial import compose, compose_files
from seatrial.evidence import Evidence, compose_model
from tests import good

if TYPE_CHECKING:
    from seatrial.settings import Settings

FOLDER = Path(__file__).parent / "fixtures" / "foreign"
REDIS_CHECKS = ("compose.data_volumes", "compose.redis_config", "compose.redis_users", "compose.depends_on")
OURS_ONLY = ("compose.config_mount",)
"""Asks for the file that only our own service reads."""
USERS = f"user default off\nuser app on #{'0' * 64} ~app:* -@all +get +set\nuser probe on #{'0' * 64} -@all +ping\n"


@dataclass(frozen=True)
class Project:
    """A project, the settings that it would have, and what is to be said of it."""

    name: str
    service: str
    redis: str = ""
    port: int = 8080
    root: str = "/app"
    others: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    """Secrets that hold Redis's users; every other one holds a password."""
    says: dict[str, list[str]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    def settings(self, root: Path) -> Settings:
        services = tuple(filter(None, (self.service, self.redis, *self.others)))
        return good.settings(
            root=root,
            image=self.name,
            production_services=services,
            development_services=services if self.name == "rust-distroless" else (),
            service=self.service,
            redis_service=self.redis,
            package_root=self.root,
            service_port=self.port,
        )

    def tree(self) -> dict[str, str]:
        """Return the files that decide about the image."""
        names = ("Dockerfile", ".dockerignore")
        return {name: (self.folder / name).read_text(encoding="utf-8") for name in names}

    def copied(self, folder: Path) -> Settings:
        """Copy the project with secrets of its own and return its settings."""
        root = folder / self.name
        shutil.copytree(self.folder, root)
        if (root / "dotenv").exists():
            (root / "dotenv").rename(root / ".env")
        (root / "secrets").mkdir()
        for name in self.users:
            (root / "secrets" / name).write_text(USERS, encoding="utf-8")
        return self.settings(root)

    def evidence(self, project: Settings) -> Evidence:
        """Return what can be known without an engine; the docker client resolves the model."""
        production = compose.Stack(self.name, project.root, profiles=("production", "live")).model()
        development = compose.Stack(self.name, project.root).model() if self._has_development(production) else "{}"
        documents: dict[str, Any] = {
            "tree.files": self.tree(),
            "compose.production": production,
            "compose.development": development,
            "compose.sources": compose_files.texts(project.root),
            "workspace.bind_address": "",
            "workspace.password_fault": "",
            **compose_model.documents(project, production),
        }
        return Evidence(project, documents, {}, good.WANTED)

    def _has_development(self, production: str) -> bool:
        return not all(service.get("profiles") for service in json.loads(production)["services"].values())


PROJECTS = (
    Project("go-scratch", "server", "store", root="/", users=("users.acl",)),
    Project("node-override", "web", "cache", 8081, "/srv/web", users=("users.acl",)),
    Project("java-jar", "orders", "sessions", 8443, "/opt/orders"),
    Project("python-uv", "shipping", "store", 9000, "/opt/venv", users=("users.acl",)),
    Project("rust-distroless", "relay", port=7000, root="/usr/local/bin"),
    Project("python-fleet", "web", "broker", 8000, "/srv/fleet", ("worker", "clock"), ("users.acl",)),
    Project("static-site", "site", root="/usr/share/nginx/html"),
    Project("ruby-bundle", "rails", "kv", 3001, "/rails", users=("kv_users",)),
    Project("dotnet-deploy", "api", port=5000, root="/srv/api"),
    Project("php-named-files", "php", port=9000, root="/var/www"),
)
