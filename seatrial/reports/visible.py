"""Text of others, made harmless: what a terminal, a browser or a parser would obey becomes something to read."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return text in which every character shows as itself or as an escape; line ends stay.

    Control characters, bidirectional marks, unpaired surrogates and what XML forbids are all among those that do not
    print.
    """
    return "\n".join("".join(c if c.isprintable() else repr(c)[1:-1] for c in line) for line in text.split("\n"))


def on_one_line(text: str) -> str:
    """Return the same with line ends as escapes."""
    return visible(text).replace("\n", "\\n")
