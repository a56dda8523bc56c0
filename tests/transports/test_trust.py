"""What is trusted: read once, read again when a file changed, and never read for ever."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.servers.pki import Pki
from transports.base import Cause, StepName, TransportError
from transports.net.tls import client_context


def test_a_context_is_used_again_until_its_file_changes(pki: Pki, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    shutil.copy(pki.ca_file, file)
    first = client_context(str(file), StepName.TLS)
    assert client_context(str(file), StepName.TLS) is first
    assert client_context(None, StepName.TLS) is not first
    fresh = tmp_path / "fresh.pem"
    shutil.copy(pki.ca_file, fresh)
    fresh.replace(file)
    assert client_context(str(file), StepName.TLS) is not first


def test_the_environment_chooses_another_context(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client_context(None, StepName.TLS)
    monkeypatch.setenv("SSL_CERT_FILE", str(pki.ca_file))
    chosen = client_context(None, StepName.TLS)
    assert chosen is not before
    assert len(chosen.get_ca_certs()) > 0


def test_a_file_that_goes_away_is_missed_at_once(pki: Pki, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    shutil.copy(pki.ca_file, file)
    client_context(str(file), StepName.TLS)
    file.unlink()
    with pytest.raises(TransportError):
        client_context(str(file), StepName.TLS)


@pytest.mark.timeout(20)
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "ca.pem"
    os.mkfifo(pipe)
    for path in (str(pipe), "/dev/zero", str(tmp_path)):
        with pytest.raises(TransportError) as caught:
            client_context(path, StepName.TLS)
        assert caught.value.failure.cause is Cause.CA_FILE_UNUSABLE
