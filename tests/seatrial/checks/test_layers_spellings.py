"""Faults in layers in the spellings that occur, deleted files included, and what is no fault."""

from __future__ import annotations

import base64
import gzip
import io
import marshal
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from seatrial.evidence.archive import Layer, make_tar, read_tar
from tests import good

if TYPE_CHECKING:
    from seatrial.evidence import Evidence


def more(*names: str, content: bytes = b"", **attributes: int) -> Evidence:
    return good.evidence().with_files(dict.fromkeys(names, content), **attributes)


def layer(data: bytes, *, at_the_bottom: bool = False) -> Evidence:
    """Return good evidence with one more layer, on the top or as part of the base."""
    made = Layer("sha256:more", read_tar(io.BytesIO(data), good.WANTED))
    evidence = good.evidence()
    layers = (made, *evidence.layers()) if at_the_bottom else (*evidence.layers(), made)
    if at_the_bottom:
        evidence = evidence.edited("image.base_layers", lambda base: ["sha256:more", *base])
    return evidence.with_document("image.layers", layers)


def odd(name: str, kind: bytes, **attributes: Any) -> Evidence:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.type = kind
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        archive.addfile(info)
    return layer(buffer.getvalue())


@pytest.mark.parametrize(
    "spell",
    [
        lambda s: s.encode(),
        lambda s: base64.b64encode(b"user:" + s.encode()),
        lambda s: base64.encodebytes(b"x" * 40 + s.encode()),
        lambda s: s.encode().hex().upper().encode(),
        lambda s: s.encode("utf-16-le"),
    ],
    ids=["raw", "base64", "broken base64", "hex", "utf-16"],
)
def test_a_value_in_any_file_is_seen(spell: Any) -> None:
    found = good.problems("layers.no_secrets", more("app/data.bin", content=b"\x01\n" * 3 + spell(good.SECRET)))
    assert len(found) == 1
    assert good.SECRET not in found[0]


def test_a_value_in_the_base_image_is_seen() -> None:
    assert good.problems("layers.no_secrets", layer(make_tar({"opt/x": good.SECRET.encode()}), at_the_bottom=True))


def test_a_deleted_secret_is_seen() -> None:
    evidence = more("app/key.txt", content=good.SECRET.encode())
    top = Layer("sha256:rm", read_tar(io.BytesIO(make_tar({"app/.wh.key.txt": b""})), good.WANTED))
    evidence = evidence.edited("image.layers", lambda layers: (*layers, top))
    assert "app/key.txt" not in evidence.files()
    assert good.problems("layers.no_secrets", evidence)


@pytest.mark.parametrize(
    "name", ["app/.env", "app/.env.local", "root/.ssh/id_rsa", "app/secrets/x", "app/tls.key", "app/config/config.json"]
)
def test_a_file_that_holds_secrets_by_its_name_is_seen(name: str) -> None:
    assert good.problems("layers.no_secrets", more(name))


def test_a_link_with_such_a_name_is_seen() -> None:
    assert good.problems("layers.no_secrets", odd("app/.env", tarfile.SYMTYPE, linkname="/etc/x"))


def test_certificate_authorities_are_public() -> None:
    assert good.problems("layers.no_secrets", more("etc/ssl/certs/corp.pem", "app/venv/lib/certifi/cacert.pem")) == []


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6755, 0o4000])
def test_setuid_and_setgid_are_seen(mode: int) -> None:
    assert good.problems("layers.no_privilege", more("app/x", mode=mode))


def test_setuid_by_a_hard_link_is_seen() -> None:
    assert good.problems("layers.no_privilege", odd("app/x", tarfile.LNKTYPE, linkname="usr/bin/su", mode=0o4755))


@pytest.mark.parametrize(
    "evidence",
    [
        odd("app/x", tarfile.REGTYPE, pax_headers={"SCHILY.xattr.security.capability": "\x01"}),
        odd("app/null", tarfile.CHRTYPE),
        odd("app/sda", tarfile.BLKTYPE),
    ],
)
def test_capabilities_and_devices_are_seen(evidence: Evidence) -> None:
    assert good.problems("layers.no_privilege", evidence)


