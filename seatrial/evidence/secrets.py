"""What a secret looks like: the project's own values in every spelling, and the shapes of well-known credentials."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ahocorasick_rs import BytesAhoCorasick

_SHAPES: tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes]], ...] = (
    # name, literals of which one must be present before the pattern is tried, the pattern
    (
        "a private key",
        (b"PRIVATE KEY",),
        # In JSON, and in strings of programs, the line ends are written \\n.
        re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr])+[A-Za-z0-9+/=:\s,.()\\-]{64}"),
    ),
    ("an age key", (b"AGE-SECRET-KEY-1",), re.compile(rb"AGE-SECRET-KEY-1[0-9A-Z]{58}")),
    ("an AWS access key", (b"AKIA",), re.compile(rb"(?<![A-Z0-9])AKIA[0-9A-Z]{16}(?![A-Z0-9])")),
    (
        "a GitHub token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        re.compile(rb"(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36}"),
    ),
    ("a GitHub token", (b"github_pat_",), re.compile(rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}")),
    ("a Docker Hub token", (b"dckr_pat_",), re.compile(rb"dckr_pat_[A-Za-z0-9_-]{20}")),
    ("a Google key", (b"AIza",), re.compile(rb"(?<![A-Za-z0-9_-])AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    ("an npm token", (b"npm_",), re.compile(rb"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
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
        \.envrc | \.env(?:[._-](?!example$|sample$|template$)[^/]*)?
      | (?!(?:example|sample|template)\.)[^/]+\.env
      | (?:\.cargo|\.gem)/credentials(?:\.toml)?|pypoetry/auth\.toml|(?:composer/)auth\.json|apt/auth\.conf(?:\.d/.+)?
      | \.?gh/hosts\.yml|\.(?:s3cfg|boto|databrickscfg|terraformrc|pip_credentials)
      | \.terraform\.d/credentials\.tfrc\.json
      | [._]netrc|\.pgpass|\.my\.cnf|\.pypirc|\.npmrc|\.git-credentials|\.htpasswd|\.dockercfg|\.vault-token
      | (?:\.ssh|\.aws|\.gnupg|\.kube|\.docker|\.azure|\.config/gcloud)/.+
      | \.?secrets?/(?!.*\.pyc?$).+
      | id_(?:rsa|dsa|ecdsa|ed25519)(?:[._-](?!pub$)[^/]*)?
      | [^/]*\.(?:pem|key|p8|p12|pfx|ppk|jks|keystore|kdbx|acl|tfvars|tfstate)
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

CONFIGURATION_FILE = re.compile(
    r""".*\.(?:conf|ini|cfg|toml|list|sources|properties)
      | (?:requirements|constraints)[^/]*\.(?:txt|in)|Pipfile(?:\.lock)?|direct_url\.json
      | \.(?:yarnrc(?:\.yml)?|condarc|curlrc|wgetrc|gitconfig|gitmodules|gemrc)|config
      | (?:settings|settings-security)\.xml|nuget\.config|package(?:-lock)?\.json|composer\.json|environment
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""Files in which package clients and their like keep addresses. Elsewhere one with a password is mostly an example."""
_CONFIGURATION_BYTES = 1 << 20
_ADDRESS = re.compile(
    rb"""\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'"<>$%{]{1,100}:(?![$<{%]|\*+@|x+@)[^\s/@'"<>]{1,500}@[\w.\[-]"""
)

_SECRET_NAME = re.compile(
    r"passwor[dt]|passwd|passphrase|mnemonic|credential"
    r"|(?:api|private|access|signing|encryption|master|session|wallet|secret)[_.-]?key"
    r"|(?:^|[_.-])(?:pass|pwd|pw|secrets?|tokens?|auth)(?:$|[_.-])",
    re.IGNORECASE,
)
_NAMES_A_PLACE = re.compile(r"^(?:old)?pwd$|[_.-](?:file|path|dir|folder|url|name)$", re.IGNORECASE)

_MINIMUM_LENGTH = 8
_CAN_BE_WRAPPED = ("(base64)", "(hex)")
_LINE_BYTES = 60
"""Programs that break lines leave at least this much on each."""
_WORDS_AT_ONCE = 64
_OVERLAP_BYTES = 512
_BEFORE_BYTES, _BEHIND_BYTES = 256, 4096
"""A credential's shape begins so near before the word that it is found by, and ends so near behind it."""


def addresses_in(path: str, beginning: bytes | memoryview, size_bytes: int) -> list[str]:
    """Name the credentials that stand in addresses in a configuration file: a package index, a proxy, a remote."""
    if size_bytes > _CONFIGURATION_BYTES or not CONFIGURATION_FILE.fullmatch(path.rpartition("/")[2]):
        return []
    content = bytes(beginning)
    return ["credentials in an address"] if b"://" in content and _ADDRESS.search(content) else []


