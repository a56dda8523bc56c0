"""Known refusals of a token by a mail server: Exchange and any other; what the token says decides.

It is read without trust, so it chooses the help and nothing else. An application's token without
roles is no failure: where Exchange's own RBAC gives the right, it has none.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, TENANT_ADMIN, Entry
from outmail.diagnosis.smtp_auth import DISABLED, LOCKED, PASSWORD_OVER
from transports.base import Cause, StepName

_CHECK = "outmail check {profile}"
_SIGN_IN = "outmail signin {profile}"
_OAUTH = (
    "https://learn.microsoft.com/en-us/exchange/client-developer/legacy-protocols/"
    "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth"
)
_MAIL_APPS = (
    "Microsoft 365 admin center > Users > Active users > the user > Mail > Manage email apps "
    "> Authenticated SMTP"
)
_APP = "{portal} > Entra ID > App registrations > {client_id} > API permissions"
_REGISTER = (
    "Connect-MgGraph -Scopes Application.Read.All",
    "$sp = Get-MgServicePrincipal -Filter {app_filter}",
    "Get-ServicePrincipal | Format-List DisplayName,AppId,ObjectId",
    "New-ServicePrincipal -AppId {client_id} -ObjectId $sp.Id",
)
_FULL_ACCESS = "Add-MailboxPermission -Identity {mailbox} -User $sp.Id -AccessRights FullAccess"
_SHOW_RIGHTS = "Get-MailboxPermission -Identity {mailbox} | Format-Table User,AccessRights"
_TEST_RBAC = "Test-ServicePrincipalAuthorization -Identity {client_id} -Resource {mailbox}"


def _exchange(case: Case) -> bool:
    """535 5.7.3 for a token; the same code also says that STARTTLS is missing, which the words tell."""
    refused = case.answered and case.oauth and case.is_code("5.7.3") and case.for_good
    return refused and not case.says("starttls")


def _another(case: Case) -> bool:
    """The token is a person's, and the person is not the mailbox."""
    who = case.token_account
    return bool(who) and bool(case.context.username) and who != case.context.username.strip().lower()


def _confirmed(case: Case) -> bool:
    return case.token_account == case.context.account.strip().lower()


def _other_scope(case: Case) -> bool:
    """Does the server's JSON behind 334 ask for a scope that was neither asked for nor granted?"""
    facts = case.failure.facts
    wanted = {s.rstrip("/") for s in facts.get("oauth_scope", "").lower().split()}
    if wanted == {"mail"} and facts.get("oauth_status") == "401":
        return False  # Dovecot says that of every token it refuses, where it is told no scope of its own
    asked = {s.rstrip("/") for s in " ".join(case.context.scopes).lower().split()}
    return bool(wanted) and not wanted & (asked | case.rights)


def _refused(case: Case) -> bool:
    """The token itself was refused, by a server that is neither Exchange nor Google."""
    if not (case.oauth and case.answered and case.for_good):
        return False
    if case.says(*LOCKED, *DISABLED, *PASSWORD_OVER):
        return False  # it is the account that the server does not want
    return case.at(StepName.AUTHENTICATE) and (case.code == 535 or case.is_code("5.7.8"))


