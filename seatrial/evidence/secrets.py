"""What a secret looks like: the project's own values in every spelling, and the shapes of well-known credentials."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

_SHAPES: tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes]], ...] = (
    # name, literals of which one must be present before the pattern is tried, the pattern
    (
        "a private key",
        (b"PRIVATE KEY-----",),
        re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=:\s,-]{64}"),
    ),
    ("an AWS access key", (b"AKIA",), re.compile(rb"(?<![A-Z0-9])AKIA[0-9A-Z]{16}(?![A-Z0-9])")),
    (
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        re.compile(rb"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    ),
    ("a GitLab token", (b"glpat-",), re.compile(rb"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20}")),
    (
        "a Slack token",
        (b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-", b"xoxs-"),
        re.compile(rb"(?<![A-Za-z0-9])xox[abprs]-[0-9A-Za-z]{10,}-[0-9A-Za-z-]{10,}"),
    ),
    ("a package index token", (b"pypi-AgE",), re.compile(rb"pypi-AgE[A-Za-z0-9_-]{50}")),
    ("a Stripe key", (b"k_live_",), re.compile(rb"(?<![A-Za-z0-9])[rs]k_live_[0-9A-Za-z]{24}")),
)

SECRET_FILE = re.compile(
    r"""(?:^|/)(?:
        \.env(?:\.(?!example$|sample$|template$)[^/]*)?
      | (?:\.netrc|\.pgpass|\.pypirc|\.npmrc|\.git-credentials|\.htpasswd|\.dockercfg)
      | (?:\.ssh|\.aws|\.gnupg|\.kube|\.docker)/.+
      | secrets/.+
      | id_(?:rsa|dsa|ecdsa|ed25519)(?:_[^/]*)?
      | [^/]*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|acl)
      | config/config\.json
      | (?:client_secret|credentials|service[-_]account)[^/]*\.json
      | redis[^/]*password[^/]*
    )$""",
    re.VERBOSE | re.IGNORECASE,
)
"""Paths that hold secrets by their name. Public certificates are told apart by their content."""

PUBLIC_CERTIFICATES = re.compile(
    r"^(?:etc/ssl/certs|usr/share/ca-certificates|usr/lib/ssl)/|(?:^|/)(?:certifi/)?cacert\.pem$"
)
"""Where a base image and Python packages keep certificate authorities: public, though they end in .pem."""

SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|private[_-]?key|credentials?|auth)(?:$|[_.-])",
    re.IGNORECASE,
)
"""Names of variables, labels and arguments whose value would be a secret."""

_MINIMUM_LENGTH = 8


@dataclass(frozen=True)
class Wanted:
    """The project's own secret values, by the name they are known under. Never printed, never stored."""

    values: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Name the secrets, not their values."""
        return f"Wanted({', '.join(name for name, _ in self.values)})"

    @cached_property
    def needles(self) -> tuple[tuple[str, bytes], ...]:
        """Every spelling of every value: what it is, and the bytes to look for."""
        found: dict[bytes, str] = {}
        for name, value in self.values:
            if len(value) < _MINIMUM_LENGTH:
                continue
            for spelling, needle in _spellings(value):
                found.setdefault(needle, f"the value of {name} ({spelling})")
        return tuple((what, needle) for needle, what in found.items())

    def seen_in(self, data: bytes) -> list[str]:
        """Name what is in the data: our own values, then credentials known by their shape."""
        found = [what for what, needle in self.needles if needle in data]
        for what, literals, shape in _SHAPES:
            if any(literal in data for literal in literals) and shape.search(data):
                found.append(what)
        return found

    def seen_in_text(self, text: str) -> list[str]:
        """Name what is in the text."""
        return self.seen_in(text.encode("utf-8", "surrogateescape"))


def _spellings(value: str) -> list[tuple[str, bytes]]:
    raw = value.encode()
    spellings = [
        ("as it is", raw),
        ("hex", raw.hex().encode()),
        ("hex", raw.hex().upper().encode()),
        ("URL-encoded", quote(value, safe="").encode()),
        ("UTF-16", value.encode("utf-16-le")),
        ("UTF-16", value.encode("utf-16-be")),
    ]
    for offset in range(3):
        # Base64 depends on where the value starts in its group of three bytes; the characters at both edges mix with
        # what stands beside it, so only the middle is looked for.
        encoded = base64.b64encode(b"\0" * offset + raw)
        start = (0, 2, 3)[offset]
        end = len(encoded) - (0, 4, 4)[(offset + len(raw)) % 3]
        middle = encoded[start:end]
        spellings.append(("base64", middle))
        spellings.append(("base64", middle.replace(b"+", b"-").replace(b"/", b"_")))
    return spellings
