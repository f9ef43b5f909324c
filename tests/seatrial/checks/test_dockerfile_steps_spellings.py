"""Steps of a Dockerfile that do not do what they seem to do, in the spellings that occur, and what is no fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import good
from tests.seatrial.checks.test_dockerfile_spellings import HEALTHY, dockerfile, instead, plus

if TYPE_CHECKING:
    from seatrial.evidence import Evidence


@pytest.mark.parametrize(
    "line",
    ["ADD service/ service/", "add a.tar.gz /srv/", "ADD --chown=1:1 a /a", 'ADD ["a", "/a"]', "ADD <<EOF /a\nb\nEOF"],
)
def test_add_in_place_of_copy_is_seen(line: str) -> None:
    assert good.problems("dockerfile.copy", plus(line))


@pytest.mark.parametrize("line", ["ADD --checksum=sha256:00 https://example.org/x /x", "COPY ADD /x", "RUN ADD=1"])
def test_what_is_fetched_is_for_another_check(line: str) -> None:
    assert good.problems("dockerfile.copy", plus(line)) == []


@pytest.mark.parametrize(
    "line", ['CMD ["true"]', 'HEALTHCHECK CMD ["true"]', "healthcheck none", 'ENTRYPOINT ["a"]\nENTRYPOINT ["b"]']
)
def test_what_a_later_line_overrides_is_seen(line: str) -> None:
    assert good.problems("dockerfile.once", plus(line))


def test_each_stage_may_have_its_own() -> None:
    assert good.problems("dockerfile.once", instead("RUN pip", 'CMD ["a"]\nHEALTHCHECK NONE\nRUN pip')) == []


@pytest.mark.parametrize(
    "line",
    [
        "RUN cat a | sort",
        "RUN curl -fsS http://127.0.0.1/x | tar xz",
        "RUN set -eu; \\\n  apt-cache dump |& grep x",
        "RUN <<EOF\nset -e\ncat a | sort > b\nEOF",
        "RUN --mount=type=cache,target=/c cat a | sort",
        'SHELL ["/bin/sh", "-c"]\nRUN cat a | sort',
        "RUN echo x && cat a | sort",
    ],
)
def test_a_failure_in_front_of_a_pipe_is_seen(line: str) -> None:
    assert good.problems("dockerfile.pipes", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "RUN true || false",
        "RUN echo 'a | b'",
        "RUN printf x | sha256sum -c",
        "RUN set -o pipefail; cat a | sort",
        'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN cat a | sort',
        'RUN ["cat", "a | b"]',
        "RUN bash -euo pipefail -c 'cat a | sort'",
    ],
)
def test_a_pipe_that_hides_nothing(line: str) -> None:
    assert good.problems("dockerfile.pipes", plus(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "RUN curl -k https://example.org/x",
        "RUN curl -fsSLk https://example.org/x",
        "RUN set -e; curl --insecure -o x https://example.org/x",
        "RUN wget --no-check-certificate https://example.org/x",
        "RUN pip install --trusted-host example.org --require-hashes -r x",
        "RUN pip install --trusted-host=example.org --require-hashes -r x",
        "RUN apt-get install --allow-unauthenticated gcc",
        "RUN apt-get install -y --force-yes gcc",
        "RUN apk add --allow-untrusted gcc",
        "RUN yum install --nogpgcheck gcc",
        "RUN echo 'deb [trusted=yes] http://example.org x main' >/etc/apt/sources.list",
        "RUN npm config set strict-ssl false",
        "RUN git config --global http.sslVerify false",
        "RUN GIT_SSL_NO_VERIFY=1 git clone https://example.org/x",
        "RUN export NODE_TLS_REJECT_UNAUTHORIZED=0; npm ci",
        "ENV NODE_TLS_REJECT_UNAUTHORIZED=0",
        "ENV NODE_TLS_REJECT_UNAUTHORIZED 0",
        "ENV A=1 PYTHONHTTPSVERIFY=0",
        "ARG PIP_TRUSTED_HOST=example.org",
        "ENV NPM_CONFIG_STRICT_SSL=false",
        'RUN ["curl", "--insecure", "https://example.org/x"]',
    ],
)
def test_a_check_that_is_switched_off_is_seen(line: str) -> None:
    assert good.problems("dockerfile.verified_sources", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "RUN curl -fsSL https://example.org/x",
        "RUN curl --key k https://example.org/x",
        "RUN tar -k x && curl -f https://example.org/x",
        "ENV NODE_TLS_REJECT_UNAUTHORIZED=1 PYTHONHTTPSVERIFY=1 GIT_SSL_NO_VERIFY=0",
        "ARG PIP_TRUSTED_HOST",
        "RUN npm config set strict-ssl true",
        "LABEL note=--no-check-certificate",
    ],
)
def test_a_check_that_stays_on(line: str) -> None:
    assert good.problems("dockerfile.verified_sources", plus(line)) == []


@pytest.mark.parametrize(
    "evidence",
    [
        plus("WORKDIR app"),
        plus("workdir ./app"),
        plus('WORKDIR "app"'),
        instead("COPY --from=build /payload/ /\n", "COPY --from=build /payload/ app/\n"),
        instead("COPY --from=build /payload/ /\n", 'COPY --from=build ["/payload", "app"]\n'),
        instead("RUN pip", "COPY a b ./\nRUN pip"),
    ],
)
def test_a_relative_path_is_seen(evidence: Evidence) -> None:
    assert good.problems("dockerfile.absolute_paths", evidence)


@pytest.mark.parametrize(
    "evidence",
    [
        plus("COPY a b"),
        plus("WORKDIR ${HOME}/app"),
        plus('WORKDIR "/app"'),
        plus("WORKDIR C:\\app"),
        instead("RUN pip", "WORKDIR /build\nCOPY a ./\nRUN pip"),
        dockerfile("FROM x:1 AS base\nWORKDIR /b\nFROM base AS build\nCOPY a ./\n" + HEALTHY.partition("\n")[2]),
    ],
)
def test_a_path_that_means_one_place(evidence: Evidence) -> None:
    assert good.problems("dockerfile.absolute_paths", evidence) == []


@pytest.mark.parametrize(
    "line",
    [
        "ENV A=/srv B=$A/data",
        'ENV A=/srv \\\n    B="${A}/data"',
        "ENV A=/srv B=${A:-/x}",
        "ENV B=$A A=1",
    ],
)
def test_a_variable_of_the_same_line_is_seen(line: str) -> None:
    assert good.problems("dockerfile.variables", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "ENV A=/srv\nENV B=$A/data",
        "ARG A=/srv\nENV A=$A B=$A",
        "ENV A=$A:/x",
        "ENV PATH=/x:$PATH HOME=$OTHER",
        "ENV A=1 B=\\$A",
        "ENV A /srv",
        "ARG A=1 B=$A",
    ],
)
def test_a_variable_that_is_set_before(line: str) -> None:
    assert good.problems("dockerfile.variables", plus(line)) == []


def test_a_variable_of_an_earlier_stage_is_set_before() -> None:
    text = "FROM x:1 AS base\nENV A=1\nFROM base AS build\nENV A=2 B=$A\n" + HEALTHY.partition("\n")[2]
    assert good.problems("dockerfile.variables", dockerfile(text)) == []
