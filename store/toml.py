"""Settings as text (TOML), in and out: read whole with every mistake named, written without any secret.

It must never take part of a file: all of it is right, or none is used.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import tomlkit
from pydantic import SecretStr, ValidationError

from store.codec import secrets_of
from store.contradictions import check_whole
from store.problems import Problem, SettingsInvalid
from store.profiles import SECRET_FIELDS, Profile, Settings
from store.relay_settings import Relay
from store.secrets import NoSecret, SecretReader
from store.toml_places import Place
from store.toml_relay import relay_places
from store.toml_tables import table_of
from store.validation import from_pydantic

LIMIT = 2**20
"""Bytes of a profile file at most; a profile has some 700."""

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file says: its profiles, and where it has them, the default one and the relay's settings."""

    profiles: dict[str, Profile] = field(default_factory=dict)
    default: str | None = None
    relay: Relay | None = None

    def joined(self, current: Settings) -> Settings:
        """The current settings with what the file says."""
        return Settings(
            default=self.default or current.default,
            profiles={**current.profiles, **self.profiles},
            relay=self.relay or current.relay,
        )


def read(text: str, current: Settings, secrets: SecretReader) -> Imported:
    """What a file says, checked whole, together with the settings it will join.

    Raises SettingsInvalid with every problem. Nobody is asked for a password before the rest is right.
    """
    found = _parse(text)
    problems: list[Problem] = []
    places = [*_profile_places(found, current), *relay_places(found, current.relay, problems)]
    asked = [place for place in places if place.given == {"prompt": True} and secrets.ask]
    for place in places:
        place.fill(None if place in asked else _secret(place, secrets, problems))
    imported = _checked(found, current, problems)
    if not asked:
        return imported
    for place in asked:
        place.fill(_secret(place, secrets, problems))
    return _checked(found, current, problems)


def _secret(place: Place, secrets: SecretReader, problems: list[Problem]) -> SecretStr | None:
    """The secret that the place points to; where there is none, that is a problem."""
    try:
        return secrets.read(place.at, place.given, place.stored)
    except NoSecret as why:
        problems.append(Problem(place.at, str(why)))
        return None


def write(name: str, profile: Profile) -> str:
    """The profile as text, in the order of the documentation, its secrets as { stored = true }."""
    document = tomlkit.document()
    profiles = tomlkit.table(is_super_table=True)
    profiles.append(tomlkit.key(name), table_of(profile))
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
    default, relay = None, None
    try:
        rest = {} if isinstance(given, dict) else {"profiles": given}
        others = Settings.model_validate({**found, "profiles": {}, **rest})
        default, relay = others.default, others.relay
    except ValidationError as error:
        problems += from_pydantic(error, Settings)
    imported = Imported(profiles, default, relay)
    try:
        check_whole(imported.joined(current))
    except SettingsInvalid as error:
        # A profile that could not be read is not a missing one, and a field is told once.
        unread = {f"there is no profile {n!r}" for n in (given if isinstance(given, dict) else ())}
        known = {p.field for p in problems}
        problems += [p for p in error.problems if p.field not in known and p.message not in unread]
    if problems:
        raise SettingsInvalid(problems)
    if not profiles and default is None and relay is None:
        raise SettingsInvalid([Problem("profiles", "is missing: the file sets up no profile")])
    return imported


def _profile_places(found: Json, current: Settings) -> Iterator[Place]:
    """Where profiles have secrets."""
    profiles = found.get("profiles")
    for name, profile in profiles.items() if isinstance(profiles, dict) else ():
        before = dict(_stored(current.profiles.get(name)))
        for path in SECRET_FIELDS:
            here: object = profile
            for part in path[:-1]:
                here = here.get(part) if isinstance(here, dict) else None
            if isinstance(here, dict) and path[-1] in here:
                at = ".".join(["profiles", name, *path])
                yield Place(at, here[path[-1]], before.get(path), partial(_fill, here, path[-1]))


def _fill(table: Json, key: str, secret: SecretStr | None) -> None:
    table[key] = SecretStr("-") if secret is None else secret


def _stored(profile: Profile | None) -> Iterator[tuple[tuple[str, ...], SecretStr]]:
    if profile is not None:
        for path, text in secrets_of(profile):
            yield path, SecretStr(text)


def _first_lower(words: str) -> str:
    return words[:1].lower() + words[1:]
