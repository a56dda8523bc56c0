"""The relay's settings in a file: every mistake by its field, passwords to hashes, and out and in again."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from store.changes import compare
from store.problems import SettingsInvalid
from store.profiles import Settings
from store.relay_password import Hashed
from store.relay_settings import Relay
from store.secrets import SecretReader
from store.toml import read
from store.toml_relay import write_relay
from tests.store import samples

PASSWORD = "PLANTED-printer-password"
WEBHOOK = "https://hooks.example.org/PLANTED-webhook"
QUICK = str(Hashed(2, 1, 1, b"saltsalt", Hashed(2, 1, 1, b"saltsalt", b"")._made_of(PASSWORD, 32)))
CURRENT = samples.settings()

WITH_USERS = """
[relay]
hostname = "relay.example.org"
[[relay.listeners]]
listen = "127.0.0.1:2525"
auth = "required"
insecure_auth_without_tls = true
users = [{ name = "printer", USER }]
[relay.alerts]
command = ["/usr/local/bin/page", "--now"]
webhook = "https://hooks.example.org/PLANTED-webhook"
"""


def imported(text: str, current: Settings = CURRENT, **options: object) -> Settings:
    reader = SecretReader(env={"PW": PASSWORD, "HASH": QUICK, "HOOK": WEBHOOK}, **options)  # type: ignore[arg-type]
    return read(text, current, reader).joined(current)


def relay(user: str, current: Settings = CURRENT, **options: object) -> Relay:
    found = imported(WITH_USERS.replace("USER", user), current, **options).relay
    assert found is not None
    return found


def the_hash(found: Relay) -> str:
    return found.listeners[0].users[0].password_hash


def problems(text: str, current: Settings = CURRENT) -> dict[str, str]:
    with pytest.raises(SettingsInvalid) as told:
        imported(text, current)
    return {p.field: p.message for p in told.value.problems}


def test_a_file_may_have_the_relay_alone_and_stands_for_all_of_it() -> None:
    first = imported('[relay]\nstop_seconds = 7\n[relay.access]\nadmin_group = "adm"')
    assert first.profiles == CURRENT.profiles
    assert first.relay is not None
    assert first.relay.stop_seconds == 7
    then = imported('[relay]\nlocal_mail_to = "root@example.org"', first)
    assert then.relay == Relay(local_mail_to="root@example.org")
    assert imported('default = "p0"', then).relay == then.relay, "a file without [relay] leaves it"


def test_every_mistake_by_its_field() -> None:
    found = problems("""
[relay]
hostnam = "x"
stop_seconds = 0
[[relay.listeners]]
listen = "127.0.0.1:25"
[[relay.listeners]]
listen = "2525"
securty = "tls"
networks = ["10.0.0.0/33"]
senders = ["nobody"]
users = [
  { name = "a", password_hash = "secret" },
  { password = { env = "NONE" } },
  { nme = "x", password = "" },
]
[[relay.routes]]
sender = "@x.org"
[relay.alerts]
command = "page"
webhook = "http://example.org/"
[relay.access]
everyone_sends = "yes"
""")
    assert {field.removeprefix("relay."): message.split(":")[0] for field, message in found.items()} == {
        "hostnam": "is not a setting; did you mean hostname?",
        "stop_seconds": "should be greater than or equal to 1",
        "listeners.2.listen": "must be HOST",
        "listeners.2.securty": "is not a setting; did you mean security?",
        "listeners.2.networks.1": "is not a network as 192.0.2.0/24",
        "listeners.2.senders.1": found["relay.listeners.2.senders.1"].split(":")[0],
        "listeners.2.users.1.password_hash": "is no hash of ours",
        "listeners.2.users.2.password": "cannot be read",
        "listeners.2.users.2.name": "is missing",
        "listeners.2.users.3.password": "is empty",
        "listeners.2.users.3.name": "is missing",
        "listeners.2.users.3.nme": "is not a setting; did you mean name?",
        "routes.1.profile": "is missing",
        "alerts.command": "must be a list in [ ]",
        "alerts.webhook": "may use http",
        "access.everyone_sends": "must be true or false, without quotes",
    }
    assert "secret" not in str(found)


def test_contradictions_and_mistakes_of_profiles_are_told_together() -> None:
    found = problems("""
