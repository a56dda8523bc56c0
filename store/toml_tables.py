"""Settings as tables of TOML, in the order of the documentation; a secret is { stored = true }.

The text of a secret must never be written, whatever sort of field it stands in.
"""

from __future__ import annotations

import tomlkit
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from tomlkit.items import Table

from store.fields import Part

QUIET = {"mechanism", "insecure_allow_password_without_tls", "failback"}
"""Fields that are written only where they differ from their default."""

_FIRST = {"host": 0, "listen": 0, "port": 1, "security": 2}
"""The order of a server's fields in the documentation; all others follow as the model has them."""


def table_of(part: BaseModel, *, show_defaults: bool = False) -> Table:
    """Plain values first: in TOML, what follows a table's heading belongs to that table.

    With `show_defaults` a value that is the default stands there as a comment.
    """
    table = tomlkit.table()
    hidden = part.HIDDEN if isinstance(part, Part) else frozenset[str]()
    later: list[tuple[str, BaseModel | list[BaseModel]]] = []
    for key in sorted(type(part).model_fields, key=lambda k: _FIRST.get(k, len(_FIRST))):
        value, usual = getattr(part, key), _is_default(getattr(part, key), type(part).model_fields[key])
        if value is None or value == [] or (key in QUIET and usual):
            continue
        if isinstance(value, BaseModel) or (isinstance(value, list) and isinstance(value[0], BaseModel)):
            later.append((key, value))
        elif isinstance(value, SecretStr) or key in hidden:
            stored = tomlkit.inline_table()
            stored.append("stored", True)
            table.append(key, stored)
        elif show_defaults and usual:
            table.add(tomlkit.comment(f"{key} = {tomlkit.item(value).as_string()}"))
        else:
            table.append(key, str(value) if isinstance(value, str) else value)
    for key, inner in later:
        if isinstance(inner, BaseModel):
            table.append(key, table_of(inner, show_defaults=show_defaults))
        else:
            several = tomlkit.aot()
            for one in inner:
                several.append(table_of(one, show_defaults=show_defaults))
            table.append(key, several)
    return table


def _is_default(value: object, info: FieldInfo) -> bool:
    return not info.is_required() and value == info.get_default(call_default_factory=True, validated_data={})
