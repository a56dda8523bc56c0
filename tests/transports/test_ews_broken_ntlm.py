"""An NTLM challenge that breaks off, from a server or a box in between, is a refusal and no defect."""

from __future__ import annotations

import base64
import struct

import pytest

from tests.servers.pki import Pki
from tests.transports.ewses import password
from tests.transports.watching import SWIFT, Watcher
from tests.transports.web import WebServer, page, says
from transports.base import StepName, TransportError
from transports.ews import EwsTransport
from transports.routes import EwsRoute

_TARGET = "PRACTICE".encode("utf-16-le")
_CHALLENGE = (
    b"NTLMSSP\0" + struct.pack("<I", 2) + struct.pack("<HHI", len(_TARGET), len(_TARGET), 56)
    + struct.pack("<I", 0xE2898215) + b"12345678" + bytes(8)
    + struct.pack("<HHI", 4, 4, 56 + len(_TARGET)) + bytes(8) + _TARGET + bytes(4)
)  # fmt: skip


@pytest.mark.parametrize("length", [8, 12, 20, 40, 55, 73, 74, 75])
async def test_a_challenge_that_breaks_off(pki: Pki, length: int) -> None:
    broken = base64.b64encode(_CHALLENGE[:length]).decode()
    offer = says(page(b"", "401 Unauthorized", "WWW-Authenticate: NTLM"))
    challenge = says(page(b"", "401 Unauthorized", f"WWW-Authenticate: NTLM {broken}"))
    async with WebServer(offer, offer, challenge, tls=pki.good, host="localhost") as server:
        url = server.url("/EWS/Exchange.asmx", "localhost")
        way = EwsTransport(
            EwsRoute(url, password(), "desk@practice.test", ca_file=str(pki.ca_file), timeouts=SWIFT)
        )
        try:
            await way.open(Watcher().trace)
            with pytest.raises(TransportError) as caught:
                await way.authenticate(Watcher().trace)
        finally:
            await way.close()
    assert caught.value.failure.step is StepName.AUTHENTICATE
