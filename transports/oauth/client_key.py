"""The key and certificate that an app signs in with (RFC 7523), checked before anybody is asked.

It never tells what is in a key: its errors name what is wrong, and quote nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from transports.secret import Secret

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s(.*?)-----END \1-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A private key, PEM, and the certificate that belongs to it, PEM."""

    private_key: Secret
    certificate: str


def read(pem: str, now: datetime) -> ClientKey:
    """The pair in `pem`. Raises ValueError in plain words for one that no authority would take at `now`."""
    blocks = [(found[1], found[0], found[2]) for found in _BLOCK.finditer(pem)]
    keys = [text for label, text, _ in blocks if label.endswith("PRIVATE KEY")]
    certificates = [(text, inside) for label, text, inside in blocks if label == "CERTIFICATE"]
    if not keys:
        raise ValueError("The certificate's private key is missing: the file must hold both.")
    if "ENCRYPTED" in keys[0]:
        raise ValueError("The certificate's private key is encrypted: remove its passphrase first.")
    if not certificates:
        raise ValueError("The certificate is missing: there is only a private key.")
    modulus = _modulus(keys[0])
    for text, inside in certificates:
        try:
            der = base64.b64decode("".join(inside.split()), validate=True)
            begins, ends = _validity(der)
        except (binascii.Error, ValueError, IndexError):
            raise ValueError("The certificate cannot be read: the text is damaged or cut off.") from None
        # An RSA certificate holds its key's modulus as it is; no other's does.
        if modulus not in der:
            continue
        if ends <= now:
            raise ValueError(f"The certificate ended on {ends:%Y-%m-%d}: make a new one and upload it.")
        if begins > now:
            raise ValueError(f"The certificate begins on {begins:%Y-%m-%d} only: is the clock right?")
        return ClientKey(Secret(keys[0]), text)
    raise ValueError("The certificate belongs to another private key.")


def _modulus(key: str) -> bytes:
    algorithm = jwt.get_algorithm_by_name("PS256")
    try:
        parts = algorithm.to_jwk(algorithm.prepare_key(key), as_dict=True)
    except (ValueError, TypeError, jwt.exceptions.PyJWTError):
        # Not chained: the library's error may quote what it could not read.
        raise ValueError("The certificate's private key cannot be read, or is not an RSA key.") from None
    number = str(parts["n"])
    return base64.urlsafe_b64decode(number + "=" * (-len(number) % 4))


def _validity(der: bytes) -> tuple[datetime, datetime]:
    """From when until when a certificate is good (RFC 5280, section 4.1), of the little of DER that needs."""
    outer, at, whole = _element(der, 0)  # Certificate
    inner, at, _ = _element(der, at)  # TBSCertificate
    if (outer, inner, whole) != (_SEQUENCE, _SEQUENCE, len(der)):
        raise ValueError("no certificate")
    tag, _, end = _element(der, at)
    if tag == _VERSION:
        at = end
    for _ in range(3):  # serialNumber, signature, issuer
        _, _, at = _element(der, at)
    tag, at, _ = _element(der, at)
    if tag != _SEQUENCE:
        raise ValueError("no validity where it should be")
    begins, at = _time(der, at)
    ends, _ = _time(der, at)
    return begins, ends


def _time(der: bytes, at: int) -> tuple[datetime, int]:
    tag, begin, end = _element(der, at)
    if tag not in (_UTC_TIME, _GENERALIZED_TIME):
        raise ValueError("no time where it should be")
    text = der[begin:end].decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year: 50 and more are of the last century
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC), end


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the content of the element at `at` (X.690, section 8.1)."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, begin = int.from_bytes(der[begin : begin + size], "big"), begin + size
    if begin + length > len(der):
        raise ValueError("cut off")
    return tag, begin, begin + length