def test_a_folder_that_hands_on_its_group_is_no_privilege() -> None:
    assert good.problems("layers.no_privilege", odd("app/shared", tarfile.DIRTYPE, mode=0o2755)) == []


@pytest.mark.parametrize(
    ("kind", "mode"),
    [(tarfile.REGTYPE, 0o666), (tarfile.DIRTYPE, 0o777), (tarfile.FIFOTYPE, 0o622), (tarfile.REGTYPE, 0o1777)],
)
def test_what_everyone_can_write_is_seen(kind: bytes, mode: int) -> None:
    assert good.problems("layers.no_world_writable", odd("srv/x", kind, mode=mode))


@pytest.mark.parametrize(
    ("kind", "mode"), [(tarfile.DIRTYPE, 0o1777), (tarfile.SYMTYPE, 0o777), (tarfile.REGTYPE, 0o664)]
)
def test_what_not_everyone_can_write(kind: bytes, mode: int) -> None:
    assert good.problems("layers.no_world_writable", odd("srv/x", kind, mode=mode)) == []


def test_what_everyone_could_write_and_is_deleted_is_gone() -> None:
    evidence = layer(make_tar({"srv/x": b""}, mode=0o666), at_the_bottom=True).with_files({"srv/.wh.x": b""})
    assert good.problems("layers.no_world_writable", evidence) == []


@pytest.mark.parametrize(
    "attributes",
    [
        {"uid": 1001, "mode": 0o644},
        {"uid": 1001, "mode": 0o444},
        {"uid": 1001, "mode": 0},
        {"uid": 0, "gid": 1001, "mode": 0o664},
    ],
)
def test_code_that_the_service_can_change_is_seen(attributes: dict[str, Any]) -> None:
    assert good.problems("layers.code_read_only", more("app/x.py", **attributes))


@pytest.mark.parametrize("attributes", [{"uid": 0, "gid": 1001, "mode": 0o644}, {"uid": 1002, "mode": 0o666}])
def test_code_that_the_service_cannot_change(attributes: dict[str, Any]) -> None:
    assert good.problems("layers.code_read_only", more("app/x.py", **attributes)) == []


@pytest.mark.parametrize(
    "name",
    [
        *("app/.git/config", "app/.gitignore", "app/.hg/x", "app/tests/test_x.py", "app/test/x.pyc", "app/conftest.py"),
        *(
            "app/x_test.py",
            "app/test_x.py",
            "app/.pytest_cache/x",
            "app/.mypy_cache/x",
            "root/.cache/pip/x",
            "app/.coverage",
        ),
        *("app/x.swp", "app/x~", "app/x.orig", "app/x.bak", "app/x.log", "root/.bash_history", "root/.python_history"),
        *("app/.DS_Store", "app/.idea/x", "app/Dockerfile", "app/docker-compose.yml", "app/.github/x"),
        *("var/lib/apt/lists/x_Packages", "var/cache/apt/archives/x.deb", "root/.npm/x"),
    ],
)
def test_leavings_are_seen(name: str) -> None:
    assert good.problems("layers.no_leavings", more(name))


@pytest.mark.parametrize(
    "name", ["app/latest.py", "app/contest.py", "app/testing.py", "app/tests.json", "app/logging.py", "app/x.py"]
)
def test_what_is_no_leaving(name: str) -> None:
    assert good.problems("layers.no_leavings", more(name)) == []


@pytest.mark.parametrize(
    "name",
    [
        *("srv/repo/objects/ab/" + "c" * 38, "srv/repo/objects/pack/pack-" + "d" * 40 + ".pack"),
        "opt/x/objects/00/" + "e" * 62,
    ],
)
def test_objects_of_a_bare_repository_are_leavings(name: str) -> None:
    assert good.problems("layers.no_leavings", more(name))


