"""JSON as two parties must read it alike when money depends on it.

RFC 8259 leaves open what a repeated key, a lone surrogate or a number beyond a double means. Each of these is refused
here, because another reader of the same bytes (the seller, a proxy, an auditor) may see another payment.
"""

from __future__ import annotations

import json
import math

MAX_DEPTH = 16


class MalformedError(Exception):
    """The request is not what the protocol calls a request; carries a path and a problem, never a value."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)


def parse(body: bytes) -> object:
    """Parse a body of UTF-8. Raises MalformedError for whatever is not plain JSON nested at most MAX_DEPTH deep."""
    try:
        text = body.decode("utf-8")
        document = _DECODER.decode(text)
        if "\\u" in text:
            _refuse_lone_surrogates(document)
    except RecursionError:
        raise MalformedError("", "nested too deeply") from None
    except ValueError:
        # The decoder's own message can quote the body.
        raise MalformedError("", "the body is not strict JSON in UTF-8") from None
    # What opens no more brackets than that, wherever they stand, is not deeper: no need to look.
    if text.count("{") + text.count("[") > MAX_DEPTH and _deeper_than(document, MAX_DEPTH):
        raise MalformedError("", "nested too deeply")
    return document


def same(one: object, other: object) -> bool:
    """Whether two parsed documents are the same JSON: true is not 1, and 1 is not 1.0."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("a key is repeated")
    return parsed


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse_constant(_: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")


# Integers beyond 4300 digits are refused by Python itself, with a ValueError.
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse_constant)


def _refuse_lone_surrogates(document: object) -> None:
    # UnicodeEncodeError is a ValueError.
    json.dumps(document, ensure_ascii=False).encode("utf-8")


def _deeper_than(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_deeper_than(child, levels - 1) for child in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_deeper_than(child, levels - 1) for child in value)
    return False
