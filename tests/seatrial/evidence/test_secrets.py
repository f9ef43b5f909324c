"""What is recognised as secret, in every spelling, and what is not."""

from __future__ import annotations

import base64
import json
import re
import textwrap
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.evidence.secrets import PUBLIC_CERTIFICATES, SECRET_FILE, Wanted, names_a_secret

VALUE = "Zt5!canary/of+the~tests=91kQ?"
WANTED = Wanted((("REDIS_PASSWORD", VALUE),))


def near(data: bytes) -> bytes:
    return b"\x7fELF before " + data + b" after\xff"


@pytest.mark.parametrize("before", range(7))
@pytest.mark.parametrize("after", range(4))
def test_base64_at_each_alignment(before: int, after: int) -> None:
    whole = b"x" * before + VALUE.encode() + b"y" * after
    for encoded in (
        base64.b64encode(whole),
        base64.urlsafe_b64encode(whole),
        base64.urlsafe_b64encode(whole).rstrip(b"="),
    ):
        assert WANTED.seen_in(near(encoded)) == ["the value of REDIS_PASSWORD (base64)"]


@pytest.mark.parametrize("length", range(8, 20))
def test_base64_of_values_of_each_length(length: int) -> None:
    wanted = Wanted((("TOKEN", VALUE[:length]),))
    for before in range(3):
        assert wanted.seen_in(base64.b64encode(b"p" * before + VALUE[:length].encode() + b"q"))


@pytest.mark.parametrize(
    ("how", "data"),
    [
        ("as it is", VALUE.encode()),
        ("hex", VALUE.encode().hex().encode()),
        ("hex", VALUE.encode().hex().upper().encode()),
        ("URL-encoded", quote(VALUE, safe="").encode()),
        ("URL-encoded", quote(VALUE).encode()),
        ("URL-encoded", re.sub("%..", lambda found: found[0].lower(), quote(VALUE, safe="")).encode()),
        ("in JSON", json.dumps(VALUE).replace("/", r"\/").encode()),
        ("UTF-16", VALUE.encode("utf-16-le")),
        ("UTF-16", VALUE.encode("utf-16-be")),
    ],
)
def test_other_spellings(how: str, data: bytes) -> None:
    assert f"the value of REDIS_PASSWORD ({how})" in WANTED.seen_in(near(data))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("before", range(0, 76, 5))
def test_base64_that_was_broken_into_lines(end: str, before: int) -> None:
    encoded = base64.b64encode(b"#" * before + VALUE.encode() + b"#" * 200).decode()
    assert WANTED.seen_in((end.join(textwrap.wrap(encoded, 64)) + end).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        VALUE[:-1].encode(),
        VALUE.swapcase().encode(),
        base64.b64encode(VALUE[::-1].encode()),
        b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 64,
        b"-----BEGIN CERTIFICATE-----\n" + b"A" * 64,
        b'if "-----BEGIN PRIVATE KEY-----" in text:\n    raise',
        b"-----BEGIN PRIVATE KEY-----\0-----END PRIVATE KEY-----\0",
        b"ghp_tooshort",
        b"xghp_" + b"a" * 36,
        b"AKIA" + b"a" * 16,
        b"AIza" + b"x" * 60,
    ],
)
def test_what_is_no_secret(data: bytes) -> None:
    assert WANTED.seen_in(data) == []


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("a private key", b"-----BEGIN RSA PRIVATE KEY-----\n" + b"MIIEpAIBAAKCAQEA" * 4 + b"\n"),
        ("a private key", b"-----BEGIN OPENSSH PRIVATE KEY-----\r\n" + b"b3BlbnNzaC1rZXktdjEAAAAA" * 3),
        (
            "a private key",
            b"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + b"A" * 64,
        ),
        ("a private key", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2.2 (GNU)\n\n" + b"lQOYBF" * 12),
        (
            "a private key",
            b'{"private_key": "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC' + b"A" * 64,
        ),
        ("an age key", b"AGE-SECRET-KEY-1" + b"Q" * 58),
        ("an AWS access key", b"key=AKIA" + b"ABCDEFGH23456789 "),
        ("a GitHub token", b"ghp_" + b"a1B2" * 9),
        ("a GitHub token", b"ghs_" + b"a1B2" * 20),
        ("a GitHub token", b"github_pat_" + b"a" * 22 + b"_" + b"b" * 59),
        ("a GitLab token", b"glpat-" + b"x" * 20),
        ("a Slack token", b"xoxb-" + b"1" * 12 + b"-" + b"a" * 24),
        ("a package index token", b"pypi-AgE" + b"I" * 60),
        ("a Stripe key", b"sk_live_" + b"4" * 24),
        ("a Docker Hub token", b"dckr_pat_" + b"z" * 27),
        ("a Google key", b"AIza" + b"S" * 35 + b"\n"),
        ("an npm token", b"//host/:_authToken=npm_" + b"Q" * 36),
    ],
)
def test_well_known_credentials(what: str, data: bytes) -> None:
    assert Wanted().seen_in(data) == [what]


