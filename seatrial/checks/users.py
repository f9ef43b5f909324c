"""What is wrong with a user of the production Redis, wherever it is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatrial.evidence.redis import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatrial.evidence import acl


def faults(user: acl.User, admin: str) -> Iterator[str]:
    """Yield what is wrong with a user of the production Redis; the one who administers it may do everything."""
    if user.is_open:
        yield "the user needs no password"
    if user.shows_password:
        yield "the password is written out instead of its hash"
    if user.name == DEFAULT and user.is_on:
        yield "the default user is on"
    if user.is_on and user.name != admin:
        if user.has_all_keys and user.name != DEFAULT:
            yield "the user may reach every key"
        if user.dangerous:
            yield f"the user may {', '.join(user.dangerous[:4])}"
