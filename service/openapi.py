"""The interface as OpenAPI 3.1, served at /openapi.json. A test holds it to the routes and to their real answers."""

from __future__ import annotations

from service import __version__
from service.openapi_schemas import SCHEMAS

_Document = dict[str, object]

_PARTS = {
    "network": "^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$",
    "asset": "^0x[0-9A-Fa-f]{40}$",
    "payer": "^0x[0-9A-Fa-f]{40}$",
    "nonce": "^0x[0-9A-Fa-f]{64}$",
}
_NO_TOKEN: list[object] = []
_TOKEN: list[object] = [{"bearer": []}]
# Wanted as soon as clients are configured.
_TOKEN_OR_NOT: list[object] = [{}, {"bearer": []}]


def document() -> _Document:
    """Give the whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "x402 facilitator",
            "version": __version__,
            "description": "Verifies and settles x402 v2 payments of scheme `exact`, without asking a chain.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {"schemas": SCHEMAS, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
    }


def _paths() -> _Document:
    live: _Document = {"200": _json("The event loop turns.", "Status")}
    health: _Document = {"200": _json("A payment could be taken now.", "Health"), "503": _json("Not now.", "Health")}
    shown: _Document = {
        "200": _json("What was settled.", "Settlement"),
        "404": _json("No such settlement.", "Error"),
        "503": _json("Redis cannot be reached.", "Error"),
    }
    metrics: _Document = {
        "200": {"description": "Prometheus text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    }
    return {
        "/live": {"get": _operation("live", "Whether the process turns.", live, _NO_TOKEN)},
        "/health": {"get": _operation("health", "Whether payments can be taken.", health, _NO_TOKEN)},
        "/supported": {
            "get": _operation("supported", "What is accepted.", {"200": _json("Kinds.", "Supported")}, _NO_TOKEN)
        },
        "/openapi.json": {
            "get": _operation("openapi", "This document.", {"200": _json("OpenAPI 3.1.", "OpenApi")}, _NO_TOKEN)
        },
        "/verify": {"post": _payment("verify", "Whether a payment could be settled now.", "VerifyResponse")},
        "/settle": {"post": _payment("settle", "Settle a payment once; the same answer ever after.", "SettleResponse")},
        "/settlements/{network}/{asset}/{payer}/{nonce}": {
            "parameters": [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
                for name, pattern in _PARTS.items()
            ],
            "get": _operation("settlement", "The record of a settlement.", {**shown, **_refusals()}, _TOKEN),
        },
        "/metrics": {"get": _operation("metrics", "Prometheus metrics.", {**metrics, **_refusals()}, _TOKEN)},
    }


def _operation(name: str, summary: str, responses: _Document, security: list[object]) -> _Document:
    return {"operationId": name, "summary": summary, "security": security, "responses": responses}


def _payment(name: str, summary: str, schema: str) -> _Document:
    responses = {
        "200": _json("The decision; a payment that is not in order has a reason.", schema),
        "400": _json("The body is no request.", schema),
        "413": _json("The body is too large.", "Error"),
        "503": _json("Nothing was decided: ask again with the same body.", schema),
        **_refusals(),
    }
    body = {"required": True, "content": {"application/json": {"schema": _reference("PaymentRequest")}}}
    return {**_operation(name, summary, responses, _TOKEN_OR_NOT), "requestBody": body}


def _refusals() -> _Document:
    return {
        "401": _json("A bearer token is missing or wrong.", "Error"),
        "429": _json("This client asks more often than it may.", "Error"),
    }


def _json(description: str, schema: str) -> _Document:
    return {"description": description, "content": {"application/json": {"schema": _reference(schema)}}}


def _reference(schema: str) -> _Document:
    return {"$ref": f"#/components/schemas/{schema}"}
