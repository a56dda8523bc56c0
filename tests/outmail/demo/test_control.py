"""The control channel answers every line with one JSON object, whatever the line is."""

from __future__ import annotations

import asyncio
import json
import ssl
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outmail.demo import control as control_module
from outmail.demo.commands import COMMANDS, Control
from outmail.demo.control import LONGEST_LINE, ControlSocket, LineReader, as_line
from outmail.demo.ews.faults import EWS_FAULTS
from outmail.demo.graph.faults import GRAPH_FAULTS
from outmail.demo.names import CHIEF, DESK
from outmail.demo.oauth.apps import PERSONAL_APP
from outmail.demo.oauth.faults import AUTHORITY_FAULTS
from outmail.demo.smtp_faults import FAULTS
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.client import send, until
from tests.outmail.demo.oauth.visitor import RIGHT, post


class Quits:
    """Counts how often somebody asked for the end."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def quits() -> Quits:
    return Quits()


@pytest.fixture
def control(tenant: PracticeTenant, quits: Quits) -> Control:
    return Control(tenant, quits)


@pytest.fixture
async def socket(control: Control, tmp_path: Path) -> AsyncIterator[ControlSocket]:
    listening = ControlSocket(control, tmp_path / "c.sock")
    await listening.open()
    yield listening
    await listening.close()
    assert not listening.path.exists()


async def ask(path: Path, *lines: bytes) -> list[dict[str, object]]:
    """Send lines and read as many answers."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"".join(line + b"\n" for line in lines))
    async with asyncio.timeout(10):
        answers = [json.loads(await reader.readline()) for _ in lines]
    writer.close()
    return answers


async def test_faults_are_switched_and_told(control: Control, tenant: PracticeTenant) -> None:
    answer = control.answer(b"fault primary down\r")
    assert answer == {
        "ok": True,
        "server": "primary",
        "fault": "down",
        "means": FAULTS["down"].description,
    }
    assert tenant.servers["primary"].fault == "down"
    assert control.answer(b"fault primary") == {"ok": True, "server": "primary", "fault": "down"}
    assert control.answer(b"  fault   alternate none ")["ok"] is True


async def test_the_list_of_faults_says_where_each_can_be_seen(
    control: Control, tenant: PracticeTenant
) -> None:
    tenant.set_fault("relay", "busy")
    answer = control.answer(b"faults")
    well = dict.fromkeys(("primary", "alternate", "oauth", "authority", "graph", "ews"), "none")
    assert answer["now"] == {**well, "relay": "busy"}
    faults = answer["faults"]
    assert isinstance(faults, list)
    known = FAULTS.keys() | AUTHORITY_FAULTS.keys() | GRAPH_FAULTS.keys() | EWS_FAULTS.keys()
    assert {fault["fault"] for fault in faults} == known
    for name, port in tenant.ports.items():
        here = {fault["fault"]: fault["means"] for fault in faults if name in fault["servers"]}
        assert here == {fault.id: fault.description for fault in port.faults.values()}


