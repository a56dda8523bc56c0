"""What pydantic finds wrong with settings, in words for an admin and with the keys of the profile file."""

from __future__ import annotations

import difflib
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from store.problems import Problem

_SHAPES = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "list_type": "must be a list in [ ]",
    "dict_type": "must be a table of settings",
    "model_type": "must be a table of settings",
    "model_attributes_type": "must be a table of settings",
}


def from_pydantic(error: ValidationError, model: type[BaseModel], prefix: str = "") -> list[Problem]:
    """The problems of a validation, with the keys as they stand in the file and a guess at typos."""
    return [
        Problem(".".join([*([prefix] if prefix else []), *(_key(p) for p in e["loc"])]), _say(e, model))
        for e in error.errors(include_url=False, include_input=False)
    ]


def _key(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part


def _say(error: ErrorDetails, model: type[BaseModel]) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return _unknown(str(error["loc"][-1]), _fields_at(model, error["loc"][:-1]))
    if kind == "missing":
        return "is missing"
    context: dict[str, Any] = error.get("ctx") or {}
    if kind in _SHAPES:
        return _SHAPES[kind]
    if kind in {"literal_error", "enum"}:
        return f"must be {context.get('expected')}"
    if kind == "value_error":
        return str(context.get("error", error["msg"]))
    words = error["msg"].removeprefix("Input ")
    return words[0].lower() + words[1:]


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(sorted(known))}"
    return "is not a setting" + (hint if known else "")


def _fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The names of the fields of the model that the location leads to; [] where it leads elsewhere."""
    here: type[BaseModel] = model
    parts = iter(loc)
    for part in parts:
        if isinstance(part, int):
            continue
        field = here.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if field is None or inner is None:
            return []
        if get_origin(field.annotation) is dict:
            next(parts, None)  # the name that the admin chose
        here = inner
    return [f.alias or name for name, f in here.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
