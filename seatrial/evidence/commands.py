"""Commands as health checks, images and compose files write them: what they start, and what they give away."""

from __future__ import annotations

import functools
import re
import shlex

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh", "csh", "tcsh", "fish"})
_INITS = frozenset({"tini", "dumb-init", "docker-init", "catatonit"})
_WRAPPERS = _INITS | {"env", "exec", "nice", "nohup", "time", "sudo", "busybox", "setpriv", "timeout"}
"""Programs that only start the next one."""
_USER_WRAPPERS = frozenset({"gosu", "su-exec"})
"""Programs that take a user, and then start the next one."""
_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "\n", "|&", ";;"})
_KEYWORDS = frozenset({"then", "do", "if", "elif", "else", "while", "until", "!"})
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|\\\$", re.DOTALL)
_ALWAYS_ZERO = frozenset(
    {
        *("true", ":", "echo", "printf", "cat", "tee", "date", "hostname", "whoami", "id", "pwd", "sleep", "uname"),
        *("printenv", "sort", "head", "tail", "wc", "tr", "cut", "uniq", "logger", "touch"),
    }
)
"""Programs that end with 0 whatever went wrong before them."""
_ONLY_ABOUT_ITSELF = frozenset({"--version", "-version", "version", "-V", "-v", "--help", "help"})
_EMPTY_PROGRAMS = frozenset({"", "pass", "exit()", "exit(0)", "quit()", "0", "1"})
_REDIS_CLIENT = re.compile(r"\b(?:redis|valkey|keydb)-cli\b")
_ASKS_FOR_ERRORS = re.compile(r"\b(?:redis|valkey|keydb)-cli\b[^|;&]*?\s-[a-zA-Z]*e(?=\s|$)")
_WANTS_PONG = re.compile(r"(?:\bgrep\b(?![^|;&]*\s-\w*v)[^|;&]*|=~?\s*\S*|\bcase\b.*|\bexpr\b.*)PONG", re.DOTALL)
_CURL = re.compile(r"\bcurl\s([^|;&]*)")
_CURL_FAILS = re.compile(r"(?:^|\s)(?:-[a-zA-Z]*f[a-zA-Z]*|--fail\S*)(?=\s|$)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_VALUE = r"[\"']?(?!\$\$?\(|\$\$?\{?\w*_FILE)[^\s\"']"
"""A value that is written out: not read from a file or another program when the command runs."""
_SHOWN_PASSWORD = re.compile(
    rf"(?:^|[\s\"'\[,])--(?:requirepass|masterauth|pass|password|passwd|token|secret)[\s=\"',]+{_VALUE}"
    rf"|\bredis-cli\b[^|;&]*?[\s\"',]-a[\s\"',]+{_VALUE}"
    rf"|\bcurl\b[^|;&]*?\s(?:-u|--user)[\s=]*[\"']?[^\s:\"']+:{_VALUE}"
    r"|://[^/\s:@\"']*:(?!\$)[^/\s@\"']+@"
    rf"|(?:PASSWORD|PASSWD|PASSPHRASE|(?<![A-Z])PASS|(?<![A-Z])TOKEN|SECRET|_AUTH|API_?KEY)={_VALUE}"
    rf"|\bredis-cli\b[^|;&]*?[\s\"',]AUTH[\s\"',]+{_VALUE}",
    re.IGNORECASE,
)


def shell_of(words: list[str]) -> str:
    """Return the shell that a command starts before its program, or nothing."""
    rest = list(words)
    while rest:
        name = rest.pop(0).rpartition("/")[2]
        if name in SHELLS:
            return name
        if name in _USER_WRAPPERS:
            rest = rest[1:]
        elif name not in _WRAPPERS:
            return ""
        while rest and (rest[0].startswith("-") or _ASSIGNMENT.match(rest[0]) or re.fullmatch(r"\d+[smh]?", rest[0])):
            rest.pop(0)
    return ""


def script_of(words: list[str]) -> str:
    """Return what an exec-form command runs as a script: what a shell is given after -c, else the command itself."""
    if shell_of(words):
        for number, word in enumerate(words[:-1]):
            if re.fullmatch(r"-[a-z]*c", word):
                return words[number + 1]
    return shlex.join(words)


def commands(script: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a shell script, each with what separates it from the one before.

    Good enough to name programs. What cannot be read as a shell script is one command of its words.
    """
    found: list[tuple[str, list[str]]] = []
    separator = ""
    words: list[str] = []
    for token in _tokens(script):
        if token in _SEPARATORS or token in {"(", ")", "{", "}"}:
            if words:
                found.append((separator, words))
            separator, words = (token if token in _SEPARATORS else separator), []
        else:
            words.append(token)
    if words:
        found.append((separator, words))
    return found


def programs(script: str) -> set[str]:
    """Return the names of the programs that a shell script starts."""
    return {command[0] for command in (started(words) for _, words in commands(script)) if command}


def started(words: list[str]) -> list[str]:
    """Return what a command starts in the end: the program's bare name, then what it is given."""
    rest = list(words)
    while rest and (rest[0] in _KEYWORDS or _ASSIGNMENT.match(rest[0]) or rest[0].rpartition("/")[2] in _WRAPPERS):
        is_wrapper = rest.pop(0).rpartition("/")[2] in _WRAPPERS
        while is_wrapper and rest and (rest[0].startswith("-") or re.fullmatch(r"\d+[smh]?", rest[0])):
            rest.pop(0)
    return [rest[0].rpartition("/")[2], *rest[1:]] if rest else []


def without_quoted_variables(script: str) -> str:
    """Return a script in which only those variables are left whose values the shell takes apart at blanks."""
    return _QUOTED.sub(lambda quoted: quoted[0].replace("$", ""), script)


def cannot_fail(script: str) -> bool:
    """Whether a command ends with 0 whatever happens: `... || true`, `...; exit 0`, `... | cat`, `true`."""
    found = commands(script)
    if not found:
        return False
    separator, words = found[-1]
    if script.rstrip().endswith("&") or _only_if(found):
        return True
    if separator == "&&":
        return False
    if separator == "" or len(found) == 1:
        return len(found) == 1 and (_ends_with_zero(words) or words == ["exit"] or _says_nothing(words))
    return _ends_with_zero(words)


def _ends_with_zero(words: list[str]) -> bool:
    name = words[0].rpartition("/")[2]
    if name in {"exit", "return"}:
        return len(words) > 1 and words[1].isdecimal() and int(words[1]) % 256 == 0
    return name in _ALWAYS_ZERO


def _only_if(found: list[tuple[str, list[str]]]) -> bool:
    """Whether a script ends with an `if` that does nothing otherwise: then nothing is what fails."""
    if found[-1][1] != ["fi"] or any(words[0] in {"else", "elif"} for _, words in found):
        return False
    return not any(words[-2:-1] == ["exit"] and words[-1] != "0" for _, words in found) and not any(
        words[-1] == "false" for _, words in found
    )


def _says_nothing(words: list[str]) -> bool:
    """Whether a program is asked only about itself, or is given no program to run."""
    if len(words) > 1 and words[-2] == "-c":
        return words[-1].strip() in _EMPTY_PROGRAMS
    return len(words) == 2 and words[1] in _ONLY_ABOUT_ITSELF  # noqa: PLR2004 - a program and its flag


def hides_redis_errors(script: str) -> bool:
    """Whether a check asks Redis and takes an error for an answer: the client ends with 0 on both."""
    return bool(_REDIS_CLIENT.search(script)) and not _ASKS_FOR_ERRORS.search(script) and not _WANTS_PONG.search(script)


def ignores_http_errors(script: str) -> bool:
    """Whether a check is one curl whose answer nobody looks at: it ends with 0 on 500 and on 503."""
    asked = _CURL.search(script)
    if asked is None or "|" in script.replace("||", "") or "$(" in script or "http_code" in script:
        return False
    return not _CURL_FAILS.search(asked[1])


def shows_password(text: str) -> bool:
    """Whether a password is written out in a command, a URL or an assignment."""
    return bool(_SHOWN_PASSWORD.search(text))


@functools.lru_cache(maxsize=256)
def _tokens(script: str) -> tuple[str, ...]:
    lexer = shlex.shlex(script.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.commenters = ""
    lexer.whitespace_split = True
    try:
        return tuple(lexer)
    except ValueError:
        return tuple(script.split())
