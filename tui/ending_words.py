"""What is ending about a saved profile, in words for the home screen: the EWS of Exchange Online."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outmail.engine.retirement import EWS_ONLINE, EWS_ONLINE_ENDS

if TYPE_CHECKING:
    from datetime import datetime

    from store.profiles import Profile


def offers_graph(profile: Profile | None) -> bool:
    """Whether mail leaves through Exchange Online's EWS, which Microsoft Graph can take the place of."""
    return profile is not None and bool(_cloud(profile))


def warnings(name: str, profile: Profile, now: datetime) -> list[str]:
    """What somebody should do something about."""
    return [f"{name}: {_when(profile, now)}: g takes Graph instead"] if offers_graph(profile) else []


def rows(profile: Profile, now: datetime) -> list[tuple[str, str]]:
    """When it ends, and what takes its place."""
    if not offers_graph(profile):
        return []
    return [("Ends", f"{_when(profile, now)}; {EWS_ONLINE.dates[0]}"), ("Do this", "g: Graph instead")]


def _cloud(profile: Profile) -> str:
    return profile.ews.online if profile.protocol == "ews" and profile.ews else ""


def _when(profile: Profile, now: datetime) -> str:
    what = "EWS in Exchange Online"
    days = (EWS_ONLINE_ENDS - now.date()).days
    if _cloud(profile) != "global":
        return f"{what} is ending, worldwide on {EWS_ONLINE_ENDS}"
    if days < 0:
        return f"{what} ended on {EWS_ONLINE_ENDS}"
    left = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
    return f"{what} ends {left}, on {EWS_ONLINE_ENDS}"
