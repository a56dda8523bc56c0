"""The certificates are what they are called, by OpenSSL's own judgement, and their keys are private."""

from __future__ import annotations

import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outmail.demo.pki import Certificate, make
from tests.servers.process import require


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    pki = make(tmp_path / "tls")
    assert set(pki.files) == set(Certificate)
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    for file in (tmp_path / "tls").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert "PRIVATE KEY" not in pki.ca_file.read_text()


def test_two_runs_share_no_key(tmp_path: Path) -> None:
    assert make(tmp_path / "a").ca_file.read_bytes() != make(tmp_path / "b").ca_file.read_bytes()


@pytest.mark.real
@pytest.mark.parametrize("name", ["-verify_hostname=localhost", "-verify_ip=127.0.0.1", "-verify_ip=::1"])
@pytest.mark.parametrize("kind", Certificate)
def test_openssl_agrees(tmp_path: Path, kind: Certificate, name: str) -> None:
    openssl = require("openssl")
    pki = make(tmp_path, datetime.now(UTC))
    ran = subprocess.run(
        [
            *(openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(pki.ca_file)),
            *(*name.split("="), str(pki.files[kind])),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    good = kind in {Certificate.GOOD, Certificate.ENDS_SOON}
    assert (ran.returncode == 0) is good, ran.stderr
    said = {
        Certificate.EXPIRED: "certificate has expired",
        Certificate.SELF_SIGNED: "self-signed certificate",
        Certificate.WRONG_NAME: "mismatch",
    }
    assert good or said[kind] in ran.stderr.lower()
