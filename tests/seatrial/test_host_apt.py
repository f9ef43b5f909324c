"""What apt is told, and what it is understood to say."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from seatrial import process
from seatrial.errors import Code, SeatrialError
from seatrial.host import apt

if TYPE_CHECKING:
    from pathlib import Path

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is a program of Debian and Ubuntu")

DEB822 = """\
# What the installer wrote
Types: deb deb-src
URIs: http://mirror.example.org/debian https://second.example.org/debian/
Suites: bookworm bookworm-updates
# a comment within
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg
check-valid-until: no

Types: deb
URIs: http://mirror.example.org/debian-security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEYCQjIxYJKwYBBAHaRw8BAQdAD/P5Nvvn
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
Enabled: no
URIs: http://off.example.org/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://src.example.org/debian
Suites: bookworm
Components: main
"""

ONE_LINE = """\
# deb http://commented.example.org/debian bookworm main
deb http://mirror.example.org/debian bookworm main contrib   # behind
deb [ arch=amd64,arm64 signed-by=/usr/share/a.gpg trusted=yes ] https://m.example.org/debian bookworm-updates main
  deb	http://mirror.example.org/debian-security	bookworm-security	main
deb-src http://mirror.example.org/debian bookworm main
deb [signed-by=/etc/apt/keyrings/tool.asc] https://tool.example.org/linux bookworm main
deb http://flat.example.org/ ./
"""


def test_deb822_gives_one_source_for_each_uri_and_suite() -> None:
    found = apt.parse_sources(DEB822, deb822=True)
    assert [(source.uri, source.suite) for source in found] == [
        ("http://mirror.example.org/debian", "bookworm"),
        ("http://mirror.example.org/debian", "bookworm-updates"),
        ("https://second.example.org/debian/", "bookworm"),
        ("https://second.example.org/debian/", "bookworm-updates"),
        ("http://mirror.example.org/debian-security", "bookworm-security"),
    ]
    assert found[0].components == ("main", "contrib")
    assert dict(found[0].options) == {"Signed-By": "/usr/share/keyrings/some.gpg", "Check-Valid-Until": "no"}


def test_a_key_inside_a_stanza_survives_being_written_again() -> None:
    source = apt.parse_sources(DEB822, deb822=True)[-1]
    assert "mDMEYCQjIxYJKwYBBAHaRw8BAQdAD/P5Nvvn" in source.text()
    assert apt.parse_sources(source.text(), deb822=True) == [source]


def test_one_line_sources_with_options() -> None:
    found = apt.parse_sources(ONE_LINE, deb822=False)
    assert [(source.uri, source.suite, source.components) for source in found] == [
        ("http://mirror.example.org/debian", "bookworm", ("main", "contrib")),
        ("https://m.example.org/debian", "bookworm-updates", ("main",)),
        ("http://mirror.example.org/debian-security", "bookworm-security", ("main",)),
        ("https://tool.example.org/linux", "bookworm", ("main",)),
        ("http://flat.example.org/", "./", ()),
    ]
    assert dict(found[1].options) == {
        "Architectures": "amd64 arm64",
        "Signed-By": "/usr/share/a.gpg",
        "Trusted": "yes",
    }


def test_the_same_mirrors_for_another_release() -> None:
    sources = apt.parse_sources(ONE_LINE, deb822=False)
    found = apt.translated(sources, "bookworm", "trixie")
    assert [(source.uri, source.suite, source.components) for source in found] == [
        ("http://mirror.example.org/debian", "trixie", ("main",)),
        ("https://m.example.org/debian", "trixie-updates", ("main",)),
        ("http://mirror.example.org/debian-security", "trixie-security", ("main",)),
        ("https://tool.example.org/linux", "trixie", ("main",)),
    ]
    assert dict(found[1].options)["Signed-By"] == "/usr/share/a.gpg"


@pytest.mark.parametrize("suite", ["bookworm-backports", "bookworm-proposed-updates", "noble", "nodistro", "./"])
def test_other_suites_are_not_translated(suite: str) -> None:
    assert (
        apt.translated([apt.Source("http://mirror.example.org/debian", suite, ("main",))], "bookworm", "trixie") == []
    )


@pytest.mark.parametrize("suite", ["stable", "stable-updates", "stable-security"])
def test_suites_named_by_their_age_are_translated(suite: str) -> None:
    found = apt.translated([apt.Source("http://mirror.example.org/debian", suite, ("main",))], "trixie", "bookworm")
    assert [source.suite for source in found] == ["bookworm" + suite.removeprefix("stable")]


def test_only_debians_own_archive_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(ONE_LINE, encoding="utf-8")
    monkeypatch.setattr(apt, "APT_ROOT", tmp_path)
    told = "Debian bookworm http://mirror.example.org/debian/\nTool bookworm https://tool.example.org/linux/\n"
    monkeypatch.setattr(process, "run", lambda argv, **_: process.Completed(tuple(argv), 0, told, "", 0.0))
    assert [source.uri for source in apt.archive_sources()] == ["http://mirror.example.org/debian"]


@needs_apt
def test_apt_reads_what_is_written_as_it_was_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(apt, "APT_ROOT", tmp_path)
    monkeypatch.setattr(apt, "update", lambda **_: "")
    sources = apt.translated(apt.parse_sources(DEB822, deb822=True), "bookworm", "trixie")
    apt.add_release("trixie", sources, ["docker.io", "docker-cli"])
    where = ["-o", f"Dir::Etc={tmp_path}", "-o", f"Dir::State={tmp_path}/state", "-o", f"Dir::Cache={tmp_path}/cache"]
    (tmp_path / "state" / "lists" / "partial").mkdir(parents=True)
    read = subprocess.run(["apt-get", *where, "update", "--print-uris"], check=True, capture_output=True, text=True)
    assert read.stderr == ""
    assert {line.split("'")[1] for line in read.stdout.splitlines() if "/InRelease" in line} == {
        "http://mirror.example.org/debian/dists/trixie/InRelease",
        "http://mirror.example.org/debian/dists/trixie-updates/InRelease",
        "https://second.example.org/debian/dists/trixie/InRelease",
        "https://second.example.org/debian/dists/trixie-updates/InRelease",
        "http://mirror.example.org/debian-security/dists/trixie-security/InRelease",
    }
    policy = subprocess.run(["apt-cache", *where, "policy"], check=True, capture_output=True, text=True)
    assert policy.stderr == ""


def test_preferences_take_the_named_packages_and_nothing_else() -> None:
    stanzas = [
        dict(line.split(": ", 1) for line in stanza.splitlines())
        for stanza in apt.preferences(["docker.io", "docker-cli"], "trixie").split("\n\n")[1:]
    ]
    assert {(stanza["Package"], stanza["Pin"], int(stanza["Pin-Priority"])) for stanza in stanzas} == {
        (names, f"release n={suite}", priority)
        for suite in ("trixie", "trixie-updates", "trixie-security")
        for names, priority in (("docker.io docker-cli", 600), ("*", 50))
    }


def test_policy_is_read_without_epoch_and_debian_revision() -> None:
    text = (
        "docker.io:\n  Installed: (none)\n  Candidate: 26.1.5+dfsg1-9\n  Version table:\n     26.1.5+dfsg1-9 600\n"
        "docker-ce:\n  Installed: (none)\n  Candidate: 5:28.3.3-1~debian.12~bookworm\n"
        "docker-compose:\n  Installed: (none)\n  Candidate: (none)\n"
    )
    assert apt.parse_policy(text) == {"docker.io": (26, 1, 5), "docker-ce": (28, 3, 3)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("v0.13.1+ds1", (0, 13, 1)), ("26.1.5+dfsg1", (26, 1, 5)), ("2.26.1-4", (2, 26, 1)), ("dev", ()), ("", ())],
)
def test_numbers_of_a_version(text: str, expected: tuple[int, ...]) -> None:
    assert apt.numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ID=debian\nVERSION_CODENAME=bookworm\n", True),
        ("ID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', True),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', False),
        ("", False),
    ],
)
def test_which_systems_are_like_debian(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, *, expected: bool
) -> None:
    monkeypatch.setattr(apt, "OS_RELEASE", tmp_path / "os-release")
    (tmp_path / "os-release").write_text(text, encoding="utf-8")
    assert apt.is_debian_family(apt.os_release()) is expected


def test_no_os_release_is_no_debian(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(apt, "OS_RELEASE", tmp_path / "none")
    assert not apt.is_debian_family(apt.os_release())


def test_this_machines_proxies_are_handed_on_and_the_rest_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    said = (
        'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://proxy.example.org:3142";\n'
        'Acquire::http::User-Agent-Non-Interactive "true";\nAcquire::Check-Valid-Until "false";\n'
        'Acquire::IndexTargets::deb::Packages::MetaKey "x";\n'
    )
    monkeypatch.setattr(process, "run", lambda argv, **_: process.Completed(tuple(argv), 0, said, "", 0.0))
    assert apt.fetch_options() == [
        'Acquire::http::Proxy "http://proxy.example.org:3142";',
        'Acquire::Check-Valid-Until "false";',
    ]


def test_a_failed_installation_says_what_apt_said(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def run(argv: list[str], **_: object) -> process.Completed:
        asked.append(tuple(argv))
        return process.Completed(tuple(argv), 100, "", "E: Unable to locate package docker.io\n", 0.0)

    monkeypatch.setattr(process, "run", run)
    with pytest.raises(SeatrialError, match="Unable to locate package") as raised:
        apt.install(["docker.io"])
    assert raised.value.code is Code.COMMAND_FAILED
    assert raised.value.hint == "apt-get update && apt-get install docker.io"
    install = asked[-1]
    assert {"-y", "--no-install-recommends"} <= set(install)
    assert any(word.startswith("DPkg::Lock::Timeout=") for word in install)