EXCHANGE_TOKENS = (
    Entry(
        id="exchange-token-wrong-service",
        title="The token is for another service than Exchange",
        cause="The token's audience is {audience}: the profile asked for {scopes}.",
        remedy=(
            "For SMTP the scope is https://outlook.office365.com/SMTP.Send (app-only: .default in place of "
            "SMTP.Send), never one of Graph beside it. Correct auth.oauth.scopes, then sign in again."
        ),
        when=lambda c: _exchange(c) and c.for_other_service,
        commands=(_SIGN_IN,),
        docs=_OAUTH,
    ),
    Entry(
        id="exchange-app-without-mailbox",
        title="Exchange does not let the application into the mailbox",
        cause=(
            "{app} has the role SMTP.SendAsApp. Most likely first: it has no rights on {signer}; it was "
            "registered in Exchange with the wrong object ID; it was not registered there at all."
        ),
        remedy=(
            "Register it with the object ID of the Enterprise application (not of the app registration) and "
            "give it FullAccess; wait some minutes. If a wrong ID is listed, Remove-ServicePrincipal first."
        ),
        when=lambda c: _exchange(c) and c.app_only and "smtp.sendasapp" in c.roles,
        commands=(_CHECK,),
        powershell=(*_REGISTER, _FULL_ACCESS, _SHOW_RIGHTS),
        where="{portal} > Entra ID > Enterprise apps > {client_id} > Overview > Object ID",
        docs=_OAUTH,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="exchange-app-not-allowed",
        title="Exchange does not let the application send for the mailbox",
        cause=(
            "Most likely first: {app} is not registered in Exchange, or with the wrong object ID; neither "
            "SMTP.SendAsApp was consented to nor the role 'Application SMTP.SendAsApp' assigned; it has no "
            "rights on {signer}."
        ),
        remedy=(
            "Register it with the object ID of the Enterprise application. Then either have SMTP.SendAsApp "
            "consented to and give it FullAccess, or assign Exchange's role, which the last command proves."
        ),
        when=lambda c: _exchange(c) and c.app_only,
        commands=(_CHECK,),
        powershell=(*_REGISTER, _FULL_ACCESS, _TEST_RBAC),
        where=f"{_APP} > Add a permission > {{api}} > SMTP.SendAsApp",
        docs=_OAUTH,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="exchange-token-without-right",
        title="The token has no right to send by SMTP",
        cause="It allows {rights}, and SMTP.Send is not among them.",
        remedy=(
            "Add SMTP.Send to the API permissions of {app} and https://outlook.office365.com/SMTP.Send to "
            "auth.oauth.scopes, then sign in again."
        ),
        when=lambda c: _exchange(c) and bool(c.rights) and "smtp.send" not in c.rights,
        commands=(_SIGN_IN,),
        where=f"{_APP} > Add a permission > Microsoft Graph > Delegated permissions > SMTP.Send",
        docs=_OAUTH,
    ),
    Entry(
        id="exchange-token-shared-mailbox",
        title="The signed-in account may not use the shared mailbox",
        cause="{token_account} signed in for {mailbox}, and Exchange refused it. It needs rights there.",
        remedy=(
            "Give {token_account} FullAccess and Send As on {mailbox}, and see that SMTP AUTH is on for "
            "both. Rights take up to an hour to work."
        ),
        when=lambda c: _exchange(c) and _another(c) and _confirmed(c),
        commands=(_CHECK,),
        powershell=(
            _SHOW_RIGHTS,
            "Add-MailboxPermission -Identity {mailbox} -User {account} -AccessRights FullAccess",
            "Add-RecipientPermission -Identity {mailbox} -Trustee {account} -AccessRights SendAs",
            "Get-CASMailbox -Identity {mailbox} | Format-List SmtpClientAuthenticationDisabled",
        ),
        where="Exchange admin center > Recipients > Mailboxes > {mailbox} > Delegation",
        docs=_OAUTH,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="exchange-token-other-account",
        title="Another account is signed in than the mailbox",
        cause="The token belongs to {token_account}, and the profile sends as {mailbox}.",
        remedy=(
            "Sign in again as {mailbox}, best in a private browser window. If it is a shared mailbox, "
            "confirm it with the second command, and give the account FullAccess and Send As on it."
        ),
        when=lambda c: _exchange(c) and _another(c),
        commands=(_SIGN_IN, "outmail signin {profile} --account {token_account}"),
        docs=_OAUTH,
    ),
    Entry(
        id="exchange-token-refused",
        title="Exchange refused the OAuth token",
        cause=(
            "Most likely first: SMTP AUTH is off for {mailbox}, or it has no licence; the account that "
            "signed in is not {mailbox}; the token is for another service than Outlook."
        ),
        remedy=(
            "Look at the mailbox with the first command and the token with the second. Then sign in again "
            "as {mailbox}."
        ),
        when=_exchange,
        commands=("outmail check {profile} --verbose", _SIGN_IN),
        powershell=("Get-CASMailbox -Identity {mailbox} | Format-List SmtpClientAuthenticationDisabled",),
        where=_MAIL_APPS,
        docs=_OAUTH,
    ),
)

TOKENS = (
    Entry(
        id="token-needs-tls",
        title="The token would travel unencrypted, so it was not sent",
        cause="The connection to {server} has no TLS; a token is sent over TLS only.",
        remedy='Set security = "starttls" with port 587 or "tls" with port 465.',
        when=lambda c: c.cause is Cause.AUTH_NEEDS_TLS and c.oauth,
        commands=(_CHECK,),
    ),
    Entry(
        id="token-not-understood",
        title="The server takes no OAuth tokens",
        cause="It offers {mechanisms}, and neither XOAUTH2 nor OAUTHBEARER.",
        remedy=(
            "Choose Basic under outmail > edit the profile > Authentication, with the password the server "
            "knows; or have its admin switch XOAUTH2 on."
        ),
        when=lambda c: c.cause is Cause.AUTH_NO_COMMON_MECHANISM and c.oauth,
        commands=("{openssl}",),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="token-other-account",
        title="The token belongs to another account than the mailbox",
        cause="It is {token_account}'s, and the profile sends as {mailbox}. The server said: {words}",
        remedy=(
            "Sign in again as {mailbox}, best in a private browser window. If {token_account} is to send for "
            "it, the server's admin has to allow that."
        ),
        when=lambda c: _refused(c) and _another(c),
        commands=(_SIGN_IN,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="token-refused-scope",
        title="The server wants a token with another scope",
        cause="It asks for the scope {oauth_scope}; the profile asked for {scopes}.",
        remedy="Add {oauth_scope} to auth.oauth.scopes, then sign in again.",
        when=lambda c: _refused(c) and _other_scope(c),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="token-refused",
        title="The server refused the OAuth token",
        cause=(
            "Most likely first: the token is another account's than {username}; the server trusts another "
            "sign-in service or audience; it was revoked. It said: {words} (status {oauth_status})"
        ),
        remedy=(
            "Sign in again as {username}. If it stays, the server's log says why: it never tells the client."
        ),
        when=_refused,
        commands=(_SIGN_IN, "outmail check {profile} --verbose"),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="token-not-taken",
        title="The server does not take the token in this way",
        cause="{host} answered: {words}. It is not set up for tokens, or wants shorter ones.",
        remedy="Show the dialogue to the server's admin; the mechanisms are XOAUTH2 and OAUTHBEARER.",
        when=lambda c: (
            c.oauth and c.answered and c.at(StepName.AUTHENTICATE) and c.code in {500, 501, 502, 503, 504}
        ),
        commands=("outmail check {profile} --verbose",),
        who=SERVER_ADMIN,
    ),
)
