"""What differs between two states of the settings, field by field, as the profile file names them.

The value of a secret must never appear: it shows as (secret).
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, SecretStr

from store.fields import Part
from store.profiles import Settings

HIDDEN = "(secret)"


@dataclass(frozen=True, slots=True)
class Change:
    """One field with its value before and after; "" where it was not set."""

    field: str  # "profiles.support.smtp.alternates.1.host"
    old: str
    new: str

    def __str__(self) -> str:
        if not self.old:
            return f"{self.field}: {self.new}"
        return f"{self.field}: {self.old} -> {self.new or '(removed)'}"


def compare(old: Settings, new: Settings) -> list[Change]:
    """Every field that differs, in the order of the profile file; removed ones last."""
    before, after = _flat(old), _flat(new)
    return [
        Change(field, _shown(before.get(field)), _shown(after.get(field)))
        for field in [*after, *(f for f in before if f not in after)]
        if before.get(field) != after.get(field)
    ]


def _flat(value: object, at: str = "") -> dict[str, object]:
    """Dotted field -> value; fields that are not set are left out."""
    if value is None or value == []:
        return {}
    if isinstance(value, BaseModel):
        hidden = value.HIDDEN if isinstance(value, Part) else frozenset[str]()
        parts = [
            (name, SecretStr(str(part)) if name in hidden and part is not None else part)
            for name, part in ((name, getattr(value, name)) for name in type(value).model_fields)
        ]
    elif isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(v, BaseModel) for v in value):
        parts = [(str(number), v) for number, v in enumerate(value, 1)]
    else:
        return {at: value}
    return {
        k: v for name, inner in parts for k, v in _flat(inner, f"{at}.{name}" if at else str(name)).items()
    }


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, SecretStr):
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return str(value)
