"""Key pairs for app-only sign-in: makes one, and says what is wrong with one that was imported.

The private key leaves here as a SecretStr only; no error text ever quotes a PEM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

_BITS = 3072  # NIST SP 800-57: good beyond 2030; Entra takes 2048 and more
_LONGEST_NAME = 64  # X.520: ub-common-name, counted in bytes here
_CLOCKS_DIFFER = timedelta(hours=1)
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key pair that was just made; thumbprints are upper-case hex, as the portals show them."""

    pem: SecretStr  # PKCS #8 private key, then the certificate
    certificate_pem: str  # the public part, to upload
    thumbprint_sha1: str
    thumbprint_sha256: str
    until: datetime


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What is known of a key pair; nothing of it is secret. `subject` is RFC 4514's form, "CN=outmail"."""

    subject: str
    until: datetime
    thumbprint_sha1: str
    thumbprint_sha256: str
    public_pem: str


def make(common_name: str, days: int = 365, bits: int = _BITS) -> KeyPair:
    """An RSA key and a self-signed certificate for client assertions (RFC 7523), good for `days` days.

    It begins an hour ago, for clocks that differ. Raises ValueError for a blank name or no days.
    """
    shown = "".join(c for c in common_name if c.isprintable()).strip()
    shown = shown.encode()[:_LONGEST_NAME].decode(errors="ignore")
    if not shown:
        raise ValueError("the certificate needs a name")
    if days < 1:
        raise ValueError("the certificate must be good for a day at least")
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, shown)])
    now = datetime.now(UTC).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    facts = _facts(certificate)
    return KeyPair(
        SecretStr(private + facts.public_pem),
        facts.public_pem,
        facts.thumbprint_sha1,
        facts.thumbprint_sha256,
        facts.until,
    )


def look(pem: str) -> CertificateFacts:
    """What a PEM with a private key and its certificate says; of several certificates, the key's own.

    An expired certificate is no error here: `until` says so. Raises ValueError in plain words.
    """
    blocks = [(found[1], found[0]) for found in _BLOCK.finditer(pem)]
    keys = [text for label, text in blocks if label.endswith("PRIVATE KEY")]
    certificates = [text for label, text in blocks if label == "CERTIFICATE"]
    if not keys:
        raise ValueError("there is no private key in it (a block that begins with BEGIN PRIVATE KEY)")
    if len(keys) > 1:
        raise ValueError("there are several private keys in it, and only one can be used")
    if "ENCRYPTED" in keys[0]:
        raise ValueError(
            "its private key is encrypted with a passphrase: take that off first"
            " (openssl pkey -in FILE -out NEW)"
        )
    key = _private(keys[0])
    if not certificates:
        raise ValueError("there is no certificate in it (a block that begins with BEGIN CERTIFICATE)")
    public = _spki(key.public_key())
    for text in certificates:
        certificate = _certificate(text)
        if _spki(_public(certificate)) == public:
            return _facts(certificate)
    raise ValueError("its certificate belongs to another private key")


def ends(pem: str) -> datetime:
    """When the first certificate of a PEM text ends. Raises ValueError where there is none."""
    return _certificate(pem).not_valid_after_utc


def _private(text: str) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Not chained: nothing of a key's text may end in a traceback.
        raise ValueError("its private key cannot be read: the text is damaged or cut off") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("its private key is not an RSA key, and this sign-in needs one")
    if key.key_size < 2048:
        raise ValueError(f"its private key has {key.key_size} bits, and fewer than 2048 are not safe")
    return key


def _certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise ValueError("its certificate cannot be read: the text is damaged or cut off") from None


def _public(certificate: x509.Certificate) -> rsa.RSAPublicKey | None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def _spki(key: rsa.RSAPublicKey | None) -> bytes:
    if key is None:
        return b""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        until=certificate.not_valid_after_utc,
        thumbprint_sha1=_thumbprint(certificate, hashes.SHA1()),  # noqa: S303 - a name, not a proof
        thumbprint_sha256=_thumbprint(certificate, hashes.SHA256()),
        public_pem=certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )


def _thumbprint(certificate: x509.Certificate, algorithm: hashes.HashAlgorithm) -> str:
    return certificate.fingerprint(algorithm).hex().upper()
