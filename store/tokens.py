"""The tokens of signed-in profiles: kept sealed in the vault, renewed by one process at a time.

It must never show a token, never change the settings, and never lose a refresh token before the one
that replaces it is safe on the disk.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from store import atomic
from store.errors import ErrorKind, StoreError, cannot_read, shell
from store.lock import locked
from store.paths import private_folder
from store.profiles import Profile, Settings

if TYPE_CHECKING:
    from pathlib import Path

    from store.vault import Vault

RECORD = "token/"
"""What the names of tokens begin with among the records of the vault."""

LIMIT = 256 * 1024
"""Bytes of one token record at most; real ones have some 6 KiB."""

APP_ONLY = frozenset({"client-credentials", "service-account", "managed-identity"})
"""Grants without a person: nobody signs in, the program itself does."""

_RENEWED = "the sign-in is being renewed"


@dataclass(frozen=True, slots=True)
class Token:
    """What one sign-in brought. All times are UTC.

    `profile` is the name at the time of the sign-in, for people; `identity` is what counts.
    `refresh_since` is when the refresh token was last used or issued. `account` is "" where the
    authority named nobody. `claims` are facts for people, read without trust. `needs_sign_in` says
    why the authority will renew it no more, "" while it does.
    """

    identity: str
    profile: str
    access_token: SecretStr
    expires_at: datetime
    refresh_token: SecretStr | None
    refresh_since: datetime | None
    signed_in_at: datetime
    account: str
    scopes: tuple[str, ...]
    claims: Mapping[str, str] = field(hash=False)
    grant: str
    needs_sign_in: str = ""


class TokenShelf(Protocol):
    """Where tokens are kept. Every method may block for a moment and raises StoreError."""

    def get(self, identity: str) -> Token | None:
        """The token of this sign-in, None where nobody is signed in."""
        ...

    def put(self, token: Token) -> None:
        """Keep it in place of the one of the same identity; it is durable on return."""
        ...

    def forget(self, identity: str) -> bool:
        """Drop it; whether there was one."""
        ...

    def all(self) -> list[Token]:
        """Every token."""
        ...

    def refreshing(self, identity: str, who: str, wait: float) -> AbstractContextManager[None]:
        """Be the only one who renews this sign-in, for the block.

        Entering raises StoreError: `locked` after `wait` seconds, or `not-writable` and `full`
        where a new token could not be kept.
        """
        ...


def identity_of(profile: Profile) -> str:
    """32 hex digits of what the sign-in depends on; another name, server or proxy changes nothing.

    Where no person signs in, the app's own secret is part of it: a new secret must prove itself,
    not hide behind the token of the old one. Raises ValueError for a profile without OAuth settings.
    """
    oauth = profile.auth.oauth
    if oauth is None:
        raise ValueError("the profile has no OAuth settings")
    secrets = (oauth.client_secret, oauth.certificate, oauth.service_account)
    depends: list[object] = [
        oauth.provider,
        oauth.cloud or (profile.graph.cloud if profile.graph else "global"),
        oauth.grant,
        (oauth.tenant or "").lower(),
        oauth.client_id or "",
        (oauth.account or profile.auth.username or "").lower(),
        [oauth.authorization_url, oauth.token_url, oauth.device_authorization_url],
        sorted(set(oauth.scopes)) if oauth.scopes else [profile.protocol],  # filled in by protocol
        [s.get_secret_value() if s else "" for s in secrets] if oauth.grant in APP_ONLY else [],
    ]
    return sha256(json.dumps(depends, ensure_ascii=True).encode()).hexdigest()[:32]


def sharing(settings: Settings, name: str) -> list[str]:
    """The other profiles that the same sign-in serves as profile `name`."""
    identity = identity_of(settings.profiles[name])
    return [
        other
        for other, p in settings.profiles.items()
        if other != name and p.auth.method == "oauth" and p.auth.oauth and identity_of(p) == identity
    ]


def orphaned(records: Mapping[str, object], settings: Settings) -> set[str]:
    """The names of the token records that belong to no profile of these settings."""
    wanted = {RECORD + identity_of(p) for p in settings.profiles.values() if p.auth.oauth is not None}
    return {name for name in records if name.startswith(RECORD) and name not in wanted}


class TokenStore:
    """The tokens in the vault. Safe to use from several threads and processes."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: tuple[tuple[int, int, int] | None, dict[str, Token]] = (None, {})

    def get(self, identity: str) -> Token | None:
        """The token of this sign-in. Raises StoreError."""
        return self._all().get(identity)

    def all(self) -> list[Token]:
        """Every token that can be read. Raises StoreError."""
        return list(self._all().values())

    def put(self, token: Token) -> None:
        """Keep the token. Raises StoreError; where nothing was saved yet it says to save first."""
        data = _dump(token)
        if len(data) > LIMIT:
            raise StoreError(
                ErrorKind.BAD_INPUT,
                "the sign-in was not kept",
                f"its token has more than {LIMIT // 1024} KiB",
                "ask for fewer scopes, or have fewer groups put into the token",
            )
        self._vault.change_records("a sign-in", {RECORD + token.identity: data})

    def forget(self, identity: str) -> bool:
        """Drop the token; whether there was one, readable or not. Raises StoreError."""
        name = RECORD + identity
        if name not in self._vault.records():
            return False
        self._vault.change_records("a sign-out", {name: None})
        return True

    @contextlib.contextmanager
    def refreshing(self, identity: str, who: str, wait: float) -> Iterator[None]:
        """Be the only process that renews this sign-in; a new token can be kept then. Raises StoreError."""
        if not self._vault.exists():
            raise StoreError(
                ErrorKind.NOT_FOUND,
                "the sign-in cannot be renewed",
                f"nothing was saved in {self._vault.files.folder} yet",
                "save the profile first: run outmail, or outmail profile import FILE",
            )
        with contextlib.ExitStack() as stack:
            try:
                path = private_folder(self._vault.files.folder) / f"signin-{identity}.lock"
                stack.enter_context(locked(path, who, wait, _RENEWED))
                atomic.sweep(path)
                stamp = self._stamp()
                atomic.prove_room(path, LIMIT + (stamp[2] if stamp else 0))
            except StoreError as error:
                raise _unchanged(error, self._vault.files.folder) from error
            yield

    def _all(self) -> dict[str, Token]:
        """Read once for every state of the file: `status` asks for each profile."""
        stamp = self._stamp()
        known, tokens = self._known
        if stamp is None or stamp != known:
            tokens = {}
            for name, record in self._vault.records().items():
                token = _load(record.plain) if name.startswith(RECORD) else None
                if token is not None and RECORD + token.identity == name:
                    tokens[token.identity] = token
            self._known = (stamp, tokens)
        return tokens

    def _stamp(self) -> tuple[int, int, int] | None:
        path = self._vault.files.path
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise cannot_read(path, error) from error
        return found.st_ino, found.st_mtime_ns, found.st_size


