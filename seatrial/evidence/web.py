"""What a service answers over HTTP: one request over a connection of its own, the raw answer back."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    """A status, 0 when there was none, and the body; without an answer that is the name of the error."""

    status: int
    body: str
    fields: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The header, names in lower case."""

    @property
    def document(self) -> dict[str, Any]:
        """The body as a JSON object; an empty one when it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def get(address: tuple[str, int], path: str, token: str = "", *, fields: Mapping[str, str] | None = None) -> Answer:
    """Ask with GET, as the client whose bearer token is given."""
    return _ask(address, "GET", path, None, {**_fields(token), **(fields or {})})


def post(address: tuple[str, int], path: str, document: Mapping[str, Any], token: str = "") -> Answer:
    """Send a JSON document with POST."""
    fields = {**_fields(token), "Content-Type": "application/json"}
    return _ask(address, "POST", path, json.dumps(document), fields)


def _fields(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _ask(address: tuple[str, int], method: str, path: str, body: str | None, fields: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(method, path, body, dict(fields))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, response.read().decode("utf-8", "replace"), fields)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, type(error).__name__)
    finally:
        connection.close()
