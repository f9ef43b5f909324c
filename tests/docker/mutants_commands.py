"""Mutants whose image is written down with commands that leave something to others, to chance, or to a shell."""

from __future__ import annotations

from tests.docker.mutant import Mutant, early, kills, last_stage, swap

COMMANDS = (
    Mutant(
        "password-for-account",
        "A step gives root a password, which is then root's in every container.",
        early("RUN echo 'root:hunter2' | chpasswd"),
        kills("dockerfile.no_passwords"),
        "tree",
    ),
    Mutant(
        "empty-password-for-account",
        "A step takes root's password away, so that none is asked for.",
        early("RUN passwd --delete root"),
        kills("dockerfile.no_passwords"),
        "tree",
    ),
    Mutant(
        "fixed-platform",
        "The image can be built for one kind of machine only.",
        swap("Dockerfile", "FROM ${PYTHON_IMAGE} AS build", "FROM --platform=linux/amd64 ${PYTHON_IMAGE} AS build"),
        kills("dockerfile.any_platform"),
        "tree",
    ),
    Mutant(
        "sudo-in-step",
        "A step gives itself root's rights with sudo.",
        early("USER nobody", "RUN set -eu; sudo -n true"),
        kills("dockerfile.by_instruction"),
        "tree",
    ),
    Mutant(
        "folder-for-one-step",
        "A step changes its folder, and the next one runs in another.",
        early("RUN cd requirements && ls"),
        kills("dockerfile.by_instruction"),
        "tree",
    ),
    Mutant(
        "another-shell-as-sh",
        "A step puts bash in the place of /bin/sh, for every script of the base.",
        early("RUN ln -sf bash /bin/sh"),
        kills("dockerfile.by_instruction"),
        "tree",
    ),
    Mutant(
        "maintainer-named",
        "The image names its maintainer with an instruction that was given up.",
        last_stage("MAINTAINER somebody"),
        kills("dockerfile.by_instruction"),
        "tree",
    ),
    Mutant(
        "path-taken-apart",
        "A step removes a folder by a path whose variable is not quoted.",
        early("ARG OLD=build", "RUN rm -rf /opt/$OLD/*"),
        kills("dockerfile.quoted_paths"),
        "tree",
    ),
    Mutant(
        "upgraded-base",
        "A step upgrades the base, to another one every day.",
        early("RUN apt-get update && apt-get dist-upgrade --yes && rm -rf /var/lib/apt/lists/*"),
        kills("dockerfile.system_packages"),
        "tree",
    ),
    Mutant(
        "old-lists",
        "Lists of packages are fetched in a step of their own, and are as old as the cache when they are used.",
        early("RUN apt-get update", "RUN apt-get install --yes --no-install-recommends gcc"),
        kills("dockerfile.system_packages"),
        "tree",
    ),
    Mutant(
        "apt-for-people",
        "A step installs with apt, whose words may change.",
        early("RUN apt-get update && apt install --yes --no-install-recommends gcc"),
        kills("dockerfile.system_packages"),
        "tree",
    ),
    Mutant(
        "recommended-too",
        "A step installs what its packages recommend too.",
        early("RUN apt-get update && apt-get install --yes gcc"),
        kills("dockerfile.lean_steps"),
        "tree",
    ),
    Mutant(
        "log-of-high-id",
        "A user with a high id makes a log of gigabytes.",
        early("RUN useradd --uid 4000000 worker"),
        kills("dockerfile.lean_steps"),
        "tree",
    ),
    Mutant(
        "second-downloader",
        "One stage downloads with curl and with wget.",
        early("RUN curl --version", "RUN wget --version"),
        kills("dockerfile.lean_steps"),
        "tree",
    ),
    Mutant(
        "branch-of-a-tool",
        "A tool is installed from a branch, which is another program tomorrow.",
        early("RUN go install example.org/tool@main"),
        kills("dockerfile.hash_locked"),
        "tree",
    ),
)
