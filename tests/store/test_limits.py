"""What no admin means: odd addresses, endless texts, a password of several lines; each named by its field."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from store.contradictions import check_whole
from store.fields import file_path, host
from store.problems import SettingsInvalid
from store.profiles import MOST_PROFILES, Profile, Proxy, Settings
from store.secrets import SecretReader
from store.toml import read
from tests.store import samples

TEXT = """
[profiles.a]
protocol = "smtp"
from_address = "a@example.org"
smtp.host = "smtp.example.org"
auth = { method = "basic", username = "u", password = PASSWORD }
"""


def _password(reference: str) -> str:
    found = read(TEXT.replace("PASSWORD", reference), Settings(), SecretReader(env={"PATH": "/usr/bin:/bin"}))
    password = found.profiles["a"].auth.password
    assert password is not None
    return password.get_secret_value()


@pytest.mark.parametrize("bad", ["fe80::1%$(id)", "fe80::1%a b", "fe80::1%eth0 SIZE=1", "fe80::1%'"])
def test_an_interface_s_name_brings_no_command(bad: str) -> None:
    with pytest.raises(ValueError, match="network interface"):
        host(bad)


def test_an_address_with_its_interface() -> None:
    assert host("fe80::1%eth0.100") == "fe80::1%eth0.100"


@pytest.mark.parametrize("field", ["sender_name", "username", "ca_file"])
def test_no_text_is_endless(field: str) -> None:
    given = samples.profile().model_dump(mode="json", exclude_none=True)
    {"sender_name": given, "username": given["auth"], "ca_file": given["tls"]}[field][field] = (
        "/" + "x" * 1000
    )
    with pytest.raises(ValueError, match="longer than 1000 characters"):
        Profile.model_validate(given)


def test_a_ca_file_is_found_from_any_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    assert file_path("~/ca.pem") == "/home/ops/ca.pem"
    for relative in ("ca.pem", "./ca.pem", "../ca.pem", "~ops2/ca.pem"):
        with pytest.raises(ValueError, match="whole path"):
            file_path(relative)


def test_there_are_only_so_many_profiles() -> None:
    one = samples.profile()
    check_whole(Settings(profiles={f"p{n}": one for n in range(MOST_PROFILES)}))
    with pytest.raises(SettingsInvalid, match="there may be"):
        check_whole(Settings(profiles={f"p{n}": one for n in range(MOST_PROFILES + 1)}))


def test_a_password_manager_s_notes_are_no_part_of_the_password() -> None:
    assert _password("{ command = \"printf 'secret\\\\r\\\\nuser: me\\\\n'\" }") == "secret"


def test_an_editor_s_byte_order_mark_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_bytes(b"\xef\xbb\xbfsecret\r\n")
    assert _password(f'{{ file = "{file}" }}') == "secret"
    assert read("\ufeff" + TEXT.replace("PASSWORD", '"x"'), Settings(), SecretReader(env={})).profiles


def test_a_password_of_several_lines_is_told(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text("secret\n\nnotes\n")
    with pytest.raises(SettingsInvalid, match=r"profiles\.a\.auth\.password: has several lines"):
        _password(f'{{ file = "{file}" }}')


def test_a_proxy_s_sign_in_is_looked_at_too() -> None:
    proxy = Proxy(url="http://proxy.example.org:3128", username="a:b", password=SecretStr("x\ny"))
    with pytest.raises(SettingsInvalid) as told:
        check_whole(Settings(profiles={"a": samples.profile(proxy=proxy)}))
    assert {p.field for p in told.value.problems} == {
        "profiles.a.proxy.username",
        "profiles.a.proxy.password",
    }