def _unchanged(error: StoreError, folder: Path) -> StoreError:
    """What could not be written is a lock that nobody knows: a person is told of the sign-in."""
    if error.kind not in {ErrorKind.FULL, ErrorKind.NOT_WRITABLE}:
        return error
    full = error.kind is ErrorKind.FULL
    return StoreError(
        error.kind,
        "the sign-in was not changed",
        f"the disk of {folder} is full" if full else f"{folder}: {error.why}",
        f"make room (df -h {shell(folder)}) and try again" if full else error.remedy,
    )


class MemoryShelf:
    """Tokens of profiles that are not saved yet; they end with the process."""

    def __init__(self) -> None:
        self._tokens: dict[str, Token] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._mutex = threading.Lock()

    def get(self, identity: str) -> Token | None:
        """The token of this sign-in."""
        return self._tokens.get(identity)

    def put(self, token: Token) -> None:
        """Keep the token."""
        self._tokens[token.identity] = token

    def forget(self, identity: str) -> bool:
        """Drop the token; whether there was one."""
        return self._tokens.pop(identity, None) is not None

    def all(self) -> list[Token]:
        """Every token."""
        return list(self._tokens.values())

    @contextlib.contextmanager
    def refreshing(self, identity: str, who: str, wait: float) -> Iterator[None]:
        """Be the only task of this process that renews this sign-in. Raises StoreError."""
        with self._mutex:
            lock = self._locks.setdefault(identity, threading.Lock())
        if not lock.acquire(timeout=max(wait, 0.0)):
            raise StoreError(ErrorKind.LOCKED, _RENEWED, f"{who} waited for another task", "try again")
        try:
            yield
        finally:
            lock.release()


_Text = Annotated[str, Field(min_length=1)]


class _Kept(BaseModel):
    """The record as JSON; anything else than this is no token."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    identity: _Text
    profile: str
    access_token: _Text
    expires_at: AwareDatetime
    refresh_token: _Text | None
    refresh_since: AwareDatetime | None
    signed_in_at: AwareDatetime
    account: str
    scopes: tuple[str, ...]
    claims: dict[str, str]
    grant: str
    needs_sign_in: str


def _dump(token: Token) -> bytes:
    kept = _Kept(
        identity=token.identity,
        profile=token.profile,
        access_token=token.access_token.get_secret_value(),
        expires_at=token.expires_at,
        refresh_token=token.refresh_token.get_secret_value() if token.refresh_token else None,
        refresh_since=token.refresh_since,
        signed_in_at=token.signed_in_at,
        account=token.account,
        scopes=token.scopes,
        claims=dict(token.claims),
        grant=token.grant,
        needs_sign_in=token.needs_sign_in,
    )
    return json.dumps(kept.model_dump(mode="json"), ensure_ascii=True, separators=(",", ":")).encode()


def _load(plain: bytes) -> Token | None:
    """The token of a record; None for anything that is none."""
    try:
        kept = _Kept.model_validate_json(plain)
        return Token(
            identity=kept.identity,
            profile=kept.profile,
            access_token=SecretStr(kept.access_token),
            expires_at=kept.expires_at.astimezone(UTC),
            refresh_token=SecretStr(kept.refresh_token) if kept.refresh_token else None,
            refresh_since=kept.refresh_since.astimezone(UTC) if kept.refresh_since else None,
            signed_in_at=kept.signed_in_at.astimezone(UTC),
            account=kept.account,
            scopes=kept.scopes,
            claims=kept.claims,
            grant=kept.grant,
            needs_sign_in=kept.needs_sign_in,
        )
    except (ValidationError, ValueError, OverflowError):  # a year that no time zone reaches
        return None
