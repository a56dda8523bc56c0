"""A slot holds the vault's data key, locked with what the admin has: a key file or a passphrase.

The cost of a passphrase slot is read from the file and therefore bounded: a file that asks for more
memory or time than we ever write is refused before a byte is allocated.
"""

from __future__ import annotations

import os
import unicodedata
from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import BaseModel, ConfigDict, Field

from store.sealing import KEY_BYTES, bind, seal, subkey, unseal

SALT_BYTES = 16
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$", max_length=512)]
Stage = Literal["", "old", "new"]
"""In a change of the key both keys open the vault for a moment; outside of one, stage is empty."""


class _Slot(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    salt: Hex
    wrapped: Hex
    stage: Stage = ""


class KeySlot(_Slot):
    """Opened by a key file, a systemd credential or the keyring: HKDF-SHA256."""

    kdf: Literal["hkdf-sha256"] = "hkdf-sha256"

    def derive(self, secret: bytes) -> bytes:
        """The key that wraps the data key."""
        return subkey(secret, "slot", salt=bytes.fromhex(self.salt))


class Argon2Slot(_Slot):
    """Opened by a passphrase: Argon2id (RFC 9106, second recommended choice, with 4 lanes)."""

    kdf: Literal["argon2id"] = "argon2id"
    memory_kib: int = Field(default=64 * 1024, ge=64 * 1024, le=256 * 1024)
    passes: int = Field(default=3, ge=3, le=10)
    lanes: int = Field(default=4, ge=1, le=8)

    def derive(self, secret: bytes) -> bytes:
        """The key that wraps the data key; a tenth of a second. Raises UnsupportedAlgorithm."""
        return Argon2id(
            salt=bytes.fromhex(self.salt),
            length=KEY_BYTES,
            iterations=self.passes,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        ).derive(secret)


class ScryptSlot(_Slot):
    """Opened by a passphrase where OpenSSL lacks Argon2id: scrypt (RFC 7914), 128 MiB."""

    kdf: Literal["scrypt"] = "scrypt"
    n: int = Field(default=2**17, ge=2**17, le=2**18)
    r: Literal[8] = 8
    p: int = Field(default=1, ge=1, le=4)

    def derive(self, secret: bytes) -> bytes:
        """The key that wraps the data key."""
        return Scrypt(salt=bytes.fromhex(self.salt), length=KEY_BYTES, n=self.n, r=self.r, p=self.p).derive(
            secret
        )


Slot = Annotated[KeySlot | Argon2Slot | ScryptSlot, Field(discriminator="kdf")]


def wants_passphrase(slot: Slot) -> bool:
    """Whether a person's passphrase opens it, not a key of random bytes."""
    return not isinstance(slot, KeySlot)


def wrap(data_key: bytes, secret: bytes, passphrase: bool, vault: str, stage: Stage = "") -> Slot:
    """A new slot: random salt, today's parameters."""
    salt = os.urandom(SALT_BYTES).hex()
    slot: Slot = KeySlot(salt=salt, wrapped="", stage=stage)
    if passphrase:
        slot = Argon2Slot(salt=salt, wrapped="", stage=stage)
    try:
        key = slot.derive(secret)
    except UnsupportedAlgorithm:
        slot = ScryptSlot(salt=salt, wrapped="", stage=stage)
        key = slot.derive(secret)
    return slot.model_copy(update={"wrapped": seal(key, data_key, _bound(slot, vault)).hex()})


def unwrap(slot: Slot, secret: bytes, vault: str) -> bytes:
    """The data key. Raises Unopened for another key, UnsupportedAlgorithm where OpenSSL lacks Argon2id."""
    return unseal(slot.derive(secret), bytes.fromhex(slot.wrapped), _bound(slot, vault))


def settled(slots: tuple[Slot, ...], opened: Slot) -> tuple[Slot, ...]:
    """The slots once a change of the key is over, whichever of the two keys is in use now."""
    gone = {"old": "new", "new": "old"}.get(opened.stage)
    return tuple(s.model_copy(update={"stage": ""}) for s in slots if s.stage != gone) if gone else slots


def describe(slot: Slot) -> str:
    """For `key status`: how the key is derived."""
    if isinstance(slot, Argon2Slot):
        return f"Argon2id, {slot.memory_kib // 1024} MiB, {slot.passes} passes, {slot.lanes} lanes"
    if isinstance(slot, ScryptSlot):
        return f"scrypt, {128 * slot.n * slot.r // 2**20} MiB"
    return "HKDF-SHA256"


def passphrase_bytes(text: str) -> bytes:
    """The same bytes for the same passphrase, however the keyboard composes its accents (RFC 8265)."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")


def _bound(slot: Slot, vault: str) -> bytes:
    cost = {k: v for k, v in slot.model_dump().items() if k not in {"wrapped", "stage"}}
    return bind("slot", vault, *(f"{k}={cost[k]}" for k in sorted(cost)))
