"""How the OpenAPI description speaks of forms, which are read here and not by FastAPI."""

from __future__ import annotations

from typing import Any

WORD: dict[str, Any] = {"type": "string"}
PICTURE: dict[str, Any] = {"type": "string", "format": "binary"}
PICTURES: dict[str, Any] = {"type": "array", "items": PICTURE, "minItems": 1}

#: Every refusal has this shape.
PROBLEM = {
    "description": "Refused; the sentence says why",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}},
                "required": ["error"],
                "additionalProperties": False,
            }
        }
    },
}
_OBJECT = {"application/json": {"schema": {"type": "object"}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of refusals.

    Args:
        *statuses: Of HTTP.
    """
    return dict.fromkeys(statuses, PROBLEM)


def form(
    fields: dict[str, dict[str, Any]], *, required: str, status: int = 200, what: str = "The answer"
) -> dict[str, Any]:
    """Return what `add_api_route` is told of a door that takes a form.

    Args:
        fields: Schemas by name.
        required: The field that must be there.
        status: Of success.
        what: That comes back.
    """
    schema = {"type": "object", "properties": fields, "required": [required], "additionalProperties": False}
    return {
        "status_code": status,
        "responses": {
            status: {"description": what, "content": _OBJECT},
            **refusals(400, 401, 403, 404, 408, 413, 415, 421, 422, 429, 503),
        },
        "openapi_extra": {
            "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
        },
    }
