"""Profile files: every mistake by its field, secrets by reference, and out and in again without a loss."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from store.problems import SettingsInvalid
from store.profiles import Auth, Profile, Security, Server, Settings, Smtp
from store.secrets import SecretReader
from store.toml import LIMIT, read, write
from tests.store import samples

GOOD = """
[profiles.support]
protocol = "smtp"
from_address = "helpdesk@example.org"
smtp = { host = "smtp.example.org" }
auth = { method = "basic", username = "u", password = PASSWORD }
"""


def problems(text: str, current: Settings | None = None, **options: object) -> dict[str, str]:
    reader = SecretReader(env={"GOOD": "pw", "EMPTY": "", "PATH": "/usr/bin:/bin"}, **options)  # type: ignore[arg-type]
    with pytest.raises(SettingsInvalid) as told:
        read(text, current or Settings(), reader)
    assert "\n" not in "".join(str(p) for p in told.value.problems)
    return {p.field: p.message for p in told.value.problems}


def password(reference: str, current: Settings | None = None, **options: object) -> str:
    reader = SecretReader(env={"GOOD": "pw", "PATH": "/usr/bin:/bin"}, **options)  # type: ignore[arg-type]
    found = read(GOOD.replace("PASSWORD", reference), current or Settings(), reader).profiles["support"]
    assert found.auth.password is not None
    return found.auth.password.get_secret_value()


def test_every_mistake_is_told_at_once_with_a_guess() -> None:
    found = problems("""
colour = 1
[profiles.a]
protocl = "smtp"
protocol = "smpt"
from_address = 5
smtp = { hots = "x", port = "587", alternates = [{ host = "a b" }] }
auth = { method = "basic", password = { stored = true }, insecure_allow_password_without_tls = 1 }
[profiles.b]
protocol = "smtp"
from_address = "b@example.org"
failover = { profile = "a" }
[profiles.c]
protocol = "smtp"
from_address = "c@example.org"
smtp = { host = "c" }
failover = { profile = "zz" }
""")
    assert found["profiles.a.protocl"] == "is not a setting; did you mean protocol?"
    assert found["profiles.a.smtp.hots"] == "is not a setting; did you mean host?"
    assert found["profiles.a.smtp.port"] == "must be a whole number, without quotes"
    assert found["profiles.a.from_address"] == "must be text in quotes"
    assert found["profiles.a.smtp.host"] == "is missing"
    assert found["profiles.a.smtp.alternates.1.host"].startswith("is not a host name")
    assert found["profiles.a.auth.insecure_allow_password_without_tls"].startswith("must be true or false")
    assert found["profiles.a.auth.password"].startswith("is not stored yet")
    assert found["profiles.b.smtp.host"] == "is missing: protocol is smtp"
    assert found["profiles.c.failover.profile"] == "there is no profile 'zz'"
    assert "profiles.b.failover.profile" not in found  # profile a is there, only wrong
    assert found["colour"].startswith("is not a setting; known are")
    assert found["profiles.a.protocol"] == "must be 'smtp', 'ews' or 'graph'"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "is not TOML, line 1 column 5"),
        ("a = 1\nb = [", "is not TOML, end of document"),
        ("a = 1\na = 2\n", "is not TOML, line 2 column 6"),
        ("a=" + "[" * 9000, "nested too deeply"),
        ("a=" + "9" * 9000, "number is too long"),
        ("#" * (LIMIT + 1), "longer than 1024 KiB"),
    ],
)
def test_what_is_no_toml(text: str, said: str) -> None:
    assert said in problems(text)[""]


@pytest.mark.parametrize("text", ["", "profiles = 3", "[profiles]\na = 1", 'default = "x"', "[profiles.a]"])
def test_what_is_no_profile(text: str) -> None:
    assert problems(text)


def test_secrets_by_reference(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text("from file\n")
    assert password('"plain"') == "plain"
    assert password('{ env = "GOOD" }') == "pw"
    assert password(f'{{ file = "{file}" }}') == "from file"
    assert password("{ command = \"printf '%s\\\\n' 'two words'\" }") == "two words"
    assert password("{ prompt = true }", ask=lambda question: question) == "profiles.support.auth.password: "
    stored = Settings(profiles={"support": samples.profile()})
    assert password("{ stored = true }", stored) == samples.SECRETS[0]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ('{ env = "NOWHERE" }', "no variable NOWHERE"),
        ('{ env = "EMPTY" }', "is empty"),
        ('{ file = "/nowhere/pw" }', "no file /nowhere/pw"),
        ('{ file = "/dev/zero" }', "more than 64 KiB"),
        ('{ command = "false" }', "exit code 1"),
        ('{ command = "/nowhere/pass" }', "could not be started"),
        ('{ command = "sleep 60" }', "no answer in 0.2 seconds"),
        ("{ command = \"sh -c 'sleep 60 & echo PLANTED-7f3a; exit 3'\" }", "no answer in 0.2 seconds"),
        ("{ command = \"sh -c 'echo PLANTED-7f3a; exit 3'\" }", "exit code 3"),
        ('{ command = "yes" }', "more than 64 KiB"),
        ('{ command = "\'" }', "cannot be split"),
        ("{ prompt = true }", "no terminal"),
        ("{ prompt = false }", "prompt must be true"),
        ("{ stored = true }", "is not stored yet"),
        ('{ vault = "x" }', "has no form 'vault'"),
        ('{ env = "GOOD", file = "x" }', "must be {"),
        ("7", "must be {"),
    ],
)
def test_a_secret_that_cannot_be_had(reference: str, said: str) -> None:
    found = problems(GOOD.replace("PASSWORD", reference), deadline=0.2)
    assert said in found["profiles.support.auth.password"]
    assert samples.MARK not in str(found)


def test_nobody_is_asked_for_the_password_of_a_wrong_file() -> None:
    text = GOOD.replace("PASSWORD", "{ prompt = true }") + "colour = 1\n"
    assert problems(text, ask=lambda _question: pytest.fail("asked"))


def test_an_export_has_no_secret_and_comes_back_the_same() -> None:
    text = write("p0", samples.profile())
    assert samples.MARK not in text
    assert text.count("stored = true") == 4
    assert list(tomllib.loads(text)["profiles"]["p0"])[:5] == [
        "protocol",
        "sender_name",
        "from_address",
        "reply_to",
        "sender_policy",
    ]
    current = Settings(profiles={"p0": samples.profile()})
    assert read(text, current, SecretReader(env={})).profiles == current.profiles


LINE = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=30)
SERVER = st.builds(
    Server,
    host=st.sampled_from(["a.example.org", "192.0.2.1", "::1", "xn--mnchen-3ya.de"]),
    port=st.none() | st.integers(1, 65535),
    security=st.sampled_from([Security.STARTTLS, Security.TLS]),
)


@settings(deadline=None, max_examples=80)
@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    sender=st.none() | LINE,
    user=LINE,
    secret=st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1),
    servers=st.lists(SERVER, min_size=1, max_size=9),
)
def test_out_and_in(name: str, sender: str | None, user: str, secret: str, servers: list[Server]) -> None:
    first = servers[0]
    made = Profile(
        protocol="smtp",
        sender_name=sender,
        from_address="a@example.org",
        smtp=Smtp(host=first.host, port=first.port, security=first.security, alternates=servers[1:]),
        auth=Auth(method="basic", username=user, password=SecretStr(secret)),
    )
    current = Settings(profiles={name: made})
    assert read(write(name, made), current, SecretReader(env={})).profiles == current.profiles
