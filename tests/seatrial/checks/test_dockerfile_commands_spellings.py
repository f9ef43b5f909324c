"""Commands of a Dockerfile that leave something to others, to chance or to a shell, and what is no fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import good
from tests.seatrial.checks.test_dockerfile_spellings import HEALTHY, dockerfile, instead, plus

if TYPE_CHECKING:
    from seatrial.evidence import Evidence


@pytest.mark.parametrize(
    "line",
    [
        "RUN echo root:hunter2 | chpasswd",
        "RUN echo 'root:$6$x$y' | /usr/sbin/chpasswd -e",
        "RUN set -eu; \\\n  sudo chpasswd <accounts",
        "RUN passwd root",
        "RUN passwd -d root",
        "RUN passwd --delete root",
        "RUN echo x | passwd --stdin root",
        "RUN useradd -m -p x1 app",
        "RUN useradd -mp x1 app",
        "RUN usermod --password=abc root",
        "RUN usermod -p '' root",
        "RUN usermod -p'$6$x$y' root",
        "RUN newusers accounts.txt",
        'RUN ["sh", "-c", "chpasswd <accounts"]',
        "RUN bash -euc 'echo root:x | chpasswd'",
        "RUN <<EOF\nset -e\nif true; then chpasswd <accounts; fi\nEOF",
        "ONBUILD RUN chpasswd <accounts",
    ],
)
def test_a_password_is_seen(line: str) -> None:
    assert good.problems("dockerfile.no_passwords", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "RUN useradd --system --uid 1001 --shell /usr/sbin/nologin app",
        "RUN useradd -p '!' -u 1001 app && usermod -p '*' root",
        "RUN adduser -D -u 1001 app && adduser --disabled-password --gecos '' other",
        "RUN passwd -l root && passwd --lock app && passwd -S root",
        "RUN apt-get install --no-install-recommends passwd=1:4.17.4-2",
        "RUN rm /usr/sbin/chpasswd /usr/bin/passwd",
        "RUN groupadd -r -g 1001 app && usermod -aG app root",
        "RUN cat <<EOF >notes\nchpasswd\nEOF",
        "RUN echo 'app:*:20000::::::' >>/payload/etc/shadow",
        "RUN <<EOF\n#!/usr/bin/env python3\npasswd = 1\nEOF",
        "RUN <<EOF\n# chpasswd is not used\ntrue\nEOF",
    ],
)
def test_accounts_without_a_password(line: str) -> None:
    assert good.problems("dockerfile.no_passwords", plus(line)) == []


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v7", "windows/amd64"])
def test_a_fixed_platform_is_seen(platform: str) -> None:
    evidence = instead("FROM ${PYTHON_IMAGE} AS build", f"FROM --platform={platform} ${{PYTHON_IMAGE}} AS build")
    assert good.problems("dockerfile.any_platform", evidence) == [
        f"Dockerfile:2: the stage build is for {platform} only"
    ]


@pytest.mark.parametrize(
    "evidence",
    [
        instead("FROM ${PYTHON_IMAGE} AS build", "FROM --platform=$BUILDPLATFORM ${PYTHON_IMAGE} AS build"),
        instead("FROM ${PYTHON_IMAGE} AS build", "FROM --platform=${TARGETPLATFORM:-linux/amd64} x:1 AS build"),
        dockerfile(
            "FROM --platform=linux/amd64 x:1 AS build-amd64\nFROM --platform=linux/arm64 y:1 AS build-arm64\n"
            + HEALTHY.replace("FROM ${PYTHON_IMAGE} AS build", "FROM build-${TARGETARCH} AS build")
        ),
    ],
)
def test_a_platform_that_is_chosen(evidence: Evidence) -> None:
    assert good.problems("dockerfile.any_platform", evidence) == []


@pytest.mark.parametrize(
    "line",
    [
        "MAINTAINER somebody",
        "maintainer somebody <a@example.org>",
        "ONBUILD MAINTAINER somebody",
        "RUN sudo true",
        "RUN set -e; sudo -u app true",
        "RUN A=1 sudo -E make",
        "RUN if true; then sudo make; fi",
        "RUN cd /tmp && true",
        "RUN set -eux; cd app; npm ci",
        "RUN --mount=type=cache,target=/c cd app && npm ci",
        "RUN cd /lost",
        "RUN <<EOF\nset -e\ncd /tmp\ntrue\nEOF",
        "RUN ln -sf /bin/bash /bin/sh",
        "RUN rm /bin/sh && ln -s bash /usr/bin/sh",
        "RUN mv /bin/bash /bin/sh",
        'RUN ["ln", "-sf", "/bin/bash", "/bin/sh"]',
    ],
)
def test_what_an_instruction_is_there_for_is_seen(line: str) -> None:
    assert good.problems("dockerfile.by_instruction", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "LABEL maintainer=somebody",
        "RUN apt-get update && apt-get install -y --no-install-recommends sudo",
        "RUN rm -f /usr/bin/sudo; echo sudo",
        "RUN mkdir -p /out && cd /out && make",
        "RUN (cd a && make) && (cd b && make)",
        "RUN echo cd /tmp",
        "RUN ln -s /bin/sh /bin/ash",
        "RUN ln -s python3 /usr/bin/python",
        "RUN cat <<EOF >x.sh\ncd /tmp && sudo true\nEOF",
        'SHELL ["/bin/bash", "-c"]',
    ],
)
def test_what_no_instruction_does(line: str) -> None:
    assert good.problems("dockerfile.by_instruction", plus(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "RUN rm -rf /tmp/$HOSTNAME",
        "RUN rm -r /opt/${OLD}/*",
        "RUN rm -fR $DIR/x",
        "RUN rm --recursive /a/$B",
        'RUN set -e; rm -rf "/a/$B" /a/$C',
        "RUN <<EOF\nrm -rf /a/${B:-c}\nEOF",
        "RUN sudo rm -rf /a/$B",
    ],
)
def test_a_path_that_is_taken_apart_is_seen(line: str) -> None:
    assert good.problems("dockerfile.quoted_paths", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        'RUN rm -rf "/tmp/$HOSTNAME"',
        'RUN rm -rf "/tmp/${A}/"* /var/lib/apt/lists/*',
        "RUN rm -rf '/tmp/$HOSTNAME'",
        "RUN rm -rf /tmp/\\$x",
        "RUN rm -f /tmp/$HOSTNAME",
        "RUN rm -rf $FILES",
        "RUN rm -rf /opt/${A:?}",
        "RUN echo rm -rf /tmp/$A",
        'RUN ["rm", "-rf", "/tmp/$A"]',
        "RUN cat <<EOF >x.sh\nrm -rf /a/$B\nEOF",
    ],
)
def test_a_path_that_stays_one(line: str) -> None:
    assert good.problems("dockerfile.quoted_paths", plus(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update",
        "RUN set -e; apt-get update -qq; rm -rf /tmp/x",
        "RUN apt-get update && apt-get clean && rm -rf /var/lib/apt/lists/*",
        "RUN apk update",
        "RUN apt-get update && apt-get upgrade -y",
        "RUN apt-get update && apt-get -y dist-upgrade",
        "RUN apt-get update && apt-get -o X=y full-upgrade && apt-get install -y --no-install-recommends gcc",
        "RUN apk upgrade --no-cache",
        "RUN apk --no-cache upgrade",
        "RUN yum -y update && yum clean all",
        "RUN microdnf update",
        "RUN dnf upgrade -y",
        "RUN zypper --non-interactive dup",
        "RUN apt list",
        "RUN apt-get update && apt install -y --no-install-recommends gcc",
        "RUN bash -c 'apt-get update'",
        "RUN <<EOF\napt-get update\nEOF",
    ],
)
def test_packages_that_change_by_the_day_are_seen(line: str) -> None:
    assert good.problems("dockerfile.system_packages", plus(line))


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*",
        "RUN apt-get update && ./install-packages.sh",
        "RUN for i in 1 2 3; do apt-get update && break; done && apt-get install -y x",
        "RUN apt-get install -y --only-upgrade --no-install-recommends openssl",
        "RUN apk add --no-cache --upgrade openssl",
        "RUN apk add --update gcc",
        "RUN dnf install -y gcc && dnf clean all",
        "RUN apt-cache policy; apt-mark hold x",
        "RUN npm update; pip list",
        "RUN rm -rf /etc/apt /var/cache/apt",
        "RUN echo apt-get upgrade",
        "RUN cat <<EOF >update.sh\napt-get upgrade\nEOF",
    ],
)
def test_packages_from_fresh_lists(line: str) -> None:
    assert good.problems("dockerfile.system_packages", plus(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y gcc",
        "RUN apt-get update && apt-get -y install gcc",
        "RUN apt install gcc",
        "RUN aptitude install gcc",
        "RUN apt-get install -y --no-install-recommends a && apt-get install -y b",
        "RUN useradd -u 4000000 worker",
        "RUN useradd -mu 100000 worker",
        "RUN useradd --uid=100000 worker",
        "RUN wget --version; curl --version",
        "RUN curl --version\nRUN wget --version",
    ],
)
def test_what_nobody_asked_for_is_seen(line: str) -> None:
    assert len(good.problems("dockerfile.lean_steps", plus(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get update && apt-get install -y --no-install-recommends gcc",
        "RUN apt-get -o APT::Install-Recommends=false install gcc",
        "RUN apt-get install -o APT::Install-Recommends=0 gcc",
        "RUN aptitude install --without-recommends gcc",
        "RUN echo 'APT::Install-Recommends \"0\";' >/etc/apt/apt.conf.d/x\nRUN apt-get install gcc",
        "COPY apt.conf /etc/apt/apt.conf.d/lean\nRUN apt-get install gcc",
        "RUN apt-get remove gcc",
        "RUN apk add gcc && dnf install gcc",
        "RUN useradd -u 1001 worker",
        "RUN useradd -l -u 4000000 worker && useradd --no-log-init --uid 4000001 other",
        "RUN useradd -lmu 4000000 worker",
        "RUN useradd -u $ID worker",
        "RUN apt-get install --no-install-recommends curl wget",
        'HEALTHCHECK CMD ["wget", "-q", "http://127.0.0.1/"]\nRUN curl --version',
    ],
)
def test_what_was_asked_for(line: str) -> None:
    assert good.problems("dockerfile.lean_steps", plus(line)) == []


def test_each_stage_may_have_its_own_downloader() -> None:
    text = HEALTHY.replace("RUN pip", "RUN curl --version\nRUN pip") + "RUN wget --version\n"
    assert good.problems("dockerfile.lean_steps", dockerfile(text)) == []
