"""Known failures of Gmail and Google Workspace."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import TENANT_ADMIN, Entry
from transports.base import StepName

_CHECK = "outmail check {profile}"
_SIGN_IN = "outmail signin {profile}"
_MAIL = "https://mail.google.com/"
_APP_PASSWORDS = "https://support.google.com/accounts/answer/185833"
_ERRORS = "https://support.google.com/a/answer/3726730"
_RELAY = "https://support.google.com/a/answer/2956491"
_RELAY_PAGE = "admin.google.com > Apps > Google Workspace > Gmail > Routing > SMTP relay service"
_APP_PAGE = "myaccount.google.com/apppasswords"


def _bad(case: Case) -> bool:
    return case.google and case.answered and case.code == 535


def _token(case: Case) -> bool:
    """Google refuses a token; it says why in the JSON behind 334, and 535 alone tells nothing."""
    return _bad(case) and case.oauth


GOOGLE = (
    Entry(
        id="google-app-password-required",
        title="Google wants an app password instead of the account's own",
        cause="The account has 2-Step Verification, or Google takes no ordinary passwords from programs.",
        remedy=(
            "Make an app password and enter it in the profile; or choose outmail > edit the profile > "
            "Authentication > OAuth 2."
        ),
        when=lambda c: (
            c.google
            and c.answered
            and (c.says("application-specific password") or (c.code == 534 and c.is_code("5.7.9")))
        ),
        commands=(_CHECK,),
        where=_APP_PAGE,
        docs=_APP_PASSWORDS,
    ),
    Entry(
        id="google-browser-sign-in",
        title="Google wants to see the account's owner in a browser",
        cause="The sign-in looks unusual to Google, from a new place for instance (5.7.14).",
        remedy=(
            "Sign in to the account in a browser and confirm that it was you; then use an app password or "
            "OAuth."
        ),
        when=lambda c: (
            c.google
            and c.answered
            and (c.is_code("5.7.14") or c.says("log in via your web browser", "webloginrequired"))
        ),
        commands=(_CHECK,),
        where=_APP_PAGE,
        docs=_APP_PASSWORDS,
    ),
    Entry(
        id="google-sign-in-blocked",
        title="Google blocks this way of signing in",
        cause="{host} answered: {words}",
        remedy="Use an app password or OAuth. In a Workspace an admin can have forbidden both.",
        when=lambda c: c.google and c.answered and c.code == 534,
        commands=(_CHECK,),
        where=_APP_PAGE,
        docs=_APP_PASSWORDS,
    ),
    Entry(
        id="google-token-wrong-scope",
        title="The token has no right to mail at Google",
        cause="The profile asks for {scopes}; SMTP wants https://mail.google.com/ and nothing less.",
        remedy='Set auth.oauth.scopes = ["https://mail.google.com/"] or remove it, then sign in again.',
        when=lambda c: _token(c) and bool(c.context.scopes) and _MAIL not in c.context.scopes,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="google-token-service-account",
        title="Google refused the service account's token",
        cause=(
            "The token is for another mailbox than {username}, or domain-wide delegation lacks the scope "
            "https://mail.google.com/ (status {oauth_status})."
        ),
        remedy="Set auth.username to the mailbox's own address, and check the delegation's scope.",
        when=lambda c: _token(c) and c.by("service-account"),
        commands=(_CHECK,),
        where=(
            "admin.google.com > Security > Access and data control > API controls > Manage domain-wide "
            "delegation"
        ),
        who=TENANT_ADMIN,
    ),
    Entry(
        id="google-token-refused",
        title="Google refused the OAuth token",
        cause=(
            "Most likely first: it belongs to another account than {username}; the permission for mail was "
            "left unticked; it was revoked; IMAP and SMTP are off in the Workspace (status {oauth_status})."
        ),
        remedy="Sign in again as {username} and leave the permission for mail ticked.",
        when=_token,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="google-password-refused",
        title="Google refused the user name or password",
        cause=(
            "Google takes app passwords only, 16 letters; the account's own password has not worked since "
            "2025."
        ),
        remedy=(
            "Make an app password (it needs 2-Step Verification) and enter it in the profile without spaces. "
            "The user name is the full address."
        ),
        when=_bad,
        commands=(_CHECK,),
        where=_APP_PAGE,
        docs=_APP_PASSWORDS,
    ),
    Entry(
        id="google-too-many-sign-ins",
        title="Google takes no more sign-ins for now",
        cause="There were too many sign-ins in a short time, or Google cannot check them now (454 4.7.0).",
        remedy=(
            "Wait at least 15 minutes. Look for other programs that sign in to {username} again and again."
        ),
        when=lambda c: c.google and c.answered and c.code == 454,
    ),
    Entry(
        id="google-sign-in-required",
        title="Google takes mail here only after a sign-in",
        cause="{host} is for accounts that sign in (530 5.7.0).",
        remedy="Set method basic with an app password, or oauth; to send without, use smtp-relay.gmail.com.",
        when=lambda c: (
            c.google
            and c.answered
            and c.code == 530
            and not c.says("starttls")
            and not c.at(StepName.AUTHENTICATE)
        ),
        commands=(_CHECK,),
        docs=_RELAY,
    ),
    Entry(
        id="google-daily-limit",
        title="The Google account has reached its daily limit",
        cause="An account sends 500 mails a day, with Workspace about 2,000 (550 5.4.5).",
        remedy="Wait 24 hours. For more, use the Workspace SMTP relay or a service for bulk mail.",
        when=lambda c: c.answered and c.is_code("5.4.5") and (c.google or c.says("daily")),
        docs="https://support.google.com/a/answer/166852",
    ),
    Entry(
        id="google-relay-limit",
        title="The Workspace relay's limit is reached",
        cause="{host} answered: {words}",
        remedy="Send less at a time; Google limits the peak and the day for each customer.",
        when=lambda c: c.google and c.answered and c.says("relay limit exceeded"),
        docs=_RELAY,
    ),
    Entry(
        id="google-relay-not-allowed",
        title="The Workspace relay does not recognise this machine",
        cause="Its address is not allowed, the EHLO name is not your domain, or the sender is not in it.",
        remedy=(
            "Allow this machine's public address in the SMTP relay service, and set smtp.ehlo_name "
            "to a name in your domain."
        ),
        when=lambda c: (
            c.google
            and c.answered
            and (
                c.says("invalid credentials for relay", "mail relay denied")
                or (c.context.provider == "workspace-relay" and c.code in {421, 550})
                or (c.context.host.lower().startswith("smtp-relay.") and c.code in {421, 550})
            )
        ),
        where=_RELAY_PAGE,
        docs=_RELAY,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="google-admin-policy",
        title="A rule of the Workspace's admin refused the message",
        cause="The answer ends in gcdp, which marks rules of your own organisation: {words}",
        remedy="Ask the Workspace's admin which content or routing rule it was.",
        when=lambda c: c.answered and c.for_good and c.says("gcdp"),
        docs=_ERRORS,
        who=TENANT_ADMIN,
    ),
)
