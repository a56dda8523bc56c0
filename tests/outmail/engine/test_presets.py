"""Every preset can be used as it stands, and addresses and hosts lead to the right one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.diagnosis.case import API_KEY_PROVIDERS, APP_PASSWORD_PROVIDERS
from outmail.diagnosis.finding import Context
from outmail.diagnosis.match import diagnose
from outmail.engine.presets import PRESETS, Preset, by_address, by_host, by_id
from store.fields import host
from store.profiles import DEFAULT_PORTS, Security
from transports.base import Cause, Failure, Scope, StepName, Verdict

_EVERY = pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.id)
_STARTTLS_PORTS = {25, 80, 587, 588, 1025, 2525, 2587}
_TLS_PORTS = {465, 2465}


@_EVERY
def test_a_preset_can_be_used_as_it_stands(preset: Preset) -> None:
    for name in (*preset.all_hosts, *(h for _, h in preset.host_of_domain)):
        assert host(name) == name
    assert preset.host or preset.host_hint
    entrances = [(preset.port, preset.security), *((e.port, e.security) for e in preset.other_ports)]
    for port, security in entrances:
        assert security is not Security.NONE
        assert port in (_TLS_PORTS if security is Security.TLS else _STARTTLS_PORTS)
    assert len({port for port, _ in entrances}) == len(entrances)
    assert set(preset.methods) <= {"basic", "oauth", "none"}
    assert preset.methods


@_EVERY
def test_its_words_fit_an_80_column_screen(preset: Preset) -> None:
    for line in preset.note.split("\n"):
        assert len(line) <= 72, line
    for hint in (preset.username_hint, preset.password_hint, preset.host_hint):
        assert len(hint) <= 72
        assert "\n" not in hint
    assert len(preset.title) <= 48
    if "basic" in preset.methods:
        assert preset.password_hint
    if preset.retirement:
        assert all(0 < len(line) <= 76 for line in preset.retirement.dates)
    assert re.fullmatch(r"(https://\S+)?", preset.docs)


def test_ids_are_unique_and_found_again() -> None:
    assert len({p.id for p in PRESETS}) == len(PRESETS)
    assert all(by_id(p.id) is p for p in PRESETS)
    assert by_id("nobody") is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("ops@contoso.onmicrosoft.com", "m365"),
        ("a@outlook.com", "outlook"),
        ("a@OUTLOOK.DE", "outlook"),
        ("a@hotmail.co.uk", "outlook"),
        ("a@live.com", "outlook"),
        ("a@gmail.com", "gmail"),
        ("A@GoogleMail.com.", "gmail"),
        ("a@yahoo.com", "yahoo"),
        ("a@yahoo.com.br", "yahoo"),
        ("a@yahoo.co.jp", None),
        ("a@aol.com", "aol"),
        ("a@icloud.com", "icloud"),
        ("a@me.com", "icloud"),
        ("a@mac.com", "icloud"),
        ("a@zoho.eu", "zoho"),
        ("a@fastmail.com", "fastmail"),
        ("a@gmx.de", "gmx"),
        ("a@gmx.net", "gmx"),
        ("a@proton.me", "proton-bridge"),
        ("a@protonmail.com", "proton-bridge"),
        ("a@example.org", None),
        ("a@notgmail.com", None),
        ("a@gmail.com.example.org", None),
        ("a@yahoo.example.org", None),
        ("a@onmicrosoft.com", None),
        ("gmail.com", None),
        ("@", None),
        ("", None),
    ],
)
def test_an_address_selects_its_provider(address: str, expected: str | None) -> None:
    found = by_address(address)
    assert (found.id if found else None) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("smtp.office365.com", "m365"),
        ("SMTP.Office365.com.", "m365"),
        ("example-org.mail.protection.outlook.com", "m365-relay"),
        ("smtp-hve.office365.com", "m365-hve"),
        ("smtp.office365.us", "m365-gcch"),
        ("outlook.office365.us", "m365-gcch"),
        ("outlook-dod.office365.us", "m365-dod"),
        ("smtp.partner.outlook.cn", "m365-cn"),
        ("smtp-mail.outlook.com", "outlook"),
        ("smtp.gmail.com", "gmail"),
        ("smtp-relay.gmail.com", "workspace-relay"),
        ("email-smtp.eu-west-1.amazonaws.com", "ses"),
        ("email-smtp.il-central-1.amazonaws.com", "ses"),
        ("email-smtp.amazonaws.com", None),
        ("smtp.zoho.com.au", "zoho"),
        ("smtppro.zoho.eu", "zoho"),
        ("mail.gmx.com", "gmx"),
        ("smtp.protonmail.ch", "proton-smtp"),
        ("smtp.eu.mailgun.org", "mailgun"),
        ("127.0.0.1", None),
        ("::1", None),
        ("localhost", None),
        ("smtp.office365.com.example.org", None),
        ("a.b.mail.protection.outlook.com", None),
        ("smtp.example.org", None),
        ("", None),
    ],
)
def test_a_host_belongs_to_its_provider(name: str, expected: str | None) -> None:
    found = by_host(name)
    assert (found.id if found else None) == expected


@_EVERY
def test_every_host_offered_leads_back_to_its_preset(preset: Preset) -> None:
    for name in preset.all_hosts:
        if not name.startswith("127."):
            assert by_host(name.upper()) is preset


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("a@zoho.eu", "smtp.zoho.eu"),
        ("a@zoho.com", "smtp.zoho.com"),
        ("a@gmx.com", "mail.gmx.com"),
        ("a@gmx.at", "mail.gmx.net"),
        ("a@gmail.com", "smtp.gmail.com"),
    ],
)
def test_the_host_follows_from_the_address(address: str, expected: str) -> None:
    preset = by_address(address)
    assert preset
    assert preset.host_for(address) == expected


@pytest.mark.parametrize(
    ("preset_id", "dates"),
    [
        ("m365", ["December 2026", "second half of 2027"]),
        ("m365-gcch", ["December 2026", "second half of 2027"]),
        ("m365-cn", ["December 2026", "second half of 2027"]),
        ("m365-hve", ["September 2028"]),
        ("outlook", ["2024-09-16"]),
        ("gmail", ["2022-05-30", "2025-05-01"]),
        ("workspace-relay", ["2022-05-30", "2025-05-01"]),
    ],
)
def test_basic_authentication_shows_when_it_ends(preset_id: str, dates: list[str]) -> None:
    preset = by_id(preset_id)
    assert preset
    retirement = preset.retires("basic")
    assert retirement
    assert preset.retires("oauth") is None
    assert all(any(date in line for line in retirement.dates) for date in dates)


def test_a_provider_that_keeps_passwords_shows_no_end() -> None:
    assert {p.id for p in PRESETS if p.retirement} == {
        *("m365", "m365-hve", "m365-gcch", "m365-dod", "m365-cn", "outlook", "gmail", "workspace-relay")
    }


def test_the_usual_port_goes_with_the_usual_security() -> None:
    for preset in PRESETS:
        if preset.port in DEFAULT_PORTS.values() and preset.port != 25:
            assert DEFAULT_PORTS[preset.security] == preset.port


@given(st.text())
def test_whatever_is_typed_is_looked_up_without_a_fuss(text: str) -> None:
    assert by_address(text) is None or "@" in text
    by_host(text)
    for preset in PRESETS:
        preset.host_for(text)


@_EVERY
def test_a_refused_password_is_explained_for_its_provider(preset: Preset) -> None:
    context = Context(provider=preset.id, host=preset.host, port=preset.port, method="basic")
    words = "535 5.7.8 no"
    failure = Failure(
        *(StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.FIX_SETTINGS, Cause.ANSWER), 535, "5.7.8", words
    )
    expected = {
        **dict.fromkeys(APP_PASSWORD_PROVIDERS, "auth-refused-app-password"),
        **dict.fromkeys(API_KEY_PROVIDERS, "auth-refused-api-key"),
        **dict.fromkeys(("gmail", "workspace-relay"), "google-password-refused"),
    }
    assert diagnose(failure, context).id == expected.get(preset.id, "auth-refused")
    assert {p.id for p in PRESETS} >= set(expected)
