"""Well-made images of other shapes, really built: every finding about them is true."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from seatrial import engine, verify
from seatrial.evidence import Evidence, image
from seatrial.settings import chosen_image
from seatrial.verify import Verdict
from tests import good
from tests.docker.yard import PREFIX, ROOT, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LABELS = "".join(f" org.opencontainers.image.{name}=x" for name in ("revision", "source", "version", "created"))
NOT_OURS = {"image.revision", "image.created", "image.payload_budget"}
"""They compare with a tree and a base of ours; these images have neither."""


@dataclass(frozen=True)
class Image:
    """An image: its Dockerfile (BASE is the local base), where its code lies, and what is to be said of it."""

    dockerfile: str
    root: str
    port: int
    says: dict[str, list[str]] = field(default_factory=dict)


IMAGES = {
    # A static program and nothing else: no shell, no passwd, the number of distroless images.
    "nothing-but-a-program": Image(
        """\
FROM BASE AS build
RUN mkdir /out && cp /bin/true /out/server && chmod 0555 /out/server
FROM scratch
COPY --from=build /out/server /server
USER 65532:65532
EXPOSE 8080
HEALTHCHECK CMD ["/server", "-probe", "127.0.0.1:8080"]
ENTRYPOINT ["/server"]
""",
        "/server",
        8080,
    ),
    # As Node images are made: a user of the base, modules and a bundle in layers of their own.
    "modules-and-bundle": Image(
        """\
FROM BASE AS build
RUN mkdir -p /out/node_modules /out/bundle && cd /out && echo x >node_modules/index.js && echo y >bundle/main.js
FROM BASE
RUN echo node:x:1000:1000::/srv:/usr/sbin/nologin >>/etc/passwd && echo node:x:1000: >>/etc/group
ENV NODE_ENV=production PORT=8081 NODE_OPTIONS=--enable-source-maps
WORKDIR /srv/web
COPY --from=build /out/node_modules/ node_modules/
COPY --from=build /out/bundle/ bundle/
USER 1000:1000
EXPOSE 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s CMD ["node", "bundle/probe.js"]
CMD ["node", "bundle/main.js"]
""",
        "/srv/web",
        8081,
    ),
    # As Java images are made: one archive, an entry point with options, arguments beside it.
    "one-archive": Image(
        """\
FROM BASE AS build
RUN python3 -c "import zipfile; zipfile.ZipFile('/orders.jar', 'w').writestr('META-INF/MANIFEST.MF', 'Main-Class: x')"
FROM BASE
COPY --from=build --chown=0:0 --chmod=0444 /orders.jar /opt/orders/orders.jar
WORKDIR /opt/orders
USER 10001:10001
EXPOSE 8443/tcp
HEALTHCHECK --start-period=2m CMD ["java", "-cp", "orders.jar", "Probe", "https://127.0.0.1:8443/"]
ENTRYPOINT ["java", "-XX:MaxRAMPercentage=75", "-jar", "/opt/orders/orders.jar"]
CMD ["--profile=production"]
""",
        "/opt/orders",
        8443,
    ),
    # A virtual environment that is no Python service's own: in /opt, with an init in front.
    "init-in-front": Image(
        """\
FROM BASE AS build
RUN python3 -m venv --without-pip /opt/shipping && rm -f /opt/shipping/.gitignore
FROM BASE
COPY --from=build /opt/shipping /opt/shipping
ENV PATH=/opt/shipping/bin:/usr/bin:/bin TOKEN_FILE=/run/secrets/token
WORKDIR /opt/shipping
USER 2000:2000
EXPOSE 9000
HEALTHCHECK CMD ["/opt/shipping/bin/python", "-c", "import socket; socket.create_connection(('127.0.0.1', 9000))"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["/opt/shipping/bin/python", "-m", "shipping"]
""",
        "/opt/shipping",
        9000,
    ),
    # A site of static files; its server is stopped by another signal, which is the one true thing to say.
    "static-files": Image(
        """\
FROM BASE
COPY --chmod=0444 <<PAGE /usr/share/site/index.html
<title>here</title>
PAGE
WORKDIR /usr/share/site
USER 101:101
EXPOSE 8082
STOPSIGNAL SIGQUIT
HEALTHCHECK CMD ["wget", "-q", "--spider", "http://127.0.0.1:8082/"]
CMD ["nginx", "-g", "daemon off;"]
""",
        "/usr/share/site",
        8082,
        {"image.command": ["Config.StopSignal: the stop signal is SIGQUIT"]},
    ),
    # A data volume of its own, which hides what the compose file grants.
    "volume-of-its-own": Image(
        """\
FROM BASE
COPY --chmod=0555 <<PROGRAM /srv/keeper/run
#!/usr/bin/python3
PROGRAM
VOLUME /srv/kept
USER 7000:7000
EXPOSE 7000
HEALTHCHECK CMD ["/srv/keeper/run", "--probe", "127.0.0.1"]
CMD ["/srv/keeper/run"]
""",
        "/srv/keeper",
        7000,
        {"image.no_volumes": ["Config.Volumes /srv/kept: it is declared as a volume"]},
    ),
}


@pytest.fixture(scope="module")
def connected() -> Iterator[engine.Engine]:
    opened = engine.connect()
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("name", IMAGES)
def test_every_finding_is_true(name: str, connected: engine.Engine, tmp_path: Path) -> None:
    made = IMAGES[name]
    ours = good.settings(root=ROOT)
    base = chosen_image(ours, "PYTHON_IMAGE")
    (tmp_path / "Dockerfile").write_text(
        made.dockerfile.replace("FROM BASE", f"FROM {base}").replace("HEALTHCHECK", f"LABEL{LABELS}\nHEALTHCHECK", 1),
        encoding="utf-8",
    )
    tag = f"{PREFIX}-{name}"
    run(["docker", "build", "--quiet", "--network=none", "--tag", tag, "."], tmp_path)
    try:
        documents: dict[str, Any] = image.documents(connected, tag, good.WANTED)
        documents |= image.base_documents(connected, base)[0]
    finally:
        connected.remove_image(tag)
    settings = good.settings(root=tmp_path, package_root=made.root, service_port=made.port)
    evidence = Evidence(settings, {**documents, "tree.files": {"Dockerfile": made.dockerfile}}, {}, good.WANTED)
    found = {}
    for check in verify.select("image,layers"):
        result = verify.judge(check, evidence)
        if check.id not in NOT_OURS and result.verdict is not Verdict.PASS:
            found[check.id] = [f"{problem.where}: {problem.message}" for problem in result.problems] or [result.reason]
    assert found == made.says