def names_a_secret(name: str) -> bool:
    """Whether the value of a variable, label or argument of that name would be a secret, not the place of one."""
    return bool(_SECRET_NAME.search(name)) and not _NAMES_A_PLACE.search(name)


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

    @cached_property
    def longest_bytes(self) -> int:
        """The length of the longest spelling."""
        return max((len(needle) for _, needle in self.needles), default=0)

    @cached_property
    def _shapes_sieves(self) -> tuple[BytesAhoCorasick, ...]:
        return _sieves(literal for _, literals, _ in _SHAPES for literal in literals)

    @cached_property
    def _values_sieves(self) -> tuple[BytesAhoCorasick, ...]:
        # Words that begin with a zero would make it ten times slower: what binary files hold most.
        return _sieves(
            word
            for what, needle in self.needles
            for word in (_pieces(needle) if what.endswith(_CAN_BE_WRAPPED) else [needle.strip(b"\0")])
        )

    def seen_in(self, data: bytes | memoryview) -> list[str]:
        """Name what is in the data: our own values, then credentials known by their shape."""
        # The two are sifted apart: a library of cryptography has the words of a private key, and none of our values.
        found: list[str] = []
        words: list[tuple[int, int, int]] = []
        # Plain loops: this is asked of every file.
        for sieve in self._shapes_sieves:
            words += sieve.find_matches_as_indexes(data)
        for sieve in self._values_sieves:
            if not sieve.find_matches_as_indexes(data):
                continue
            content = bytes(data)
            # `base64` and mail break long lines, configuration indents them: a value can stand on two of them.
            joined = content.translate(None, b"\r\n\t ")
            found += [what for what, needle in self.needles if needle in content or needle in joined]
            break
        return found + _shapes_near(words, bytes(data)) if words else found

    @cached_property
    def overlap_bytes(self) -> int:
        """How much of a piece must be seen again with the next, so that nothing hides across the border."""
        return max(_OVERLAP_BYTES, 2 * self.longest_bytes)

    def seen_in_attribute(self, name: str, value: bytes) -> list[str]:
        """Name what is in an extended attribute."""
        # As an archive writes them: a name can hold the sign that stands between the two.
        found = self.seen_in(name.encode("utf-8", "surrogateescape") + b"=" + value)
        if value and names_a_secret(name):
            found.append(f"an extended attribute that holds a secret by its name ({name})")
        return found

    def seen_in_text(self, text: str) -> list[str]:
        """Name what is in the text."""
        return self.seen_in(text.encode("utf-8", "surrogateescape"))


def _sieves(words: Iterable[bytes]) -> tuple[BytesAhoCorasick, ...]:
    """Return what finds in one pass whether any of the words is in some data: nearly always there is none.

    The fast search takes few words at once and only leftmost matches, so there may be several.
    """
    from ahocorasick_rs import BytesAhoCorasick, MatchKind  # noqa: PLC0415 - only what reads files pays for it

    all_words = list(dict.fromkeys(words))
    return tuple(
        BytesAhoCorasick(all_words[start : start + _WORDS_AT_ONCE], matchkind=MatchKind.LeftmostFirst)
        for start in range(0, len(all_words), _WORDS_AT_ONCE)
    )


def _shapes_near(words: list[tuple[int, int, int]], content: bytes) -> list[str]:
    """Name the credentials that are known by their shape, in the neighbourhood of words that stand in them."""
    places: list[tuple[int, int]] = []
    for _, start, end in sorted(words, key=itemgetter(1)):
        begin = max(0, start - _BEFORE_BYTES)
        if places and begin <= places[-1][1]:
            begin = places.pop()[0]
        places.append((begin, end + _BEHIND_BYTES))
    return [
        what
        for what, literals, shape in _SHAPES
        if any(
            shape.search(content, *place)
            for place in places
            if any(content.find(literal, *place) >= 0 for literal in literals)
        )
    ]


def _spellings(value: str) -> list[tuple[str, bytes]]:
    raw = value.encode()
    spellings = [
        ("as it is", raw),
        ("hex", raw.hex().encode()),
        ("hex", raw.hex().upper().encode()),
        ("URL-encoded", quote(value, safe="").encode()),
        ("URL-encoded", re.sub(r"%..", lambda found: found[0].lower(), quote(value, safe="")).encode()),
        ("URL-encoded", quote(value).encode()),
        ("in JSON", json.dumps(value)[1:-1].encode()),
        ("in JSON", json.dumps(value)[1:-1].replace("/", r"\/").encode()),
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


def _pieces(needle: bytes) -> list[bytes]:
    """Return parts of which at least one is whole wherever lines are broken: one more than there can be breaks."""
    count = (len(needle) - 1) // _LINE_BYTES + 2
    size = -(-len(needle) // count)
    return [needle[start : start + size] for start in range(0, len(needle), size)]
