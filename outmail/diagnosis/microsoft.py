"""Known failures of signing in to Microsoft 365 and Exchange, where one code has many causes.

5.7.139, 5.7.3 and 5.7.57 each stand for several; the words, the way of signing in and the
encryption decide, and where they cannot, the causes are named in order of likelihood.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, TENANT_ADMIN, Entry
from transports.base import StepName

_CHECK = "outmail check {profile}"
_USE_OAUTH = "sign in with OAuth (outmail > edit the profile > Authentication > OAuth 2)"
_SUBMISSION = (
    "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/"
    "authenticated-client-smtp-submission"
)
_MAIL_APPS = (
    "Microsoft 365 admin center > Users > Active users > the user > Mail > Manage email apps "
    "> Authenticated SMTP"
)
_OAUTH = (
    "https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/"
    "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
)
_RETIREMENT = (
    "https://techcommunity.microsoft.com/blog/exchange/"
    "updated-exchange-online-smtp-auth-basic-authentication-deprecation-timeline/4489835"
)
_ALLOW_MAILBOX = "Set-CASMailbox -Identity {mailbox} -SmtpClientAuthenticationDisabled $false"
_SHOW_MAILBOX = "Get-CASMailbox -Identity {mailbox} | Format-List SmtpClientAuthenticationDisabled"
_SHOW_TENANT = "Get-TransportConfig | Format-List SmtpClientAuthenticationDisabled"
_SHOW_POLICY = "Get-AuthenticationPolicy | Format-List Name,AllowBasicAuthSmtp"


def _139(case: Case, *words: str) -> bool:
    return case.answered and case.is_code("5.7.139") and (not words or case.says(*words))


def _sign_in_failed(case: Case) -> bool:
    """535 5.7.3; the same code also says that STARTTLS is missing, which the words tell."""
    return case.answered and case.is_code("5.7.3") and case.for_good and not case.says("starttls")


def _anonymous(case: Case) -> bool:
    return case.answered and case.is_code("5.7.57")


MICROSOFT_SIGN_IN = (
    Entry(
        id="m365-smtp-auth-disabled",
        title="Sending by SMTP is switched off for the whole tenant",
        cause=(
            "The tenant's switch for SMTP AUTH is off, as it is by default in newer tenants. It blocks "
            "passwords "
            "and OAuth alike; a mailbox's own setting beats it."
        ),
        remedy=(
            "Allow it for this one mailbox with the first command, and wait some minutes. Or send through "
            "Microsoft Graph, which the switch does not concern."
        ),
        when=lambda c: (
            _139(c, "disabled for the tenant")
            or (c.answered and c.says("smtpclientauthentication is disabled for the tenant"))
        ),
        powershell=(_ALLOW_MAILBOX, _SHOW_TENANT),
        where=_MAIL_APPS,
        docs="https://aka.ms/smtp_auth_disabled",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-smtp-auth-disabled-mailbox",
        title="Sending by SMTP is switched off for this mailbox",
        cause="SMTP AUTH is off for {username}. It blocks passwords and OAuth alike.",
        remedy="Allow it for the mailbox, and wait some minutes; or send through Microsoft Graph.",
        when=lambda c: (
            _139(c, "disabled for the mailbox")
            or (c.answered and c.says("smtpclientauthentication is disabled for the mailbox"))
        ),
        powershell=(_ALLOW_MAILBOX, _SHOW_MAILBOX),
        where=_MAIL_APPS,
        docs="https://aka.ms/smtp_auth_disabled",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-token-security-defaults",
        title="Security defaults have switched sending by SMTP off",
        cause="Security defaults are on in the tenant; SMTP AUTH is off with them, for tokens too.",
        remedy=(
            "Allow SMTP AUTH for this one mailbox, and wait some minutes. If it stays, send through "
            "Microsoft Graph, or have the defaults replaced by Conditional Access."
        ),
        when=lambda c: c.oauth and _139(c, "security defaults"),
        powershell=(_ALLOW_MAILBOX, _SHOW_TENANT),
        where="Microsoft Entra admin center > Entra ID > Overview > Properties > Manage security defaults",
        docs=_SUBMISSION,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-token-blocked",
        title="Microsoft 365 blocks this sign-in though it came with a token (5.7.139)",
        cause=(
            "Most likely first: SMTP AUTH is off for the mailbox or the tenant; a Conditional Access policy "
            "refuses this place; the account is disabled or has no licence. It said: {words}"
        ),
        remedy=(
            "Run the commands in this order, then look at the account's sign-in log. A password instead of "
            "the token cures none of these."
        ),
        when=lambda c: c.oauth and _139(c),
        powershell=(_SHOW_TENANT, _SHOW_MAILBOX, _ALLOW_MAILBOX),
        where=_MAIL_APPS,
        docs="https://aka.ms/smtp_auth_disabled",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-security-defaults",
        title="The tenant's security defaults block this sign-in",
        cause="Security defaults are on in the tenant; they refuse SMTP with a password.",
        remedy=(
            f"Send through Microsoft Graph or {_USE_OAUTH}. Security defaults protect the whole tenant: "
            "replace them by Conditional Access rather than switch them off."
        ),
        when=lambda c: _139(c, "security defaults"),
        where="Microsoft Entra admin center > Entra ID > Overview > Properties > Manage security defaults",
        docs=_SUBMISSION,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-basic-disabled",
        title="The tenant takes no passwords over SMTP",
        cause="Basic authentication is switched off, by an authentication policy or by Microsoft's default.",
        remedy=(
            "Sign in with OAuth: outmail > edit the profile > Authentication > OAuth 2. Where that cannot "
            "be, an admin can allow basic authentication again, until Microsoft removes it."
        ),
        when=lambda c: _139(c, "basic authentication is disabled", "basic auth is disabled"),
        powershell=(_SHOW_POLICY,),
        docs=_RETIREMENT,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-credentials-incorrect",
        title="Microsoft 365 refused the user name or password",
        cause=(
            "Either the password is wrong, or the account needs a second factor, or basic authentication is "
            "off for it: the answer is the same."
        ),
        remedy=(
            "Sign in at outlook.office.com with the same name and password. If that works, passwords are not "
            f"allowed here: {_USE_OAUTH}. If not, correct the password."
        ),
        when=lambda c: _139(c, "credentials were incorrect"),
        commands=(_CHECK,),
        powershell=(_SHOW_POLICY,),
        docs=_SUBMISSION,
    ),
    Entry(
        id="m365-sign-in-criteria",
        title="A policy of the tenant refuses this sign-in",
        cause=(
            "Most likely a Conditional Access policy blocks legacy authentication; or basic authentication "
            "is off for the account."
        ),
        remedy=(
            f"The account's sign-in log names the policy: {_USE_OAUTH}, or have the account excluded from "
            "that policy."
        ),
        when=lambda c: _139(c, "did not meet the criteria"),
        powershell=(_SHOW_POLICY,),
        where="Microsoft Entra admin center > Monitoring > Sign-in logs > the user > Conditional Access",
        docs=_SUBMISSION,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-sign-in-blocked",
        title="Microsoft 365 blocks this sign-in (5.7.139)",
        cause=(
            "Most likely first: SMTP AUTH is off for the tenant or the mailbox; security defaults are on; "
            "a Conditional Access policy blocks it; the password is wrong. It said: {words}"
        ),
        remedy=(
            "Run the commands in this order, then look at the account's sign-in log in the Entra admin "
            "center."
        ),
        when=_139,
        powershell=(_SHOW_TENANT, _SHOW_MAILBOX, _SHOW_POLICY),
        where=_MAIL_APPS,
        docs="https://aka.ms/smtp_auth_disabled",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-basic-retired",
        title="Microsoft no longer takes passwords from this tenant over SMTP",
        cause="Basic authentication for client submission has been retired here (5.7.30).",
        remedy=(
            "Sign in with OAuth (outmail > edit the profile > Authentication > OAuth 2), or send through "
            "Microsoft Graph."
        ),
        when=lambda c: c.answered and c.is_code("5.7.30") and c.says("basic authentication"),
        docs=_RETIREMENT,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="exchange-password-refused",
        title="Exchange refused the user name or password",
        cause="Most likely the password is wrong, or the user name has another form than {username}.",
        remedy=(
            "Enter the password again. Microsoft 365 wants the sign-in address; your own Exchange server may "
            "want "
            r"DOMAIN\user. If both are right, passwords may be switched off: "
            f"{_USE_OAUTH}."
        ),
        when=lambda c: _sign_in_failed(c) and c.context.method == "basic",
        commands=(_CHECK,),
        powershell=(_SHOW_MAILBOX,),
    ),
    Entry(
        id="exchange-sign-in-refused",
        title="Exchange refused the sign-in (5.7.3)",
        cause=(
            "Most likely first: the password or token is wrong; the token belongs to another account or "
            "service; the application has no rights on the mailbox. It said: {words}"
        ),
        remedy="Check the way of signing in, the user name and the secret in the profile, in this order.",
        when=_sign_in_failed,
        commands=(_CHECK,),
        docs=_OAUTH,
    ),
    Entry(
        id="exchange-anonymous-refused",
        title="Exchange takes mail only after a sign-in",
        cause="The profile signs in to nothing, and {host} is a submission server (5.7.57).",
        remedy=(
            "Set method basic or oauth in the profile. For mail without a sign-in use a connector: "
            "host YOUR-DOMAIN.mail.protection.outlook.com, port 25."
        ),
        when=lambda c: _anonymous(c) and c.context.method in {"none", ""},
        commands=(_CHECK,),
        docs=_SUBMISSION,
    ),
    Entry(
        id="exchange-anonymous-without-tls",
        title="Exchange got no sign-in, because the connection is not encrypted",
        cause=(
            "Exchange offers the sign-in only after STARTTLS, and security is none in this profile (5.7.57)."
        ),
        remedy='Set security = "starttls" and port 587.',
        when=lambda c: _anonymous(c) and not c.encrypted,
        commands=(_CHECK,),
        docs=_SUBMISSION,
    ),
    Entry(
        id="exchange-sign-in-not-kept",
        title="Exchange treats the sender as not signed in",
        cause=(
            "Most likely first: SMTP AUTH is off for the mailbox; the connector on port {port} is made for "
            "other "
            "servers and not for clients; a device in between ends the sign-in. It said: {words}"
        ),
        remedy="Use port 587. Then allow SMTP AUTH for the mailbox.",
        when=_anonymous,
        powershell=(_SHOW_MAILBOX, _ALLOW_MAILBOX),
        where=_MAIL_APPS,
        docs=_SUBMISSION,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="exchange-send-as-denied",
        title="The account may not send as this sender (5.7.60)",
        cause="{sender} is not the mailbox that signed in ({username}), and it has no right to send as it.",
        remedy="Use the mailbox's own address as From with the wanted one as Reply-To, or grant Send As.",
        when=lambda c: c.answered and c.is_code("5.7.60"),
        powershell=("Add-RecipientPermission -Identity {sender} -Trustee {mailbox} -AccessRights SendAs",),
        where="Exchange admin center > Recipients > Mailboxes > the mailbox > Delegation > Send as",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-send-as-denied",
        title="The mailbox may not send as this sender",
        cause=(
            "Exchange Online compared {sender} with {username} after it had read the message: SendAsDenied."
        ),
        remedy="Use the mailbox's own address as From with the wanted one as Reply-To, or grant Send As.",
        when=lambda c: c.answered and (c.says("sendasdenied") or c.is_code("5.2.252")),
        powershell=("Add-RecipientPermission -Identity {sender} -Trustee {mailbox} -AccessRights SendAs",),
        where="Exchange admin center > Recipients > Mailboxes > the mailbox > Delegation > Send as",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="exchange-relay-not-allowed",
        title="Exchange does not relay mail from this machine",
        cause=(
            "{host} answered: {words}. No receive connector lets this machine pass mail on without a sign-in."
        ),
        remedy="Sign in on port 587, or have the machine's address added to a relay connector.",
        when=lambda c: (
            c.answered
            and (c.is_code("5.7.54") or (c.is_code("5.7.1") and c.says("client was not authenticated")))
            and not c.at(StepName.AUTHENTICATE)
        ),
        who=SERVER_ADMIN,
    ),
)