[profiles.a]
protocol = "smtp"
[relay]
listeners = [{ listen = "127.0.0.1:25", security = "tls", profile = "a" }]
""")
    assert "profiles.a.from_address" in found
    assert found["relay.listeners.1.certificate"] == "is missing: security is tls"
    assert "relay.listeners.1.profile" not in found, "it is in the file, and only could not be read"


@pytest.mark.parametrize(
    "text",
    ["relay = 5", "relay = []", "[[relay]]", "[relay]\nlisteners = 5", "relay = { listeners = [5, {}] }"],
)
def test_a_relay_that_is_no_table(text: str) -> None:
    assert all(field.startswith("relay") for field in problems(text))


@pytest.mark.parametrize(
    "user",
    [
        f'password = "{PASSWORD}"',
        'password = { env = "PW" }',
        "password = { prompt = true }",
        'password_hash = { env = "HASH" }',
        f'password_hash = "{QUICK}"',
    ],
)
def test_passwords_become_hashes(user: str) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return PASSWORD

    found = relay(user, ask=ask)
    assert Hashed.parse(the_hash(found)).fits(PASSWORD)
    assert PASSWORD not in repr(found)
    assert PASSWORD not in found.model_dump_json()
    assert asked == (["relay.listeners.1.users.1.password: "] if "prompt" in user else [])


def test_a_password_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(PASSWORD + "\n")
    assert Hashed.parse(the_hash(relay(f'password = {{ file = "{tmp_path}/pw" }}'))).fits(PASSWORD)


def test_nobody_is_asked_while_something_is_wrong() -> None:
    def never(question: str) -> str:
        raise AssertionError(question)

    reader = SecretReader(env={}, ask=never)
    text = WITH_USERS.replace("USER", "password = { prompt = true }")
    with pytest.raises(SettingsInvalid):
        read(text.replace("127.0.0.1:2525", "127.0.0.1"), CURRENT, reader)


@pytest.mark.parametrize("user", ["password = { stored = true }", "password_hash = { stored = true }"])
def test_stored_hashes_are_taken_over_by_name(user: str) -> None:
    before = CURRENT.model_copy(update={"relay": relay(f'password_hash = "{QUICK}"')})
    assert the_hash(relay(user, before)) == QUICK
    moved = WITH_USERS.replace("USER", user).replace("127.0.0.1:2525", "127.0.0.1:2626")
    found = imported(moved, before).relay
    assert found is not None
    assert the_hash(found) == QUICK, "his listener has another address now"
    other = WITH_USERS.replace("USER", user).replace("printer", "scanner")
    ((field, message),) = problems(other, before).items()
    assert field.startswith("relay.listeners.1.users.1.password")
    assert message.startswith("is not stored yet")


def test_the_same_file_once_more_changes_nothing() -> None:
    once = CURRENT.model_copy(update={"relay": relay(f'password = "{PASSWORD}"')})
    again = imported(WITH_USERS.replace("USER", f'password = "{PASSWORD}"'), once)
    assert compare(once, again) == []
    other = imported(WITH_USERS.replace("USER", 'password = "another"'), once)
    assert [str(change) for change in compare(once, other)] == [
        "relay.listeners.1.users.1.password_hash: (secret) -> (secret)"
    ]


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (f'password = "x", password_hash = "{QUICK}"', "is one too many"),
        ('password = ""', "is empty"),
        ('password = "a\\nb"', "has several lines"),
        ('password = { vault = "x" }', "has no form"),
        ("password = 5", "must be {"),
        ('password_hash = "PLANTED"', "is no hash of ours"),
        ("", "is missing"),
    ],
)
def test_passwords_that_are_none(user: str, said: str) -> None:
    ((field, message),) = problems(WITH_USERS.replace(", USER", f", {user}" if user else "")).items()
    assert field.startswith("relay.listeners.1.users.1.password")
    assert message.startswith(said)
    assert "PLANTED" not in message


def test_the_webhook_is_a_secret_too() -> None:
    before = CURRENT.model_copy(update={"relay": relay(f'password_hash = "{QUICK}"')})
    text = "[relay]\nalerts = { webhook = WHERE }"
    for where in ("{ stored = true }", '{ env = "HOOK" }', f'"{WEBHOOK}"', '"http://localhost:9/x"'):
        found = imported(text.replace("WHERE", where), before).relay
        assert found is not None
        assert found.alerts is not None
        assert found.alerts.webhook in {WEBHOOK, "http://localhost:9/x"}
        assert "PLANTED" not in repr(found)
    assert "relay.alerts.webhook" in problems(text.replace("WHERE", "{ stored = true }"))


def test_no_secret_in_changes_or_in_a_file() -> None:
    after = CURRENT.model_copy(update={"relay": relay(f'password_hash = "{QUICK}"')})
    told = [str(change) for change in compare(CURRENT, after)]
    assert "relay.listeners.1.users.1.password_hash: (secret)" in told
    assert "relay.alerts.webhook: (secret)" in told
    assert "relay.alerts.command: /usr/local/bin/page, --now" in told
    written = write_relay(after.relay)
    for text in ("\n".join(told), written):
        assert "scrypt" not in text
        assert "PLANTED" not in text
    assert "# at hooks.example.org" in written


def test_out_and_in_again() -> None:
    full = Relay.model_validate(
        {
            "hostname": "relay.example.org",
            "local_mail_to": "root@example.org",
            "stop_seconds": 5,
            "listeners": [
                {
                    "listen": "0.0.0.0:587",
                    "security": "starttls",
                    "certificate": "/c.pem",
                    "key": "/k.pem",
                    "insecure_legacy_tls": True,
                    "auth": "required",
                    "users": [{"name": "a", "password_hash": QUICK}, {"name": "b", "password_hash": QUICK}],
                    "networks": ["0.0.0.0/0", "::/0"],
                    "senders": ["@example.org", "x@example.com"],
                    "profile": "p0",
                    "size_limit": 2048,
                    "connections": 5,
                    "connections_per_client": 2,
                },
                {"listen": "unix:/run/x"},
            ],
            "routes": [{"sender": "@x.org", "profile": "p0"}],
            "alerts": {"command": ["/bin/a", 'b "c"'], "webhook": WEBHOOK},
            "access": {"admin_group": "adm", "sender_group": "mail", "everyone_sends": True},
        }
    )
    current = CURRENT.model_copy(update={"relay": full})
    written = write_relay(full)
    assert imported(written, current) == current
    uncommented = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in written.splitlines()
    )
    assert imported(uncommented, current) == current, "what is shown as the default is the default"


def test_nothing_set_is_shown_as_what_holds() -> None:
    written = write_relay(None)
    assert tomllib.loads(written) == {"relay": {}}
    assert 'listen = "127.0.0.1:2525"' in written
    assert imported(written).relay == Relay()
    shown = "\n".join(
        line.removeprefix("# ") for line in written.splitlines() if "[[" in line or " = " in line
    )
    found = imported("[relay]\n" + shown.replace("[relay]\n", "")).relay
    assert found is not None
    assert found.listeners[0].listen == "127.0.0.1:2525"


@given(st.text(max_size=200))
def test_any_text_as_a_password_is_kept_out_of_errors(password: str) -> None:
    mark = f"PLANTED{password}"
    text = tomlkit.dumps(
        {"relay": {"listeners": [{"listen": "x", "users": [{"name": "a", "password": {"is": mark}}]}]}}
    )
    assert "PLANTED" not in str(problems(text))
