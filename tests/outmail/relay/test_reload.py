"""New settings in a running relay: listeners, certificates, profiles; and who may ask for them."""

from __future__ import annotations

import asyncio
import shutil
import smtplib
import socket
import ssl
from pathlib import Path

import pytest

from outmail.demo.tenant import PracticeTenant
from outmail.engine import wiring
from outmail.engine.errors import EngineError, Refusal
from store.errors import ErrorKind, StoreError
from store.profiles import Profile
from tests.outmail.relay.relays import ANYWHERE, arrived, homes, relaying, with_relay, workspace
from tests.outmail.relay.test_service import changed, tenant
from tests.servers.pki import Pki

__all__ = ["tenant"]


async def test_listeners_follow_the_settings(tenant: PracticeTenant, tmp_path: Path) -> None:
    paths = homes(tmp_path)
    settings = with_relay(tenant.profiles(), {"listeners": [{"listen": "127.0.0.1:0"}]})
    async with relaying(paths, settings, ()) as relay:
        admin = await asyncio.to_thread(workspace, paths)
        path = tmp_path / "smtp"
        two = {
            "listeners": [
                {"listen": "127.0.0.1:0", "senders": ["@web.example.org"]},
                {"listen": f"unix:{path}"},
            ]
        }
        admin.save(with_relay(admin.settings, two), "an admin")
        await relay.ask("reload")
        assert (await relay.status()).listening[1] == str(path)
        await relay.hand_in()
        with pytest.raises(smtplib.SMTPSenderRefused):
            await relay.hand_in(sender="a@elsewhere.example")
        await arrived(tenant, 1)


async def test_a_listener_that_cannot_be_opened_closes_no_other(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    paths = homes(tmp_path)
    settings = with_relay(tenant.profiles(), {"listeners": [{"listen": "127.0.0.1:0"}]})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        async with relaying(paths, settings, ()) as relay:
            admin = await asyncio.to_thread(workspace, paths)
            before = relay.port
            one = {"listen": "127.0.0.1:0"}
            admin.save(with_relay(admin.settings, {"listeners": [one, {"listen": address}]}), "an admin")
            with pytest.raises(StoreError, match=f"has the new settings, but for one: .* {address}"):
                await relay.ask("reload")
            assert relay.port == before, "what did not change stays open"
            assert len(relay.service.listeners) == 1
            await relay.hand_in()
            await arrived(tenant, 1)
            taken.close()
            await relay.ask("reload")
            assert relay.service.entrances.addresses[1] == address
            no_such = {"listen": address, "security": "starttls", "certificate": str(tmp_path / "none.pem")}
            admin.save(with_relay(admin.settings, {"listeners": [one, no_such]}), "an admin")
            with pytest.raises(StoreError, match=r"has the new settings, but for one: .*none\.pem"):
                await relay.ask("reload")
            assert relay.service.entrances.addresses[1] == address, (
                "a mistake in it takes it away from nobody"
            )


async def test_a_socket_that_cannot_be_made_leaves_the_rest_of_the_reload(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    paths = homes(tmp_path)
    door = {"listen": "127.0.0.1:0"}
    settings = with_relay(tenant.profiles(), {"listeners": [door]})
    async with relaying(paths, settings, ()) as relay:
        admin = await asyncio.to_thread(workspace, paths)
        nowhere = {"listen": f"unix:{tmp_path}/no/such/folder/smtp"}
        other = changed(admin.settings, "practice", sender_name="Other Name")
        admin.save(with_relay(other, {"listeners": [nowhere, door]}), "an admin")
        with pytest.raises(StoreError, match=r"has the new settings, but for one: .*/no/such/folder"):
            await relay.ask("reload")
        assert len(relay.service.entrances.addresses) == 1
        await relay.hand_in()
        await arrived(tenant, 1)
    assert b"From: Other Name" in tenant.mails[0].file.read_bytes()


async def test_a_renewed_certificate_is_read(tenant: PracticeTenant, tmp_path: Path, pki: Pki) -> None:
    paths, pem = homes(tmp_path), tmp_path / "server.pem"
    shutil.copy(pki.expired().pem, pem)
    door = {"listen": "127.0.0.1:0", "security": "starttls", "certificate": str(pem)}
    settings = with_relay(tenant.profiles(), {"listeners": [door]})

    def offered(port: int) -> bytes:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            client.starttls(context=context)
            assert isinstance(client.sock, ssl.SSLSocket)
            return client.sock.getpeercert(binary_form=True) or b""

    async with relaying(paths, settings, ()) as relay:
        old = await asyncio.to_thread(offered, relay.port)
        shutil.copy(pki.good.pem, pem)
        await relay.ask("reload")
        new = await asyncio.to_thread(offered, relay.port)
    assert old
    assert new
    assert old != new


async def test_a_profile_that_cannot_send_keeps_its_mail(
    tenant: PracticeTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tenant.profiles()
    usable = wiring.candidates

    def candidates(name: str, profile: Profile, which: str | None = None) -> list[wiring.Candidate]:
        if profile.sender_name == "Unusable":
            raise EngineError(Refusal.SETTINGS, f"profile {name} cannot be used", "it is of no use")
        return usable(name, profile, which)

    monkeypatch.setattr(wiring, "candidates", candidates)
    paths = homes(tmp_path)
    async with relaying(paths, changed(settings, "practice", sender_name="Unusable"), ANYWHERE) as relay:
        await relay.hand_in()
        route = await relay.route("practice")
        assert route.unusable == "it is of no use"
        assert (await relay.status()).counts.waiting == 1
        admin = await asyncio.to_thread(workspace, paths)
        admin.save(changed(admin.settings, "practice", sender_name="Practice Desk"), "an admin")
        await relay.ask("reload")
        await arrived(tenant, 1)


async def test_questions_that_are_none_are_refused(tenant: PracticeTenant, tmp_path: Path) -> None:
    async with relaying(homes(tmp_path), tenant.profiles()) as relay:
        for do, fields in (
            ("nonsense", {}),
            ("show", {"id": 7}),
            ("page", {"which": "all", "limit": 3}),
            ("page", {"which": {"states": ["lost"]}, "limit": 3}),
            ("delete", {"ids": 5}),
            ("hold", {}),
        ):
            with pytest.raises(StoreError) as caught:
                await relay.ask(do, **fields)
            assert caught.value.kind is ErrorKind.BAD_INPUT, do
        for raw in (b"\n", b"[]\n", b'{"do": 3}\n', b"{" * 60000 + b"\n", b"no line"):
            reader, writer = await asyncio.open_unix_connection(relay.paths.run / "control")
            writer.write(raw)
            writer.write_eof()
            answer = await reader.read()
            assert answer == b"" or b'"bad-input"' in answer
            writer.close()
        assert (await relay.status()).running


async def test_only_admins_steer(
    tenant: PracticeTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outmail.relay.control.peer", lambda _sock: (1, 65534, 65534))
    async with relaying(homes(tmp_path), tenant.profiles()) as relay:
        assert await relay.ask("hello") == {"outmail": 1}
        with pytest.raises(StoreError, match="no admin") as caught:
            await relay.ask("status")
    assert caught.value.kind is ErrorKind.FORBIDDEN
