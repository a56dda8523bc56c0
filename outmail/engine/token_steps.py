"""The two rungs of the ladder that OAuth adds: the token (whose, for what, until when) and the account.

What a token says of itself is shown and never trusted; the token itself is never shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from outmail.engine import graph
from store.profiles import Profile
from store.tokens import APP_ONLY
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.trace import OpenStep

if TYPE_CHECKING:
    from outmail.engine.token_rules import Ending
    from store.tokens import Token

_ORIGINS = {"cached": "kept from before", "refreshed": "refreshed now", "fetched": "fetched now"}
_SHOWN = {"aud": "audience", "scp": "scopes", "roles": "roles", "tid": "tenant", "appid": "client"}


def describe_token(step: OpenStep, token: Token, origin: str, now: datetime | None = None) -> None:
    """Where the token came from, for whom it is meant, what it allows, and when it ends."""
    left = token.expires_at - (now or datetime.now(UTC))
    step.facts["origin"] = origin
    step.facts["expires"] = token.expires_at.astimezone(UTC).isoformat(timespec="seconds")
    if token.account:
        step.facts["account"] = token.account
    for claim, fact in _SHOWN.items():
        if token.claims.get(claim):
            step.facts[fact] = token.claims[claim]
    step.facts.setdefault("scopes", " ".join(token.scopes))
    minutes = max(int(left.total_seconds() // 60), 0)
    rights = step.facts.get("roles") or step.facts["scopes"]
    audience = step.facts.get("audience", "")
    step.detail = f"{_ORIGINS.get(origin, origin)}, good for {minutes} min" + (
        f"; {rights}" + (f" at {audience}" if audience and audience not in rights else "") if rights else ""
    )


def refuse_another_audience(profile: Profile, token: Token) -> None:
    """Raise TransportError where a token for Graph says that it is for another service, or another cloud's.

    One that says nothing (a personal account's is no JWT) is left to Graph itself.
    """
    said = token.claims.get("aud", "").rstrip("/")
    if profile.protocol != "graph" or not said:
        return
    wanted = graph.audiences(profile)
    if said not in wanted:
        raise TransportError(
            Failure(
                StepName.TOKEN,
                Scope.SIGN_IN,
                Verdict.FIX_SETTINGS,
                Cause.TOKEN_AUDIENCE,
                words=f"the token is for {said}, and not for Microsoft Graph",
                facts=MappingProxyType({"wanted": graph.endpoint(profile), "got": said}),
            )
        )


def credential_ends(endings: tuple[Ending, ...]) -> Failure | None:
    """A warning of the secret or certificate that ends next, where that is soon; not of what may live on."""
    sure = next((e for e in endings if e.soon and not e.condition), None)
    if sure is None:
        return None
    until = f"{sure.when:%Y-%m-%d}"
    return Failure(
        StepName.TOKEN,
        Scope.SIGN_IN,
        Verdict.FIX_SETTINGS,
        Cause.CREDENTIAL_ENDS_SOON,
        words=f"the {sure.what} ends on {until}",
        facts=MappingProxyType({"what": sure.what, "until": until, "days": str(max(sure.days, 0))}),
    )


def describe_account(step: OpenStep, profile: Profile, token: Token) -> None:
    """Who signed in, and for which mailbox; a warning where that is another account, unconfirmed."""
    oauth, mailbox = profile.auth.oauth, profile.auth.username or ""
    if oauth is None:
        return
    step.facts["mailbox"] = mailbox
    if oauth.grant in APP_ONLY:
        step.detail = (
            f"application {token.claims.get('appid') or oauth.client_id or ''} for {mailbox}".replace(
                "  ", " "
            )
        )
        return
    step.facts["account"] = token.account
    if not token.account:
        step.detail = f"the server took it for {mailbox}; the authority does not name the account"
    elif token.account.lower() == mailbox.lower():
        step.detail = token.account
    elif token.account.lower() == (oauth.account or "").lower():
        step.detail = f"{token.account} for {mailbox}"
    else:
        step.detail = f"{token.account}, and not {mailbox}"
        step.warning = Failure(
            StepName.ACCOUNT,
            Scope.SIGN_IN,
            Verdict.FIX_SETTINGS,
            Cause.ACCOUNT_DIFFERS,
            words=f"{token.account} signed in; the profile is for {mailbox}",
            facts=MappingProxyType({"wanted": mailbox, "got": token.account}),
        )
