"""The relay's settings as text (TOML): passwords become hashes on the way in, and neither ever comes out.

A file's [relay] stands for all of the relay's settings: what it does not say is as if it had never been set.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from urllib.parse import urlsplit

import tomlkit
from pydantic import SecretStr
from tomlkit.items import Table

from store.problems import Problem
from store.relay_password import Hashed, hash_password
from store.relay_settings import DEFAULT_LISTEN, Relay
from store.toml_places import Place
from store.toml_tables import table_of

Json = dict[str, object]

_HEAD = """\
The relay's settings. Change them in a file, and take it in: outmail profile import FILE
The file's [relay] stands for all of them. Lines behind # are what holds where nothing is said.
"""
_NO_LISTENER = f"""\
Without a listener the relay listens on {DEFAULT_LISTEN}, for this machine alone:
[[relay.listeners]]
listen = "{DEFAULT_LISTEN}"
"""
_STORED = {"stored": True}
_A_HASH = "scrypt:2:1:1:AAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAA=="
_AN_ADDRESS = "https://localhost/"
"""Stand-ins: they look like what is to come."""


def relay_places(found: Json, current: Relay | None, problems: list[Problem]) -> Iterator[Place]:
    """Where the file's [relay] has secrets; what is wrong with a password is added to the problems."""
    relay = found.get("relay")
    if not isinstance(relay, dict):
        return
    listeners = relay.get("listeners")
    for number, listener in enumerate(_tables(listeners), 1):
        for count, user in enumerate(_tables(listener.get("users")), 1):
            at = f"relay.listeners.{number}.users.{count}"
            stored = _stored_hash(current, listener.get("listen"), user.get("name"))
            yield from _of_user(at, user, stored, problems)
    alerts = relay.get("alerts")
    if isinstance(alerts, dict) and isinstance(alerts.get("webhook"), dict):
        address = current.alerts.webhook if current and current.alerts else None
        yield Place(
            "relay.alerts.webhook",
            alerts["webhook"],
            SecretStr(address) if address else None,
            lambda secret: alerts.update(
                webhook=_AN_ADDRESS if secret is None else secret.get_secret_value()
            ),
        )


def _of_user(at: str, user: Json, stored: SecretStr | None, problems: list[Problem]) -> Iterator[Place]:
    if "password" in user:
        given = user.pop("password")
        if "password_hash" in user:
            problems.append(Problem(f"{at}.password", "is one too many: give password or password_hash"))
        elif given == _STORED:
            yield Place(f"{at}.password", given, stored, partial(_fill_hash, user))
        else:
            fill = partial(_fill_password, f"{at}.password", user, stored, problems)
            yield Place(f"{at}.password", given, None, fill)
    elif isinstance(user.get("password_hash"), dict):
        yield Place(f"{at}.password_hash", user["password_hash"], stored, partial(_fill_hash, user))


def _fill_hash(user: Json, secret: SecretStr | None) -> None:
    user["password_hash"] = _A_HASH if secret is None else secret.get_secret_value()


def _fill_password(
    at: str, user: Json, stored: SecretStr | None, problems: list[Problem], secret: SecretStr | None
) -> None:
    user["password_hash"] = _A_HASH
    if secret is None:
        return
    password = secret.get_secret_value()
    if not password:
        problems.append(Problem(at, "is empty"))
    elif any(c in password for c in "\r\n\0"):
        problems.append(Problem(at, "has several lines: a password is one"))
    elif stored is not None and Hashed.parse(stored.get_secret_value()).fits(password):
        user["password_hash"] = stored.get_secret_value()  # the same file once more changes nothing
    else:
        user["password_hash"] = hash_password(secret)


def _stored_hash(current: Relay | None, listen: object, name: object) -> SecretStr | None:
    """The hash of that user: of the listener with this address if it has him, else of any."""
    listeners = sorted(current.listeners if current else (), key=lambda one: one.listen != listen)
    users = [user for one in listeners for user in one.users if user.name == name]
    return SecretStr(users[0].password_hash) if users else None


def _tables(given: object) -> list[Json]:
    return [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []


def write_relay(relay: Relay | None) -> str:
    """The [relay] table as text, with its defaults as comments, and its secrets as { stored = true }."""
    document = tomlkit.document()
    _comment(document, _HEAD)
    table = table_of(relay or Relay(), show_defaults=True)
    if relay and relay.alerts and relay.alerts.webhook:
        table["alerts"]["webhook"].comment(f"at {urlsplit(relay.alerts.webhook).hostname}")
    document.append("relay", table)
    if not (relay and relay.listeners):
        document.add(tomlkit.nl())
        _comment(document, _NO_LISTENER)
    return tomlkit.dumps(document)


def _comment(document: tomlkit.TOMLDocument | Table, text: str) -> None:
    for line in text.splitlines():
        document.add(tomlkit.comment(line))