async def test_mails_are_listed(control: Control, tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    assert control.answer(b"mails") == {"ok": True, "kept": 0, "mails": []}
    for _ in range(3):
        await send(tenant.servers["primary"], trust)
    listed = control.answer(b"mails 2")
    assert listed["kept"] == 3
    mails = listed["mails"]
    assert isinstance(mails, list)
    assert [mail["number"] for mail in mails] == [2, 3]
    assert {"time", "server", "from", "to", "subject"} <= set(mails[0])
    assert control.answer(b"mails 0")["mails"] == []


async def test_a_person_types_a_code(control: Control, tenant: PracticeTenant) -> None:
    asks = {"client_id": PERSONAL_APP, "scope": RIGHT}
    codes = [(await post(tenant, "devicecode", asks))[1]["user_code"] for _ in range(3)]
    assert control.answer(b"signins") == {"ok": True, "waiting": codes}
    assert control.answer(b"allow " + codes[0].encode())["account"] == DESK
    assert control.answer(f"allow {codes[1]} {CHIEF}".encode())["account"] == CHIEF
    assert control.answer(f"decline {codes[2]}".encode())["account"] is None
    assert control.answer(b"signins")["waiting"] == []
    await post(tenant, "devicecode", asks)
    assert "AADSTS70020" in str(control.answer("allow ÉÉÉÉÉÉÉÉ".encode())["error"])
    again = control.answer(b"allow " + codes[0].encode())
    assert again["ok"] is False
    assert "AADSTS70020" in str(again["error"])
    stranger = control.answer(f"allow {codes[0]} eve@practice.test".encode())
    assert "eve@practice.test" in str(stranger["error"])


async def test_a_person_signs_in_by_browser(control: Control, tenant: PracticeTenant) -> None:
    url = f"{tenant.authority.base}/oauth2/v2.0/authorize?client_id={PERSONAL_APP}&response_type=code"
    asks = f"{url}&redirect_uri=http://localhost:1&state=s&code_challenge_method=S256"
    asks += f"&code_challenge={'c' * 43}"
    ended = control.answer(f"browse {asks}&scope={RIGHT}".encode())
    assert str(ended["ends_on"]).startswith("http://localhost:1?code=")
    wrong = control.answer(f"browse {url}&redirect_uri=http://evil.example.org".encode())
    assert "AADSTS50011" in str(wrong["error"])
    twice = control.answer(f"browse {asks}&scope={RIGHT}&redirect_uri=http://localhost:2".encode())
    assert "AADSTS50011" in str(twice["error"]), "as the page says"
    elsewhere = asks.replace("authorize", "nowhere")
    assert "nobody signs in" in str(control.answer(f"browse {elsewhere}&scope={RIGHT}".encode())["error"])


async def test_quit_and_help(control: Control, quits: Quits) -> None:
    assert control.answer(b"help") == {"ok": True, "commands": COMMANDS}
    assert quits.times == 0
    assert control.answer(b"quit") == {"ok": True, "quitting": True}
    assert quits.times == 1


@pytest.mark.parametrize(
    ("line", "known"),
    [
        (b"", "fault"),
        (b"dance", "help"),
        (b"fault", COMMANDS["fault"]),
        (b"fault third down", "alternate"),
        (b"fault third", "alternate"),
        (b"fault primary broken", "down"),
        (b"fault alternate no-starttls", "expired"),
        (b"fault primary down now", COMMANDS["fault"]),
        (b"mails many", COMMANDS["mails"]),
        (b"mails -1", COMMANDS["mails"]),
        ("mails ²".encode(), COMMANDS["mails"]),
        (b"mails 1 2", COMMANDS["mails"]),
        (b"quit now", COMMANDS["quit"]),
        (b"signins all", COMMANDS["signins"]),
        (b"allow", COMMANDS["allow"]),
        (b"decline a b", COMMANDS["decline"]),
        (b"browse", COMMANDS["browse"]),
        (b"browse https://evil.example.org/", DESK),
        (b"\xff\xfe\x00", "faults"),
    ],
)
async def test_wrong_input_gets_what_is_known(
    control: Control, tenant: PracticeTenant, quits: Quits, line: bytes, known: str
) -> None:
    answer = control.answer(line)
    assert answer["ok"] is False
    assert isinstance(answer["error"], str)
    assert isinstance(answer["known"], list)
    assert known in answer["known"]
    assert set(tenant.faults().values()) == {"none"}
    assert quits.times == 0


WORDS = st.sampled_from(
    [*(command.encode() for command in COMMANDS), b"primary", b"none", b"down", b"9", b" "]
)
LINES = st.one_of(st.binary(max_size=200), st.lists(WORDS | st.binary(max_size=5)).map(b" ".join))


@settings(max_examples=15, deadline=None)
@given(st.lists(LINES, max_size=40))
def test_any_bytes_are_answered_by_one_line_of_json(lines: list[bytes]) -> None:
    async def ask_all() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with PracticeTenant(Path(folder) / "practice") as tenant:
                control = Control(tenant, lambda: None)
                for line in lines:
                    answer = control.answer(line)
                    written = as_line(answer)
                    assert written.count(b"\n") == 1
                    assert written.isascii()
                    assert json.loads(written) == answer
                    assert answer["ok"] is True or {"error", "known"} <= set(answer)

    asyncio.run(ask_all())


@given(st.lists(st.binary(max_size=50)))
def test_lines_do_not_depend_on_how_the_bytes_arrive(pieces: list[bytes]) -> None:
    whole, cut = LineReader(), LineReader()
    assert [line for piece in pieces for line in cut.feed(piece)] == whole.feed(b"".join(pieces))


@pytest.mark.parametrize("size", [1, 100, LONGEST_LINE, 3 * LONGEST_LINE])
def test_a_line_that_is_too_long_is_reported_once_and_skipped(size: int) -> None:
    data = b"help\n" + b"x" * (3 * LONGEST_LINE) + b"\n" + b"y" * LONGEST_LINE + b"\nquit\n"
    lines = LineReader()
    found = [line for at in range(0, len(data), size) for line in lines.feed(data[at : at + size])]
    assert found == [b"help", None, b"y" * LONGEST_LINE, b"quit"]


async def test_the_socket(socket: ControlSocket, tenant: PracticeTenant, quits: Quits) -> None:
    assert stat.S_IMODE(socket.path.stat().st_mode) == 0o600
    answers = await ask(
        socket.path, b"fault alternate expired", b"\x00\xff", b"x" * 9000, b"", b"mails", b"quit"
    )
    assert [answer["ok"] for answer in answers] == [True, False, False, False, True, True]
    assert tenant.servers["alternate"].fault == "expired"
    assert quits.times == 1


async def test_a_client_that_stays_does_not_keep_the_socket_open(control: Control, tmp_path: Path) -> None:
    listening = ControlSocket(control, tmp_path / "c.sock")
    await listening.open()
    reader, writer = await asyncio.open_unix_connection(listening.path)
    writer.write(b"help\n")
    assert json.loads(await reader.readline())["ok"] is True
    await listening.close()
    assert await reader.read() == b""
    writer.close()


async def test_only_so_many_clients(socket: ControlSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "MOST_CLIENTS", 1)
    reader, writer = await asyncio.open_unix_connection(socket.path)
    writer.write(b"help\n")
    await reader.readline()
    other, other_writer = await asyncio.open_unix_connection(socket.path)
    assert await other.read() == b""
    other_writer.close()
    writer.close()
    await until(lambda: not socket.busy)
    assert (await ask(socket.path, b"help"))[0]["ok"] is True


async def test_an_idle_client_is_let_go(socket: ControlSocket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_module, "IDLE_SECONDS", 0.05)
    reader, writer = await asyncio.open_unix_connection(socket.path)
    async with asyncio.timeout(10):
        assert await reader.read() == b""
    writer.close()


async def test_one_socket_one_tenant(socket: ControlSocket, control: Control) -> None:
    with pytest.raises(OSError, match="another practice tenant"):
        await ControlSocket(control, socket.path).open()
    assert (await ask(socket.path, b"help"))[0]["ok"] is True


async def test_what_a_killed_tenant_left_behind_is_replaced(control: Control, tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    left = await asyncio.start_unix_server(lambda _r, _w: None, path)
    left.close()
    assert path.exists()
    listening = ControlSocket(control, path)
    await listening.open()
    assert (await ask(path, b"help"))[0]["ok"] is True
    await listening.close()


async def test_a_path_that_no_socket_can_have(control: Control, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot make the socket|too long"):
        await ControlSocket(control, tmp_path / ("x" * 120)).open()
