"""Turns pydantic's findings into sentences for a person who wrote a recipe."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ferda.errors import nearest


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return one sentence for each mistake, with its place and the nearest thing that would do.

    Args:
        error: What pydantic found.
        model: The model that was validated.
        prefix: Dotted place of the model within the recipe.
    """
    sentences = []
    for finding in error.errors():
        place = [str(part) for part in finding["loc"]]
        parent = _model_at(model, place[:-1])
        name = ".".join([*([prefix] if prefix else []), *place])
        if finding["type"] == "extra_forbidden":
            known = list(parent.model_fields) if parent else []
            hint = nearest(place[-1], known) or f" (known: {', '.join(known)})"
            sentences.append(f"{name}: unknown key{hint}")
        elif finding["type"] == "literal_error":
            choices = str(finding["ctx"]["expected"])
            words = [word.strip(" '") for word in choices.replace(" or ", ",").split(",")]
            sentences.append(
                f"{name}: '{finding['input']}' is not one of {choices}{nearest(str(finding['input']), words)}"
            )
        elif finding["type"] == "missing":
            sentences.append(f"{name}: is missing")
        else:
            message = finding["msg"].removeprefix("Value error, ")
            sentences.append(f"{name}: {message}, got {_short(finding['input'])}")
    return sentences


def _model_at(model: type[BaseModel], place: list[str]) -> type[BaseModel] | None:
    current: Any = model
    for part in place:
        field = (
            current.model_fields.get(part)
            if isinstance(current, type) and issubclass(current, BaseModel)
            else None
        )
        if field is None:
            continue
        nested = [
            kind
            for kind in (field.annotation, *get_args(field.annotation))
            if isinstance(kind, type) and issubclass(kind, BaseModel)
        ]
        if nested:
            current = nested[0]
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
