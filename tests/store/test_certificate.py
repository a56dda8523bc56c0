"""Key pairs for app-only sign-in: what is made fits together, and what does not is named."""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from store import certificate
from store.certificate import KeyPair

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return certificate.make("outmail support", 30)


@pytest.fixture(scope="module")
def other() -> KeyPair:
    return certificate.make("somebody else")


def private(pair: KeyPair) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pair.pem.get_secret_value().encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def key_text(pair: KeyPair) -> str:
    return pair.pem.get_secret_value().replace(pair.certificate_pem, "")


def test_what_is_made_is_rsa_3072_self_signed_and_fits_together(pair: KeyPair) -> None:
    made = x509.load_pem_x509_certificate(pair.certificate_pem.encode())
    key = private(pair)
    assert key.key_size == 3072
    assert made.public_key() == key.public_key()
    assert made.subject == made.issuer
    algorithm = made.signature_hash_algorithm
    assert algorithm is not None
    key.public_key().verify(made.signature, made.tbs_certificate_bytes, PKCS1v15(), algorithm)
    now = datetime.now(UTC)
    assert abs(pair.until - now - timedelta(days=30)) < timedelta(minutes=5)
    assert made.not_valid_before_utc < now, "a clock that is behind must not refuse it"


def test_thumbprints_are_those_a_portal_shows(pair: KeyPair) -> None:
    der = ssl.PEM_cert_to_DER_cert(pair.certificate_pem)
    assert pair.thumbprint_sha1 == hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()
    assert pair.thumbprint_sha256 == hashlib.sha256(der).hexdigest().upper()


def test_a_look_at_it_says_the_same_and_nothing_secret(pair: KeyPair) -> None:
    facts = certificate.look(pair.pem.get_secret_value())
    assert (facts.subject, facts.until, facts.public_pem) == (
        "CN=outmail support",
        pair.until,
        pair.certificate_pem,
    )
    assert (facts.thumbprint_sha1, facts.thumbprint_sha256) == (pair.thumbprint_sha1, pair.thumbprint_sha256)
    assert "PRIVATE" not in repr(facts) + repr(pair)


def test_the_order_of_the_blocks_and_text_around_them_do_not_matter(pair: KeyPair, other: KeyPair) -> None:
    pem = f"Bag Attributes\r\n{other.certificate_pem}# ours:\n{pair.certificate_pem}\n{key_text(pair)}bye\n"
    assert certificate.look(pem).thumbprint_sha1 == pair.thumbprint_sha1
    assert certificate.look(pem.replace("\n", "\r\n")).thumbprint_sha1 == pair.thumbprint_sha1


def test_an_old_pkcs1_key_is_taken(pair: KeyPair) -> None:
    old = private(pair).private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, OPEN).decode()
    assert certificate.look(old + pair.certificate_pem).thumbprint_sha1 == pair.thumbprint_sha1


def test_what_is_wrong_is_said_and_no_key_is_quoted(pair: KeyPair, other: KeyPair) -> None:
    key = private(pair)
    locked = serialization.BestAvailableEncryption(b"passphrase")
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    cases = {
        "": "no private key",
        "hunter2": "no private key",
        pair.certificate_pem: "no private key",
        key_text(pair): "no certificate",
        key_text(pair) + other.certificate_pem: "another private key",
        key_text(pair) + key_text(other) + pair.certificate_pem: "several private keys",
        key.private_bytes(PEM, PKCS8, locked).decode() + pair.certificate_pem: "encrypted",
        key.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, locked).decode()
        + pair.certificate_pem: "encrypted",
        key_text(pair)[:900] + "\n-----END PRIVATE KEY-----\n" + pair.certificate_pem: "damaged",
        key_text(pair) + pair.certificate_pem[:500] + "\n-----END CERTIFICATE-----\n": "damaged",
        ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, OPEN).decode()
        + pair.certificate_pem: "not an RSA key",
        weak.private_bytes(PEM, PKCS8, OPEN).decode() + pair.certificate_pem: "1024 bits",
    }
    for pem, words in cases.items():
        with pytest.raises(ValueError, match=words) as caught:
            certificate.look(pem)
        assert caught.value.__cause__ is None
        assert "MII" not in str(caught.value)


@pytest.mark.parametrize(("name", "days"), [("", 1), ("  \x00", 1), ("x", 0)])
def test_nonsense_makes_nothing(name: str, days: int) -> None:
    with pytest.raises(ValueError, match="certificate"):
        certificate.make(name, days)


def test_a_long_name_is_cut_to_what_x509_allows() -> None:
    made = certificate.make("ö" * 100, 1)
    assert certificate.look(made.pem.get_secret_value()).subject == "CN=" + "ö" * 32
