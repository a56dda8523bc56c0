"""Throw-away certificates of the practice tenant: a good one, and one for each way to be wrong.

They are made anew at each start and must never be trusted by anything but the practice profiles.
The authority's own key is never written anywhere.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


class Certificate(StrEnum):
    """The certificates a practice server can show."""

    GOOD = "good"
    EXPIRED = "expired"
    SELF_SIGNED = "self-signed"
    WRONG_NAME = "wrong-name"
    ENDS_SOON = "ends-soon"


ENDS_SOON_DAYS = 10
"""Days that are left on the certificate that ends soon; a check warns 21 days before."""

WRONG_NAME = "mail.elsewhere.test"
"""The only name in the certificate with the wrong name."""

_HERE: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)


@dataclass(frozen=True, slots=True)
class Pki:
    """The files of the practice authority: its certificate, and key with chain of each kind (PEM)."""

    ca_file: Path
    files: dict[Certificate, Path]

    def contexts(self) -> dict[Certificate, ssl.SSLContext]:
        """A server's TLS settings (TLS 1.2 or later) for each certificate; reads the files."""
        found: dict[Certificate, ssl.SSLContext] = {}
        for kind, file in self.files.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(file)
            found[kind] = context
        return found


def make(folder: Path, now: datetime | None = None) -> Pki:
    """Make the authority and its certificates in `folder` (made 0700; files 0600), valid around `now` (UTC).

    Extensions follow RFC 5280, so that strict verification accepts the good one. Raises OSError
    when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    authority = _Authority(at)
    day = timedelta(days=1)
    files: dict[Certificate, Path] = {}
    for kind, names, begins, ends in (
        (Certificate.GOOD, _HERE, at - day, at + 90 * day),
        (Certificate.EXPIRED, _HERE, at - 90 * day, at - 3 * day),
        (Certificate.WRONG_NAME, (x509.DNSName(WRONG_NAME),), at - day, at + 90 * day),
        # Half a day more, so that the whole days left are ten however long the tour lasts.
        (Certificate.ENDS_SOON, _HERE, at - 80 * day, at + (ENDS_SOON_DAYS + 0.5) * day),
    ):
        files[kind] = folder / f"{kind}.pem"
        _write(files[kind], authority.issue(names, begins, ends))
    files[Certificate.SELF_SIGNED] = folder / f"{Certificate.SELF_SIGNED}.pem"
    _write(files[Certificate.SELF_SIGNED], _self_signed(at - day, at + 90 * day))
    ca_file = folder / "ca.pem"
    _write(ca_file, authority.pem)
    return Pki(ca_file, files)


class _Authority:
    """Signs the certificates; lives only while they are made."""

    def __init__(self, at: datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("outmail practice authority")
        self._certificate = (
            _builder(name, name, self._key, at - timedelta(days=120), at + timedelta(days=120))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, names: tuple[x509.GeneralName, ...], begins: datetime, ends: datetime) -> bytes:
        """A server's key and certificate, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name("practice server"), self._certificate.subject, key, begins, ends)
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _for_a_server(builder, names)
            .add_extension(authority_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _pem(key, certificate)


def _self_signed(begins: datetime, ends: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("practice server, signed by itself")
    certificate = _for_a_server(_builder(name, name, key, begins, ends), _HERE).sign(key, hashes.SHA256())
    return _pem(key, certificate)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "outmail practice tenant"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _for_a_server(
    builder: x509.CertificateBuilder, names: tuple[x509.GeneralName, ...]
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _write(file: Path, content: bytes) -> None:
    # Opened with its final mode, so that there is no moment at which others could read the key.
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(content)
