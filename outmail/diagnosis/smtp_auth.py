"""Known failures of signing in to an SMTP server, whoever runs it (RFC 4954)."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, Entry
from transports.base import Cause, StepName

_CHECK = "outmail check {profile}"
LOCKED = (
    "account is locked",
    "account locked",
    "account has been locked",
    "locked out",
    "temporarily locked",
)
DISABLED = (
    "account disabled",
    "account is disabled",
    "account has been disabled",
    "account suspended",
    "account is suspended",
    "user disabled",
    "mailbox disabled",
)
PASSWORD_OVER = ("password expired", "password has expired", "expired password", "change your password")


def _refused(case: Case) -> bool:
    """The credentials themselves were refused."""
    return case.answered and case.for_good and (case.code == 535 or case.is_code("5.7.8"))


def _wants_sign_in(case: Case) -> bool:
    """530 5.7.0 and its kin where mail was offered without a sign-in."""
    if not case.answered or not case.for_good or case.at(StepName.AUTHENTICATE):
        return False
    asks = case.says("authentication required", "authentication is required", "must authenticate")
    asks = asks or case.says("not authenticated", "not logged in", "log in first", "authenticate first")
    return case.code == 530 or asks


SMTP_AUTH = (
    Entry(
        id="auth-not-offered-plain",
        title="The server offers no sign-in on an unencrypted connection",
        cause="{server} offers AUTH only once the connection is encrypted, or not at all.",
        remedy='Set security = "starttls" with port 587 or "tls" with port 465.',
        when=lambda c: c.cause is Cause.AUTH_NOT_OFFERED and not c.encrypted,
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-not-offered",
        title="The server offers no sign-in",
        cause="{server} does not offer AUTH: on port 25 most servers take mail from known addresses only.",
        remedy=(
            "Use the provider's submission port (587 or 465). If the server knows this machine by its "
            'address, set the method of authentication to "none".'
        ),
        when=lambda c: c.cause is Cause.AUTH_NOT_OFFERED,
        commands=("{openssl}", _CHECK),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="auth-no-common-mechanism",
        title="The server offers only ways of signing in that we were not told to use",
        cause=(
            "It offers {mechanisms}. We know PLAIN, LOGIN and CRAM-MD5, and the profile may allow only one."
        ),
        remedy=(
            'Set auth.mechanism = "auto". If the server offers only XOAUTH2 or OAUTHBEARER, it takes no '
            "passwords: choose outmail > edit the profile > Authentication > OAuth 2."
        ),
        when=lambda c: c.cause is Cause.AUTH_NO_COMMON_MECHANISM,
        commands=("{openssl}",),
    ),
    Entry(
        id="auth-needs-tls",
        title="The password would travel unencrypted, so it was not sent",
        cause=(
            "The connection to {server} has no TLS, and the server offers only ways that reveal the password."
        ),
        remedy=(
            'Set security = "starttls" or "tls". Only where the network is yours alone: '
            "auth.insecure_allow_password_without_tls = true."
        ),
        when=lambda c: c.cause is Cause.AUTH_NEEDS_TLS,
        commands=("outmail profile export {profile}",),
    ),
    Entry(
        id="account-locked",
        title="The account is locked or disabled",
        cause="{host} refused {username}: {words}",
        remedy=(
            "Wait, or have the account unlocked; do not try again and again, which locks it longer. "
            "Then correct the password in the profile if it was the reason."
        ),
        when=lambda c: c.answered and c.signing_in and c.says(*LOCKED, *DISABLED),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="password-expired",
        title="The password has expired",
        cause="{host} says of {username}: {words}",
        remedy="Set a new password where the account is kept, then enter it in the profile.",
        when=lambda c: (
            c.answered and c.signing_in and (c.says(*PASSWORD_OVER) or c.is_code("5.7.12", "4.7.12"))
        ),
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-temporary",
        title="The server cannot check the sign-in at the moment",
        cause="{host} answered: {words}. Its user database is away, or there were too many sign-ins.",
        remedy="Wait a quarter of an hour, then check again. The settings need no change.",
        when=lambda c: c.answered and c.signing_in and c.for_now and c.code != 421,
        commands=(_CHECK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="auth-refused-app-password",
        title="The provider refused the user name or password",
        cause="{host} did not accept {username}. This provider takes an app password, not the account's own.",
        remedy=(
            "Make an app password on the account's security page and enter it in the profile. "
            "The user name is the full mail address."
        ),
        when=lambda c: _refused(c) and c.signing_in and c.wants_app_password,
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-refused-api-key",
        title="The mail service refused the key",
        cause=(
            "{host} did not accept {username}. Services such as this have SMTP credentials of their own; "
            "the web sign-in does not work, and keys can be bound to a region or be revoked."
        ),
        remedy=(
            "Copy user name and key from the service's SMTP page. SendGrid's user name is literally apikey, "
            "Resend's is resend, Postmark's is the server token twice, SES has its own pair for each region."
        ),
        when=lambda c: _refused(c) and c.signing_in and c.wants_api_key,
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-too-weak",
        title="The server wants a stronger way of signing in",
        cause="{host} answered: {words}",
        remedy='Set auth.mechanism = "auto", or ask the server\'s admin for an app password or OAuth.',
        when=lambda c: c.answered and (c.code == 534 or (c.code != 550 and c.is_code("5.7.9"))),
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-refused",
        title="The server refused the user name or password",
        cause="{host} did not accept {username}: {words}",
        remedy=(
            "Enter the password again. Check whether the user name must be the full mail address or the "
            "name alone, and whether an app password is needed because of two-step sign-in."
        ),
        when=lambda c: _refused(c) and c.signing_in,
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-mechanism-refused",
        title="The server refused this way of signing in",
        cause="{host} answered: {words}. It does not know the mechanism, or allows no sign-in now.",
        remedy=(
            'Set auth.mechanism = "auto" or try another one. If the server knows this machine by '
            'its address, set the method of authentication to "none".'
        ),
        when=lambda c: c.answered and c.at(StepName.AUTHENTICATE) and c.code in {500, 501, 502, 503, 504},
        commands=(_CHECK,),
    ),
    Entry(
        id="auth-required",
        title="The server takes mail only after a sign-in",
        cause="{host} answered: {words}",
        remedy="Enter a user name and password in the profile, or use the port for relays if there is one.",
        when=_wants_sign_in,
        commands=(_CHECK,),
    ),
    Entry(
        id="sign-in-not-allowed",
        title="The server does not let this account sign in",
        cause="{host} answered: {words}",
        remedy="Ask the server's admin whether {username} may send by SMTP, and from this machine's address.",
        when=lambda c: c.answered and c.at(StepName.AUTHENTICATE) and c.for_good,
        who=SERVER_ADMIN,
    ),
)
