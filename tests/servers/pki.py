"""Certificates for tests: a throw-away authority, good certificates, and every kind of bad one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1", "::1", "smtp.example.test")


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key with its certificate chain, both in `pem`."""

    pem: Path

    def context(self) -> ssl.SSLContext:
        """For a server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem)
        return context


class Pki:
    """One authority for a test session. Files are readable by servers of other users."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self._stranger = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._authority.cert_pem.write_to_path(str(self.ca_file))
        self.good = self.issue("good")

    def issue(
        self, file: str, *names: str, begins: datetime | None = None, ends: datetime | None = None
    ) -> KeyPair:
        """A certificate of our authority for `names` (localhost and its addresses by default)."""
        ends = ends or datetime.now(UTC) + timedelta(days=365)
        return self._write(
            file, self._authority.issue_cert(*(names or NAMES), not_before=begins, not_after=ends)
        )

    def _write(self, file: str, leaf: trustme.LeafCert) -> KeyPair:
        path = self._folder / f"{file}.pem"
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path))
        path.chmod(0o644)
        return KeyPair(path)

    def expired(self) -> KeyPair:
        """Ended a day ago."""
        now = datetime.now(UTC)
        return self.issue("expired", begins=now - timedelta(days=9), ends=now - timedelta(days=1))

    def not_yet_valid(self) -> KeyPair:
        """Begins in a day."""
        now = datetime.now(UTC)
        return self.issue("future", begins=now + timedelta(days=1), ends=now + timedelta(days=9))

    def wrong_name(self) -> KeyPair:
        """Good, for somebody else."""
        return self.issue("wrong-name", "elsewhere.invalid")

    def unknown_issuer(self) -> KeyPair:
        """Of an authority nobody trusts."""
        return self._write("unknown", self._stranger.issue_cert(*NAMES))

    def self_signed(self) -> KeyPair:
        """What `openssl req -x509` makes on a fresh mail server."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=300))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        path = self._folder / "self-signed.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return KeyPair(path)
