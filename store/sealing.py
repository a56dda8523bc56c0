"""Encrypts one record of the vault so that it opens only in its own place: this vault, name and revision.

It must never use a key for two purposes or a nonce twice.
"""

from __future__ import annotations

import hmac
import json
import os
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class Unopened(Exception):  # noqa: N818 - a state that callers turn into an error with a remedy
    """The key does not open this: another key, or other bytes than were written."""


def subkey(key: bytes, purpose: str, *where: str | int, salt: bytes = b"") -> bytes:
    """32 bytes for one purpose at one place (HKDF-SHA256, RFC 5869)."""
    info = json.dumps(["outmail", 1, purpose, *where], ensure_ascii=True).encode()
    return HKDF(SHA256(), KEY_BYTES, salt or None, info).derive(key)


def bind(*where: str | int) -> bytes:
    """Associated data: an unambiguous form of what the record is."""
    return json.dumps(list(where), ensure_ascii=True).encode()


def seal(key: bytes, plain: bytes, associated: bytes) -> bytes:
    """Nonce and AES-256-GCM ciphertext (NIST SP 800-38D); the nonce is random, the key used a few times."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What was sealed. Raises Unopened."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise Unopened from None


def mac(key: bytes, data: bytes) -> str:
    """HMAC-SHA256 in hex (RFC 2104)."""
    return hmac.new(key, data, sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())
