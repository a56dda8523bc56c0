"""A practice session prepares its home, shares it with the store, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import ssl
import stat
from pathlib import Path

import pytest

from outmail.demo.home import prepare_home
from outmail.demo.session import DemoSession
from outmail.demo.tenant import PracticeTenant
from outmail.engine.workspace import Workspace
from store.contradictions import check_whole
from store.errors import StoreError
from store.keys import KeyOptions
from store.paths import locate
from store.profiles import Profile, Settings
from store.vault import Vault
from tests.outmail.demo.client import names_in

WRONG_PASSWORD = b"not-practice"
NO_KEYS = KeyOptions(env={})
READY = [
    "practice",
    "practice-wrong-password",
    "practice-wrong-sender",
    "practice-untrusted",
    "practice-plain-relay",
    "practice-oauth",
    "practice-oauth-shared",
    "practice-oauth-app",
    "practice-oauth-cert",
    "practice-wrong-secret",
    "practice-graph",
    "practice-graph-app",
    "practice-ews",
    "practice-ews-app",
]


def settings_of(home: Path) -> Settings:
    """The settings as any face of the program reads them."""
    return Vault(locate(str(home)).vault, NO_KEYS).load().settings


async def test_the_ready_profiles_are_whole(tenant: PracticeTenant) -> None:
    settings = tenant.profiles()
    check_whole(settings)
    assert list(settings.profiles) == READY
    name, profile = settings.named(None)
    assert name == "practice"
    assert profile.sender_name == "Practice Desk"
    assert profile.from_address == "desk@practice.test"
    assert [server.address for server in profile.servers] == [
        tenant.servers[name].address for name in ("primary", "alternate")
    ]
    assert profile.tls is not None
    assert profile.tls.ca_file == str(tenant.ca_file)


async def test_a_temporary_home_is_private_and_goes_away() -> None:
    async with DemoSession(keys=NO_KEYS) as session:
        home = session.home
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert list(settings_of(home).profiles) == READY
        assert session.socket is not None
        assert session.socket.is_socket()
        for path in home.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
            assert not path.is_file() or WRONG_PASSWORD not in path.read_bytes(), path
    assert not home.exists()


async def test_it_goes_away_when_somebody_fails_within() -> None:
    session = DemoSession(keys=NO_KEYS)
    with pytest.raises(ZeroDivisionError):
        async with session:
            raise ZeroDivisionError
    assert not session.home.exists()


async def test_a_cancelled_session_cleans_up() -> None:
    session = DemoSession(keys=NO_KEYS)

    async def practise() -> None:
        async with session:
            await session.ended.wait()

    task = asyncio.create_task(practise())
    async with asyncio.timeout(20):
        while not session.profiles:  # noqa: ASYNC110 - nothing tells a test that it is up
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not session.home.exists()


async def test_a_given_home_stays_with_the_profiles_of_others(tmp_path: Path) -> None:
    mine = Profile.model_validate(
        {"protocol": "smtp", "from_address": "a@b.test", "smtp": {"host": "mail.b.test"}}
    )
    vault = Vault(locate(str(tmp_path)).vault, NO_KEYS)
    before = Settings(default="mine", profiles={"mine": mine, "practice": mine})
    vault.save(before, vault.load(), "somebody")
    async with DemoSession(tmp_path, keys=NO_KEYS) as session:
        assert session.home == tmp_path
        found = settings_of(tmp_path)
        assert found.default == "mine"
        assert found.profiles["mine"] == mine
        assert found.profiles["practice"].sender_name == "Practice Desk"
        folder = session.tenant.folder
        assert folder.is_relative_to(tmp_path)
    assert not folder.exists()
    assert names_in(tmp_path) == ["run", "vault"]
    assert not names_in(tmp_path / "run")
    assert "mine" in settings_of(tmp_path).profiles


async def test_a_home_too_deep_for_a_socket_has_none(tmp_path: Path) -> None:
    home = tmp_path / ("deep" * 20)
    async with DemoSession(home, keys=NO_KEYS) as session:
        assert session.socket is None
        assert session.announcement()["control"] is None
        assert list(settings_of(home).profiles) == READY


async def test_two_tenants_in_one_home_are_refused(tmp_path: Path) -> None:
    # A home of its own: pytest's path may be too long for a socket.
    async with DemoSession(keys=NO_KEYS) as first:
        before = settings_of(first.home)
        with pytest.raises(OSError, match="another practice tenant"):
            async with DemoSession(first.home, keys=NO_KEYS):
                pass
        assert first.socket is not None
        _reader, writer = await asyncio.open_unix_connection(first.socket)
        writer.close()
        assert len([name for name in names_in(first.home) if name.startswith("practice-")]) == 1
        assert settings_of(first.home) == before  # its profiles lead to the one that runs


async def test_a_damaged_vault_is_told_and_left_alone(tmp_path: Path) -> None:
    vault = Vault(locate(str(tmp_path)).vault, NO_KEYS)
    vault.save(Settings(), vault.load(), "somebody")
    (key,) = [path for path in locate(str(tmp_path)).vault.iterdir() if path.name == "outmail.key"]
    key.unlink()
    with pytest.raises(StoreError):
        async with DemoSession(tmp_path, keys=NO_KEYS):
            pass
    assert not [name for name in names_in(tmp_path) if name.startswith("practice-")]


async def test_prepare_home_replaces_the_ports_of_the_last_run(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    first = prepare_home(tenant, tmp_path / "home", NO_KEYS)
    again = prepare_home(tenant, tmp_path / "home", NO_KEYS)
    assert again.settings == tenant.profiles()
    assert first.saved_by == "practice tenant"


async def test_the_workspace_reads_it(trust: ssl.SSLContext, tenant: PracticeTenant, tmp_path: Path) -> None:
    prepare_home(tenant, tmp_path / "home", NO_KEYS)
    assert Workspace.open(str(tmp_path / "home"), False, NO_KEYS).settings == tenant.profiles()


async def test_the_announcement_is_json_and_complete() -> None:
    async with DemoSession(keys=NO_KEYS) as session:
        said = json.loads(json.dumps(session.announcement()))
        assert set(said) == {
            *("home", "ca_file", "control", "profiles", "username", "password", "servers", "authority"),
            *("graph", "ews"),
        }
        assert said["ca_file"] == str(session.tenant.ca_file)
        assert said["servers"]["alternate"]["security"] == "tls"
        assert said["graph"]["endpoint"] == f"https://localhost:{session.tenant.graph.port}"
        assert said["ews"]["url"] == f"https://localhost:{session.tenant.ews.port}/EWS/Exchange.asmx"
