"""Profiles as text (TOML), in and out: read whole with every mistake named, written without any secret.

It must never take part of a file: all of its profiles are right, or none is used.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import tomlkit
from pydantic import BaseModel, SecretStr, ValidationError
from tomlkit.items import Table

from store.codec import secrets_of
from store.contradictions import check_whole
from store.problems import Problem, SettingsInvalid
from store.profiles import SECRET_FIELDS, Profile, Settings
from store.secrets import NoSecret, SecretReader
from store.validation import from_pydantic

LIMIT = 2**20
"""Bytes of a profile file at most; a profile has some 700."""

QUIET = {"mechanism", "insecure_allow_password_without_tls", "failback"}
"""Fields that are written only where they differ from their default."""

_FIRST = {"host": 0, "port": 1, "security": 2}
"""The order of a server's fields in the documentation; all others follow as the model has them."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file says: its profiles, and the default one if it names one."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    default: str | None = None


def read(text: str, current: Settings, secrets: SecretReader) -> Imported:
    """The profiles of a file, checked whole, together with the settings they will join.

    Raises SettingsInvalid with every problem. Nobody is asked for a password before the rest is right.
    """
    found = _parse(text)
    profiles = found.get("profiles")
    asked, problems = {}, []
    for name, profile in profiles.items() if isinstance(profiles, dict) else ():
        before = dict(_stored(current.profiles.get(name)))
        for path, table in _secret_tables(profile):
            at = ".".join(["profiles", name, *path])
            given = table[path[-1]]
            if given == {"prompt": True} and secrets.ask:
                asked[at] = (table, path[-1], given)
                table[path[-1]] = SecretStr("-")
                continue
            try:
                table[path[-1]] = secrets.read(at, given, before.get(path))
            except NoSecret as why:
                problems.append(Problem(at, str(why)))
                table[path[-1]] = SecretStr("-")
    imported = _checked(found, current, problems)
    if not asked:
        return imported
    for at, (table, key, given) in asked.items():
        try:
            table[key] = secrets.read(at, given, None)
        except NoSecret as why:
            problems.append(Problem(at, str(why)))
    return _checked(found, current, problems)


def write(name: str, profile: Profile) -> str:
    """The profile as text, in the order of the documentation, its secrets as { stored = true }."""
    document = tomlkit.document()
    profiles = tomlkit.table(is_super_table=True)
    profiles.append(tomlkit.key(name), _table(profile))
    document.append("profiles", profiles)
    return tomlkit.dumps(document)


def _parse(text: str) -> Json:
    if len(text) > LIMIT:
        raise SettingsInvalid([Problem("", f"the file is longer than {LIMIT // 1024} KiB")])
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except RecursionError:
        raise SettingsInvalid([Problem("", "is not TOML: it is nested too deeply")]) from None
    except ValueError as error:  # TOMLDecodeError, and a number with thousands of digits
        place = re.search(r" \(at (.*)\)$", str(error))
        if place is None:
            raise SettingsInvalid([Problem("", "is not TOML: a number is too long")]) from None
        words = _first_lower(str(error)[: place.start()])
        line = place[1].replace(", column", " column")
        raise SettingsInvalid([Problem("", f"is not TOML, {line}: {words}")]) from None


def _checked(found: Json, current: Settings, problems: list[Problem]) -> Imported:
    """The file as settings, if nothing is wrong with it, with the secrets or with the whole.

    Each profile is looked at by itself, so that a mistake in one hides none in another.
    """
    problems = list(problems)
    profiles: dict[str, Profile] = {}
    given = found.get("profiles", {})
    for name, profile in given.items() if isinstance(given, dict) else ():
        try:
            profiles[name] = Profile.model_validate(profile)
        except ValidationError as error:
            problems += from_pydantic(error, Profile, f"profiles.{name}")
    default = None
    try:
        rest = {} if isinstance(given, dict) else {"profiles": given}
        default = Settings.model_validate({**found, "profiles": {}, **rest}).default
    except ValidationError as error:
        problems += from_pydantic(error, Settings)
    merged = Settings(default=default or current.default, profiles={**current.profiles, **profiles})
    try:
        check_whole(merged)
    except SettingsInvalid as error:
        # A profile that could not be read is not a missing one, and a field is told once.
        unread = {f"there is no profile {n!r}" for n in (given if isinstance(given, dict) else ())}
        known = {p.field for p in problems}
        problems += [p for p in error.problems if p.field not in known and p.message not in unread]
    if problems:
        raise SettingsInvalid(problems)
    if not profiles and default is None:
        raise SettingsInvalid([Problem("profiles", "is missing: the file sets up no profile")])
    return Imported(profiles, default)


def _secret_tables(profile: object) -> Iterator[tuple[tuple[str, ...], Json]]:
    """The path of each secret that the file gives, with the table it stands in."""
    for path in SECRET_FIELDS:
        here = profile
        for part in path[:-1]:
            here = here.get(part) if isinstance(here, dict) else None
        if isinstance(here, dict) and path[-1] in here:
            yield path, cast("Json", here)


def _stored(profile: Profile | None) -> Iterator[tuple[tuple[str, ...], SecretStr]]:
    if profile is not None:
        for path, text in secrets_of(profile):
            yield path, SecretStr(text)


def _table(part: BaseModel) -> Table:
    """Plain values first: in TOML, what follows a table's heading belongs to that table."""
    table = tomlkit.table()
    later: list[tuple[str, BaseModel | list[BaseModel]]] = []
    for key in sorted(type(part).model_fields, key=lambda k: _FIRST.get(k, len(_FIRST))):
        value, info = getattr(part, key), type(part).model_fields[key]
        if value is None or value == [] or (key in QUIET and value == info.default):
            continue
        if isinstance(value, BaseModel) or (isinstance(value, list) and isinstance(value[0], BaseModel)):
            later.append((key, value))
        elif isinstance(value, SecretStr):
            stored = tomlkit.inline_table()
            stored.append("stored", True)
            table.append(key, stored)
        else:
            table.append(key, str(value) if isinstance(value, str) else value)
    for key, inner in later:
        if isinstance(inner, BaseModel):
            table.append(key, _table(inner))
        else:
            several = tomlkit.aot()
            for one in inner:
                several.append(_table(one))
            table.append(key, several)
    return table


def _first_lower(words: str) -> str:
    return words[:1].lower() + words[1:]
