"""No field of a profile takes a character that could end a header or an SMTP command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel, SecretStr

from store.problems import SettingsInvalid
from store.profiles import Profile, Settings
from store.secrets import SecretReader
from store.toml import read

WHOLE: dict[str, object] = {
    "protocol": "smtp",
    "sender_name": "Desk",
    "from_address": "a@example.org",
    "reply_to": "b@example.org",
    "smtp": {
        "host": "a.example.org",
        "alternates": [{"host": "b.example.org"}],
        "ehlo_name": "me.example.org",
    },
    "ews": {"url": "https://mail.example.org/EWS"},
    "graph": {"endpoint": "https://graph.example.org"},
    "auth": {
        "method": "none",
        "username": "u",
        "oauth": {
            "tenant": "t",
            "client_id": "c",
            "account": "someone",
            "authorization_url": "https://example.org/a",
            "token_url": "https://example.org/t",
            "device_authorization_url": "https://example.org/d",
            "scopes": ["s"],
            "redirect_url": "http://localhost:8765",
        },
    },
    "proxy": {"url": "http://proxy.example.org:3128", "username": "u"},
    "tls": {"ca_file": "/etc/ca.pem"},
    "failover": {"profile": "other"},
}


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models(inner)


def plain_types(annotation: object) -> Iterator[object]:
    """What is left of an annotation such as Annotated[list[Annotated[str, …]], …] | None."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    for inner in get_args(annotation):
        yield from plain_types(inner)


def text_fields(model: type[BaseModel], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every place of a profile that holds text which is not a choice and not a secret."""
    for name, info in model.model_fields.items():
        inner = list(models(info.annotation))
        for part in inner:
            yield from text_fields(part, (*at, name))
        kinds = list(plain_types(info.annotation))
        if not inner and str in kinds and SecretStr not in kinds:
            yield (*at, name)


FIELDS = list(text_fields(Profile))


def test_every_text_field_is_looked_at() -> None:
    assert len(FIELDS) >= 21
    assert {("sender_name",), ("smtp", "alternates", "host"), ("auth", "oauth", "scopes")} <= set(FIELDS)


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
@pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\nBcc: x@y.z", "\x85", "\u2028", "\x1b[2J"])
@pytest.mark.parametrize("where", ["end", "middle", "start"])
def test_no_field_takes_a_control_character(field: tuple[str, ...], bad: str, where: str) -> None:
    given = Profile.model_validate(WHOLE).model_dump(mode="json", exclude_none=True)
    here: object = given
    for part in field[:-1]:
        here = here[part] if isinstance(here, dict) else here
        here = here[0] if isinstance(here, list) else here
    assert isinstance(here, dict)
    old = here[field[-1]]
    text = old[0] if isinstance(old, list) else old
    new = {"end": text + bad, "middle": text[:1] + bad + text[1:], "start": bad + text}[where]
    here[field[-1]] = [new] if isinstance(old, list) else new
    if field[-1] == "scopes" and bad[0].isspace():  # copied with a line break between them: taken apart there
        auth = Profile.model_validate(given).auth
        assert auth.oauth
        assert auth.oauth.scopes
        assert all(scope.isprintable() for scope in auth.oauth.scopes)
        return
    with pytest.raises(ValueError, match=r".") as told:
        Profile.model_validate(given)
    assert "\r" not in str(told.value)
    assert "\0" not in str(told.value)


def test_a_name_of_a_profile_takes_none_either() -> None:
    text = '[profiles."a\\r\\nb"]\nprotocol = "smtp"\nfrom_address = "a@b.c"\nsmtp.host = "h"\n'
    with pytest.raises(SettingsInvalid) as told:
        read(text, Settings(), SecretReader(env={}))
    assert "a name has letters" in str(told.value)
    assert not set("\r\n\0") & set("".join(str(p) for p in told.value.problems))