@pytest.mark.parametrize(
    "name",
    [
        *("root/.cargo/credentials.toml", "root/.gem/credentials", "root/.config/pypoetry/auth.toml", "app/.pypirc"),
        *("root/.netrc", "root/.docker/config.json", "root/.git-credentials", "root/.aws/credentials", "app/.npmrc"),
        *("etc/apt/auth.conf", "etc/apt/auth.conf.d/corp.conf", "root/.config/gh/hosts.yml", "root/.s3cfg"),
    ],
)
def test_configuration_of_clients_that_holds_secrets_is_seen_by_its_name(name: str) -> None:
    assert good.problems("layers.no_secrets", more(name))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("etc/pip.conf", b"[global]\nindex-url = https://reader:s3cr3t@index.example/simple\n"),
        ("root/.config/pip/pip.conf", b"[global]\nextra-index-url=https://__token__:abc@index.example/simple\n"),
        ("app/requirements.txt", b"--index-url https://u:p%40ss@index.example/simple\nh11\n"),
        ("app/pyproject.toml", b'[[tool.uv.index]]\nurl = "https://u:pa55@index.example/simple"\n'),
        ("etc/apt/sources.list.d/x.sources", b"URIs: https://bearer:abc123@apt.example/debian\n"),
        ("srv/repo/.git/config", b'[remote "origin"]\n\turl = https://me:tok3n@code.example/x.git\n'),
        ("app/direct_url.json", b'{"url": "git+https://me:tok3n@code.example/x.git"}'),
        ("etc/environment", b"https_proxy=http://me:tok3n@proxy.example:3128\n"),
    ],
)
def test_credentials_in_addresses_of_clients_are_seen(name: str, content: bytes) -> None:
    assert any("address" in line for line in good.problems("layers.no_secrets", more(name, content=content)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("etc/pip.conf", b"[global]\nindex-url = https://index.example/simple\n"),
        ("etc/pip.conf", b"[global]\nindex-url = https://${USER}:${PASSWORD}@index.example/simple\n"),
        ("etc/pip.conf", b"[global]\nindex-url = https://user:<password>@index.example/simple\n"),
        ("etc/pip.conf", b"[global]\nindex-url = https://user:****@index.example/simple\n"),
        ("app/settings.toml", b'time = "2026-01-01T10:20:30"\nmail = "me@example.org"\n'),
        ("app/lib/http.py", b'EXAMPLE = "https://user:password@host.example/"\n'),
    ],
)
def test_addresses_without_credentials(name: str, content: bytes) -> None:
    assert good.problems("layers.no_secrets", more(name, content=content)) == []


@pytest.mark.parametrize(
    "evidence",
    [
        odd("../etc/x", tarfile.REGTYPE),
        odd("a/../../x", tarfile.REGTYPE),
        odd("..", tarfile.DIRTYPE),
        odd("app/x", tarfile.LNKTYPE, linkname="../../etc/shadow"),
        more("app/x.gz", content=gzip.compress(b"x" * 5000)[:30]),
        more("app/x.7z", content=b"7z\xbc\xaf\x27\x1c" + b"x" * 100),
        more("srv/x.pack", content=b"PACK\0\0\0\x02" + b"x" * 100),
        layer(make_tar({"a": b""}) + b"hidden"),
    ],
)
def test_what_cannot_be_examined_or_leads_out_is_seen(evidence: Evidence) -> None:
    assert good.problems("layers.readable", evidence)


def test_a_file_that_is_there_twice_is_seen() -> None:
    twice = make_tar({"app/x": b"one"})[:1024] + make_tar({"app/x": b"two"})
    assert good.problems("layers.readable", layer(twice))
    assert good.problems("layers.readable", layer(twice, at_the_bottom=True)) == []


@pytest.mark.parametrize(
    "evidence",
    [
        odd("/app/x", tarfile.REGTYPE),
        odd("app/x", tarfile.SYMTYPE, linkname="../../../etc/x"),
        odd("app/loop", tarfile.SYMTYPE, linkname="loop"),
        odd("app/..x", tarfile.REGTYPE),
        more("app/x.gz", content=gzip.compress(b"x" * 5000)),
        layer(make_tar({"a": b""}) + bytes(20_000)),
    ],
)
def test_what_means_one_thing_to_everybody(evidence: Evidence) -> None:
    assert good.problems("layers.readable", evidence) == []


def test_a_value_in_compiled_code_is_seen() -> None:
    code = marshal.dumps(compile(f"PASSWORD = {good.SECRET!r}\n", "x.py", "exec"))
    assert good.problems("layers.no_secrets", more("app/__pycache__/x.cpython-313.pyc", content=b"\0" * 16 + code))
