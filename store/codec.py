"""Turns settings into the records that the vault seals, and back: the secrets of each profile apart.

It must never put a secret into the settings record, or anything into a file by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import cast

from pydantic import SecretStr, ValidationError

from store.container import Damaged, Record
from store.problems import SettingsInvalid
from store.profiles import SECRET_FIELDS, Profile, Settings
from store.validation import from_pydantic

SETTINGS = "settings"
SECRETS = "secrets/"

Json = dict[str, object]


def to_records(settings: Settings, revision: int) -> dict[str, Record]:
    """The settings as records, all of this revision."""
    plain: Json = settings.model_dump(mode="json", exclude_none=True)
    records = {}
    for name, profile in settings.profiles.items():
        hidden = {".".join(path): text for path, text in secrets_of(profile)}
        _strip(cast("Json", cast("Json", plain["profiles"])[name]))
        if hidden:
            records[SECRETS + name] = Record(SECRETS + name, revision, _bytes(hidden))
    return {SETTINGS: Record(SETTINGS, revision, _bytes(plain)), **records}


def from_records(records: Mapping[str, Record]) -> Settings:
    """The settings. Raises Damaged, or SettingsInvalid for settings that this outmail would not take."""
    if SETTINGS not in records:
        return Settings()
    try:
        plain: Json = json.loads(records[SETTINGS].plain)
        profiles = cast("Json", plain.get("profiles", {}))
        for key, record in records.items():
            if key.startswith(SECRETS):
                profile = cast("Json", profiles[key.removeprefix(SECRETS)])
                for path, text in json.loads(record.plain).items():
                    _put(profile, path.split("."), text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Damaged("its records do not fit together") from None
    try:
        return Settings.model_validate(plain)
    except ValidationError as error:
        raise SettingsInvalid(from_pydantic(error, Settings)) from None


def ours(name: str) -> bool:
    """Whether a record belongs to the settings; others (tokens) live on when settings are saved."""
    return name == SETTINGS or name.startswith(SECRETS)


def secrets_of(profile: Profile) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and text of each secret that the profile has."""
    for path in SECRET_FIELDS:
        here: object = profile
        for part in path:
            here = getattr(here, part, None)
        if isinstance(here, SecretStr):
            yield path, here.get_secret_value()


def _strip(profile: Json) -> None:
    for path in SECRET_FIELDS:
        here: object = profile
        for part in path[:-1]:
            here = here.get(part) if isinstance(here, dict) else None
        if isinstance(here, dict):
            here.pop(path[-1], None)


def _put(profile: Json, path: list[str], text: str) -> None:
    here = profile
    for part in path[:-1]:
        here = cast("Json", here[part])
    here[path[-1]] = text


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
