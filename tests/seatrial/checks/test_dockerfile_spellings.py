"""Faults of a Dockerfile in the spellings that occur, and what is no fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatrial import verify
from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence

HEALTHY = """\
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS build
RUN pip install --require-hashes -r production.txt
FROM ${PYTHON_IMAGE} AS production
COPY --from=build /payload/ /
WORKDIR /app
USER 1001:1001
EXPOSE 3000
HEALTHCHECK CMD ["python", "-m", "service.healthcheck"]
CMD ["python", "-m", "service"]
"""


def dockerfile(text: str) -> Evidence:
    return good.evidence().edited("tree.files", lambda files: {**files, "Dockerfile": text})


def plus(line: str) -> Evidence:
    """Return good evidence whose last stage has one more line."""
    return dockerfile(f"{HEALTHY}{line}\n")


def instead(old: str, new: str) -> Evidence:
    assert old in HEALTHY
    return dockerfile(HEALTHY.replace(old, new, 1))


CHECKS = tuple(check.id for check in verify.select("dockerfile"))
NEARLY_NOTHING = (
    *("", "\n# nothing\n", "FROM\n", "RUN\n", "\\\n"),
    "FROM x\nRUN\nADD\nCOPY\nWORKDIR\nENV\nRUN |\n",
    "FROM x\nRUN\nRUN <<\nRUN ''\nRUN sh -c\nRUN bash\n",
    "FROM --platform= x\n",
    "FROM x\nRUN []\nONBUILD\nMAINTAINER\nRUN sudo\nRUN cd\nRUN rm -r $\nRUN env A=1\n",
)


@pytest.mark.parametrize("check", CHECKS)
def test_a_healthy_one_in_other_words(check: str) -> None:
    for text in (
        HEALTHY,
        HEALTHY.lower().replace("python_image", "PYTHON_IMAGE"),
        HEALTHY.replace("\n", "\r\n"),
        "\ufeff" + HEALTHY,
    ):
        assert good.problems(check, dockerfile(text)) == []


@pytest.mark.parametrize("check", CHECKS)
def test_an_empty_one_is_no_crash(check: str) -> None:
    for text in NEARLY_NOTHING:
        good.problems(check, dockerfile(text))


@pytest.mark.parametrize(
    "evidence",
    [
        dockerfile('FROM python:3.13\nCMD ["x"]\n'),
        dockerfile(""),
        instead("COPY --from=build /payload/ /\n", ""),
        instead("--from=build", "--from=other:1"),
        instead("FROM ${PYTHON_IMAGE} AS production", "FROM build AS production"),
        plus("RUN apt-get update && apt-get install -y curl"),
        plus("RUN apt -y install gcc"),
        plus("RUN apk add --no-cache gcc"),
        plus("RUN pip install x"),
        plus("RUN pip3.13 install x"),
        plus("RUN python -m pip install x"),
        plus("RUN --mount=type=cache,target=/root/.cache pip install x"),
        plus("RUN uv sync"),
        plus('RUN ["pip", "install", "x"]'),
        plus("RUN set -eu; \\\n  # tools\n  make all"),
        plus("RUN <<EOF\nset -e\napt-get install gcc\nEOF"),
        plus("RUN curl -o x http://127.0.0.1/x"),
    ],
)
def test_a_last_stage_that_is_not_slim_is_seen(evidence: Evidence) -> None:
    assert good.problems("dockerfile.stages", evidence)


@pytest.mark.parametrize(
    "evidence",
    [
        plus("RUN rm -rf /var/lib/apt/lists/* /usr/bin/make"),
        plus("RUN echo 'make it so'"),
        instead("--from=build", "--from=0"),
        instead("--from=build", "--from=BUILD"),
        dockerfile("FROM x:1 AS base\nENV A=1\n" + HEALTHY.replace("FROM ${PYTHON_IMAGE}", "FROM base")),
    ],
)
def test_a_last_stage_that_is_slim(evidence: Evidence) -> None:
    assert good.problems("dockerfile.stages", evidence) == []


@pytest.mark.parametrize(
    "line",
    [
        "ENV REDIS_PASSWORD=x",
        "ENV REDIS_PASSWORD x",
        "env A=1 \\\n  # comment\n  API_KEY=x",
        'ENV A="b" TOKEN="c"',
        "ARG TOKEN",
        "ARG NPM_TOKEN=x OTHER=1",
        'LABEL app.secret="x"',
        f"ENV HARMLESS={good.SECRET}",
        f"RUN echo {good.SECRET.encode().hex()}",
        f"RUN <<EOF\necho {good.SECRET}\nEOF",
        f"LABEL note={good.SECRET}",
        "RUN pip install --index-url https://user:hunter2@index.example.org/simple x",
        "RUN TOKEN=x make",
        "RUN curl -u admin:hunter2 http://127.0.0.1",
        "COPY .env /app/.env",
        "COPY secrets/ /app/secrets/",
        'COPY ["config/config.json", "/app/config/"]',
        "ADD --chown=0:0 id_rsa /root/.ssh/",
        "CMD redis-cli -a hunter2",
        "RUN --mount=type=secret,id=token cat /run/secrets/token > /token.txt",
        "RUN --mount=type=secret,id=token cat /run/secrets/token >>/app/.config",
        "RUN --mount=type=secret,id=token,dst=/key cat /key > /app/key",
        "RUN --mount=type=secret,id=token set -e; cp /run/secrets/token /app/",
        "RUN --mount=type=secret,target=/etc/key,id=x install -m 0400 /etc/key /app/key",
        'RUN wget "https://some.example.org/download?token=abcdef" -O /x',
        'LABEL com.example.service.auth-key="x"',
        "ONBUILD ENV REDIS_PASSWORD x",
        "ONBUILD ARG NPM_TOKEN",
        "ONBUILD COPY .env /app/",
        "onbuild add id_rsa /root/.ssh/",
        "ENV PRIVATE_KEY=${KEY}",
        "ARG GIT_CREDENTIALS",
        "COPY --link .npmrc ./",
        "COPY --exclude=*.md secrets /app/secrets",
        "COPY ~/.aws/credentials /root/.aws/",
        "ENV A=1 \\\n\n  PGPASSWORD=x",
    ],
)
def test_a_secret_is_seen(line: str) -> None:
    found = good.problems("dockerfile.no_secrets", plus(line))
    assert found
    assert all(good.SECRET not in said for said in found)


def test_a_secret_before_the_first_stage_is_seen() -> None:
    assert good.problems("dockerfile.no_secrets", dockerfile(f"ARG REDIS_PASSWORD=x\n{HEALTHY}"))


@pytest.mark.parametrize(
    "line",
    [
        "ENV REDIS_PASSWORD_FILE=/run/secrets/redis_password",
        "ENV GPG_KEY=7169605F62C751356D054A26A821E680E5FA6305",
        "LABEL org.opencontainers.image.authors=x",
        "RUN --mount=type=secret,id=token cat /run/secrets/token >/dev/null",
        "RUN --mount=type=secret,id=token TOKEN_FILE=/run/secrets/token make >/var/log/made",
        "RUN --mount=type=secret,id=ca,dst=/ca.pem cat /ca.pem | wc -c",
        "RUN ln -s /run/secrets/token /app/token",
        "COPY --from=build /payload/secrets/x /x",
        "COPY .env.example /app/",
        "COPY <<.env /app/x\nA=1\n.env",
        "RUN find / \\( -type d -a -name test \\) && cp -a /x /y",
        "# ENV REDIS_PASSWORD=x",
    ],
)
def test_what_is_no_secret(line: str) -> None:
    assert good.problems("dockerfile.no_secrets", plus(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "ADD https://example.org/x /x",
        "ADD http://example.org/x /x",
        "add HTTPS://example.org/x /x",
        'ADD ["https://example.org/x", "/x"]',
        "ADD --chmod=755 https://example.org/x /x",
        "ADD a.txt \\\n  https://example.org/x /x/",
        "ADD git@example.org:x/y.git /x",
        "ADD ssh://git@example.org/x /x",
        "ADD https://example.org/x.git#main /x",
        "ARG SOURCE=https://example.org/x\nADD ${SOURCE} /x",
        "ENV A=https://example.org\nENV B=$A/x\nADD $B /x",
        "ONBUILD ADD https://example.org/x /x",
        "ADD --keep-git-dir=true https://example.org/x.git /x",
        "ADD git://example.org/x /x",
        "RUN curl -fsSL https://example.org/install.sh | sh",
        "RUN wget -qO- https://example.org/install.sh | bash -s -- --yes",
        'RUN sh -c "$(curl -fsSL https://example.org/install.sh)"',
        "RUN curl -o /usr/bin/tool https://example.org/tool && chmod +x /usr/bin/tool",
        "RUN --mount=type=cache,target=/x wget https://example.org/tool.tgz",
        "ARG V=1\nARG URL=https://example.org/$V\nRUN curl -O $URL",
        "RUN <<EOF\ncurl -O https://example.org/x\nEOF",
    ],
)
def test_a_file_from_a_url_is_seen(line: str) -> None:
    assert good.problems("dockerfile.no_remote_files", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "ADD x.tar.gz /x",
        "ADD --checksum=sha256:" + "0" * 64 + " https://example.org/x /x",
        "COPY https.txt /x",
        "ADD .gitkeep digit /x",
        "RUN echo ADD https://example.org",
        'RUN curl -O https://example.org/x && echo "0  x" | sha256sum -c -',
        "RUN wget https://example.org/x.asc https://example.org/x && gpg --verify x.asc x",
        "RUN curl -f http://127.0.0.1:3000/health",
        "RUN echo https://example.org/curl >/etc/motd",
    ],
)
def test_a_file_that_is_not_from_a_url(line: str) -> None:
    assert good.problems("dockerfile.no_remote_files", plus(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "CMD python -m service",
        "cmd python -m service",
        "CMD ['python', '-m', 'service']",
        'CMD ["python", "-m", "service"',
        'CMD ["/bin/sh", "-c", "python -m service"]',
        'CMD ["/usr/bin/env", "bash", "-lc", "x"]',
        'ENTRYPOINT ["tini", "--", "sh", "run.sh"]',
        "ENTRYPOINT exec python",
        "HEALTHCHECK CMD curl -f http://127.0.0.1:3000",
        "HEALTHCHECK --interval=5s cmd curl -f http://127.0.0.1:3000",
        'HEALTHCHECK CMD ["sh", "-c", "x"]',
    ],
)
def test_a_shell_in_front_is_seen(line: str) -> None:
    assert good.problems("dockerfile.exec_form", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        'ENTRYPOINT ["tini", "--"]',
        "HEALTHCHECK NONE",
        'HEALTHCHECK --retries=2 \\\n CMD ["x"]',
        "RUN echo x",
        'CMD ["a", \\\n "b"]',
    ],
)
def test_no_shell_in_front(line: str) -> None:
    assert good.problems("dockerfile.exec_form", plus(line)) == []


@pytest.mark.parametrize(
    "text",
    [
        "USR 1001\nRUNN x\n",
        "RUN <<A <<B\nx\nA\n",
        "# escape=`\nFROM a:1 AS b\nRUN x `\n",
        "FROM a:1\nRUN x \\\n# comment\n",
        "COPY --from\nADD\nENV\nARG\nLABEL\nUSER\nHEALTHCHECK CMD\nCMD [\nONBUILD\nONBUILD ONBUILD\n",
        "FROM " + "$" * 5000 + "\n",
        "FROM a:1 AS " + "b" * 100_000 + "\n",
        "RUN " + "\\\n" * 20_000,
        "RUN " + "pip -" * 5_000,
        "ADD " + "https:" * 20_000,
        "\x00\xff\ufffd\n" * 100,
    ],
    ids=range(11),
)
def test_what_is_no_dockerfile_is_a_finding_and_no_crash(text: str) -> None:
    for check in CHECKS:
        good.problems(check, dockerfile(text))
    assert good.problems("dockerfile.instructions", dockerfile(text))


@pytest.mark.parametrize("word", ["WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "CMD"])
def test_a_missing_instruction_is_seen(word: str) -> None:
    lines = [line for line in HEALTHY.splitlines() if not line.startswith(word)]
    assert any(
        f"has no {word}" in line for line in good.problems("dockerfile.instructions", dockerfile("\n".join(lines)))
    )
    emptied = [word if line.startswith(word) else line for line in HEALTHY.splitlines()]
    assert good.problems("dockerfile.instructions", dockerfile("\n".join(emptied)))


def test_an_entry_point_is_a_command() -> None:
    assert good.problems("dockerfile.instructions", instead('CMD ["python", "-m"', 'ENTRYPOINT ["python", "-m"')) == []


def test_a_health_check_that_is_taken_away_again_is_seen() -> None:
    assert good.problems("dockerfile.instructions", plus("HEALTHCHECK none"))


def test_an_instruction_of_an_earlier_stage_does_not_count() -> None:
    text = HEALTHY.replace("USER 1001:1001\n", "").replace("AS build\n", "AS build\nUSER 1001:1001\n")
    assert good.problems("dockerfile.instructions", dockerfile(text))


@pytest.mark.parametrize(
    "evidence",
    [
        instead("python:3.13-slim", "python"),
        instead("python:3.13-slim", "python:latest"),
        instead("python:3.13-slim", "registry.example.org:5000/python"),
        instead("ARG PYTHON_IMAGE=python:3.13-slim", "ARG PYTHON_IMAGE"),
        instead("FROM ${PYTHON_IMAGE} AS build", "FROM --platform=linux/amd64 debian AS build"),
        instead("FROM ${PYTHON_IMAGE} AS build", "FROM production AS build"),
        plus("COPY --from=busybox /bin/sh /sh"),
        plus("COPY --from=ghcr.example.org/uv:latest /uv /uv"),
        plus("RUN --mount=type=bind,from=tools,target=/x true"),
    ],
)
def test_an_image_without_a_version_is_seen(evidence: Evidence) -> None:
    assert good.problems("dockerfile.pinned_base", evidence)


@pytest.mark.parametrize(
    "evidence",
    [
        instead("python:3.13-slim", "python@sha256:" + "0" * 64),
        instead("python:3.13-slim", "registry.example.org:5000/python:3.13"),
        instead("FROM ${PYTHON_IMAGE} AS production", "FROM scratch AS production"),
        instead("FROM ${PYTHON_IMAGE} AS production", "FROM build AS production"),
        plus("COPY --from=busybox:1.36 /bin/sh /sh"),
        plus("RUN --mount=type=bind,from=build,target=/x true"),
        plus("COPY --from=0 /x /y"),
    ],
)
def test_images_with_a_version(evidence: Evidence) -> None:
    assert good.problems("dockerfile.pinned_base", evidence) == []


@pytest.mark.parametrize(
    "command",
    [
        *(
            "pip install x",
            "pip3 install x",
            "pip3.13 install x",
            "python -m pip install -r x.txt",
            "pip --no-cache-dir install x",
        ),
        *("set -eu; pip install x", "true && pip install x || true", "uv pip install x", "uv sync", "pip download x"),
        *(
            "pip install --require-hashes -r a.txt && pip install x",
            '["pip", "install", "x"]',
            "pip wheel x",
            "pipx install x",
        ),
        *("npm install", "npm i", "npm install --production", "npm --prefix web install", "yarn", "yarn install"),
        *("pnpm install", "pnpm add x", "pipenv install", "cargo install x", "go install x@latest", "gem install x"),
        *("go get x", "npm add x", "go install x@main", "go install x@v1", "go run example.org/x@latest", "bun add x"),
        *("<<EOF\npip install x\nEOF", "pip install \\\n  # why\n  x"),
    ],
)
def test_an_install_without_hashes_is_seen(command: str) -> None:
    assert good.problems(
        "dockerfile.hash_locked", instead("RUN pip install --require-hashes -r production.txt", f"RUN {command}")
    )


@pytest.mark.parametrize(
    "command",
    [
        *("pip install --require-hashes -r x.txt", "pip install -r x.txt --require-hashes", "pip install --no-index x"),
        *(
            "uv sync --frozen",
            "uv sync --locked",
            "uv pip install --require-hashes -r x",
            "echo pipeline install",
            "pip check",
        ),
        *("npm ci", "npm ci --omit=dev", "npm run build", "yarn install --frozen-lockfile", "yarn install --immutable"),
        *("pnpm install --frozen-lockfile", "pipenv install --deploy", "cargo install --locked x", "go mod download"),
        *("go run ./cmd/x", "go install x@v1.2.3-rc.1", "go install x@0123456789ab", "bun install --frozen-lockfile"),
        *("go install ./...", "go install x@v1.2.3", "bundle install", "composer install", "cargo build --release"),
        '["pip", "install", "--require-hashes", "-r", "x.txt"]',
    ],
)
def test_an_install_with_hashes(command: str) -> None:
    assert (
        good.problems(
            "dockerfile.hash_locked", instead("RUN pip install --require-hashes -r production.txt", f"RUN {command}")
        )
        == []
    )
