"""Which ways of signing in their provider is switching off, and when; facts only, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Retirement:
    """A way of signing in that ends: what to tell an admin who chooses it.

    `dates` are lines of at most 76 characters, in order of time. `docs` is the page the facts come
    from, "" where they are general knowledge.
    """

    title: str
    text: str
    dates: tuple[str, ...]
    method: str = "basic"  # the auth.method it concerns
    docs: str = ""


EWS_ONLINE_ENDS = date(2027, 4, 1)
"""The day from which Exchange Online has no EWS, in the worldwide cloud."""

EWS_ONLINE = Retirement(
    title="Microsoft is ending EWS in Exchange Online",
    text="Microsoft Graph takes its place there.",
    dates=(
        "since 2026-10-01: blocked by default",
        "until the end: for apps that an admin allowed",
        "2027-04-01: off for all, no exceptions",
    ),
    method="",  # however one signs in
)
"""By the Exchange team's announcement of February 2026. For the other clouds it names no dates of their own,
as far as could be found."""

M365_BASIC = Retirement(
    title="Basic authentication with Microsoft 365 is being switched off",
    text=(
        "A user name and password work only where basic authentication for SMTP is still on. "
        "An existing tenant's admin can turn it on again after the end of December 2026, but Microsoft "
        "will remove it for good later. Plan to sign in with OAuth."
    ),
    dates=(
        "end of December 2026: off by default; an admin can turn it on again",
        "tenants created after that: not available by default",
        "second half of 2027: Microsoft announces the date of the final removal",
    ),
    docs=(
        "https://techcommunity.microsoft.com/blog/exchange/"
        "updated-exchange-online-smtp-auth-basic-authentication-deprecation-timeline/4489835"
    ),
)
"""Holds for every cloud (the page says: all cloud environments)."""

HVE_BASIC = Retirement(
    title="Basic authentication with High Volume Email ends in 2028",
    text="A user name and password work until September 2028. After that, sign in with OAuth.",
    dates=("September 2028: basic authentication ends for High Volume Email",),
)

OUTLOOK_BASIC = Retirement(
    title="Outlook.com no longer takes a password over SMTP",
    text=(
        "Microsoft switched basic authentication off for personal accounts (outlook.com, hotmail.com, "
        "live.com). Sign in with OAuth."
    ),
    dates=("2024-09-16: basic authentication off",),
)

GOOGLE_BASIC = Retirement(
    title="Google no longer takes the account's own password over SMTP",
    text=(
        "An app password still works: 16 characters, made in the Google account once 2-Step "
        "Verification is on. Otherwise sign in with OAuth."
    ),
    dates=(
        "2022-05-30: the account's own password off for personal accounts",
        "2025-05-01: the same for Google Workspace",
        "app passwords: still work",
    ),
    docs="https://support.google.com/accounts/answer/185833",
)
