"""Known refusals of Microsoft Entra about tenant and cloud, its own trouble, and every other number."""

from __future__ import annotations

from outmail.diagnosis.entry import PROVIDER, Entry

_SIGN_IN = "outmail signin {profile}"
_LOOK_UP = "https://login.microsoftonline.com/error?code={aadsts}"
_AUTHENTICATION = "{portal} > Entra ID > App registrations > {client_id} > Authentication"
_TENANT_ID = "{portal} > Entra ID > Overview > Tenant ID"
_OVER = ("70016", "70019", "70020")  # of a code that ended: explained with those of other providers

ENTRA_TENANT = (
    Entry(
        id="entra-wrong-cloud",
        title="The tenant lives in another of Microsoft's clouds",
        cause="{host} knows that {tenant} belongs to another national cloud: {words}",
        remedy=(
            "Set auth.oauth.cloud to the tenant's own: global, us-gov, us-dod or china; the application must "
            "be registered in the portal of that cloud."
        ),
        when=lambda c: c.is_aadsts("90038", "900382", "900432"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-tenant-unknown",
        title="Entra does not know the tenant",
        cause="{host} has no tenant as the profile names it ({tenant}), or cannot tell which one is meant.",
        remedy=(
            "Enter the tenant ID or the organisation's domain as auth.oauth.tenant. If it is right, the "
            "cloud is wrong: set auth.oauth.cloud to us-gov, us-dod or china."
        ),
        when=lambda c: c.is_aadsts("50059", "50128", "90002"),
        commands=(_SIGN_IN,),
        where=_TENANT_ID,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-tenant-needed",
        title="Entra wants the tenant by its ID",
        cause="{app} is of one tenant, or this way of signing in does not work for {tenant}: {words}",
        remedy="Enter the tenant ID (or the organisation's domain) as auth.oauth.tenant, then sign in again.",
        when=lambda c: c.is_aadsts("50194", "90130", "9001023", "90124"),
        commands=(_SIGN_IN,),
        where=_TENANT_ID,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-work-accounts-only",
        title="The application is for work accounts, and a personal one was to sign in",
        cause="{app} is registered for organisations, and the profile signs in at {tenant}.",
        remedy=(
            'Set auth.oauth.tenant to the tenant ID or "organizations". For a personal mailbox register '
            "the application for personal Microsoft accounts too."
        ),
        when=lambda c: c.is_aadsts("9002332"),
        commands=(_SIGN_IN,),
        where=f"{_AUTHENTICATION} > Supported account types",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-asked-too-often",
        title="Entra was asked too often",
        cause="It stops answering for a while: {words}",
        remedy="Wait some minutes and look for other programs that use {app}. The settings need no change.",
        when=lambda c: c.is_aadsts("50196", "90055"),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-trouble",
        title="Entra has trouble of its own at the moment",
        cause="{host} answered: {words}",
        remedy="Wait some minutes and try again. The settings need no change.",
        when=lambda c: c.is_aadsts("90033", "90006", "90012", "90024", "50033", "50087", "90090"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
        who=PROVIDER,
    ),
    Entry(
        id="entra-other-number",
        title="Entra refused for a reason that we do not know",
        cause="{host} answered with AADSTS{aadsts}: {words}",
        remedy="Open Microsoft's page about this number, and look for the sign-in in the tenant's log.",
        when=lambda c: bool(c.aadsts) and c.refused_by_authority and c.aadsts not in _OVER,
        commands=(_SIGN_IN,),
        where="{portal} > Entra ID > Monitoring & health > Sign-in logs",
        docs=_LOOK_UP,
    ),
)