def test_short_values_are_not_looked_for() -> None:
    assert Wanted((("PIN", "1234567"),)).seen_in(b"1234567") == []


def test_no_value_is_ever_shown() -> None:
    assert VALUE not in repr(WANTED)
    assert all(VALUE not in found for found in WANTED.seen_in(VALUE.encode()))


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "app/.env", "app/.ENV", ".env.production", ".env_prod", ".envrc", "deploy/prod.env"),
        *("home/x/.ssh/config", "root/.aws/credentials", "root/.docker/config.json", "root/.config/gcloud/x.json"),
        *("secrets/redis_password", "app/secrets/x/y", "run/secret/db", ".secrets/a"),
        *("id_rsa", "keys/id_ed25519", "id_ecdsa_sk", "id_rsa.bak", "id_rsa_old"),
        *(
            "tls/server.key",
            "server.PEM",
            "client.p12",
            "x.pfx",
            "store.jks",
            "users.acl",
            "a.kdbx",
            "putty.ppk",
            "k.p8",
        ),
        *(".netrc", "_netrc", ".pgpass", ".pypirc", ".npmrc", ".git-credentials", ".htpasswd", ".my.cnf"),
        *("config/config.json", "app/config/config.json", "credentials.json", "service-account-1.json"),
        *("redis_password", "redis-prod-password.txt", "prod.tfvars", "terraform.tfstate"),
    ],
)
def test_files_that_hold_secrets_by_their_name(path: str) -> None:
    assert SECRET_FILE.search(path)


@pytest.mark.parametrize(
    "path",
    [
        *(".env.example", ".env.sample", "deploy/example.env", "environment", "env", "app/.environment"),
        *("id_rsa.pub", "keys/id_ed25519.pub", "config/config.example.json", "keyboard.py", "monkey", "pem.py"),
        *("site-packages/redis/credentials.py", "site-packages/x/secrets/__init__.py", "lib/secrets.py"),
        *("server.crt", "LICENSE", "service/config_file.py"),
    ],
)
def test_files_that_do_not(path: str) -> None:
    assert not SECRET_FILE.search(path)


@pytest.mark.parametrize(
    "path",
    ["etc/ssl/certs/ca-certificates.pem", "app/venv/lib/site-packages/certifi/cacert.pem", "usr/lib/ssl/cert.pem"],
)
def test_public_certificates(path: str) -> None:
    assert PUBLIC_CERTIFICATES.search(path)


@pytest.mark.parametrize(
    "name",
    [
        *("PASSWORD", "REDIS_PASSWORD", "PGPASSWORD", "redisPassword", "db.passwd", "PASS", "DB_PASS", "DB_PWD"),
        *("API_KEY", "api-key", "APIKEY", "STRIPE_APIKEY", "SECRET", "SECRETS", "AWS_SECRET_ACCESS_KEY", "SECRET_KEY"),
        *("TOKEN", "GITHUB_TOKEN", "npm.token", "TOKENS", "REDISCLI_AUTH", "CREDENTIALS", "PRIVATE_KEY", "WALLET_KEY"),
        *("SESSION_KEY", "ENCRYPTION_KEY", "MNEMONIC", "SSH_PASSPHRASE", "VAULT_SECRET_ID"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "PWD", "OLDPWD", "REDIS_PASSWORD_FILE", "TOKEN_PATH", "SECRETS_DIR", "AUTH_URL", "SECRET_NAME"),
        *(
            "GPG_KEY",
            "PYTHON_SHA256",
            "AUTHOR",
            "org.opencontainers.image.authors",
            "TOKENIZERS_PARALLELISM",
            "KEYBOARD",
        ),
        *("PASSENGERS", "COMPASS", "SOURCE_DATE_EPOCH", "PYTHONUNBUFFERED", "PUBLIC_KEY"),
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not names_a_secret(name)


@settings(max_examples=50, deadline=None)
@given(
    st.binary(max_size=60),
    st.binary(max_size=60),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40),
)
def test_a_value_is_seen_wherever_it_stands(before: bytes, after: bytes, value: str) -> None:
    wanted = Wanted((("X", value),))
    raw = value.encode()
    for data in (raw, raw.hex().encode(), base64.b64encode(before + raw + after), value.encode("utf-16-le")):
        assert wanted.seen_in(before + data + after)
