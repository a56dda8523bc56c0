"""Known refusals of an Exchange server that knows who signed in: EWS switched off, rights, mailbox, sender.

Exchange Online says 403 where EWS is switched off or the application is not on its list, and ends EWS for
everybody on 2027-04-01; so Microsoft Graph is always named there. A server of one's own keeps EWS.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, TENANT_ADMIN, Entry
from outmail.diagnosis.ews_case import (
    ADD_RIGHT,
    CHECK,
    CODES,
    CONTROL,
    CURL,
    END,
    EXPORT,
    LOOK,
    SIGN_IN,
    about_sign_in,
    another_mailbox,
    coded,
    online,
    policy,
    status,
)

_RBAC = "https://learn.microsoft.com/exchange/permissions-exo/application-rbac"
_IMPERSONATION = "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/how-to-configure-impersonation"
_DELEGATES = "https://learn.microsoft.com/exchange/recipients/mailbox-permissions"
_LICENCES = "Microsoft 365 admin center > Users > Active users > {mailbox} > Licenses and apps"
_DELEGATION = "Exchange admin center > Recipients > Mailboxes > {mailbox} > Delegation"
_SHOW_SWITCHES = (
    "Get-OrganizationConfig | Format-List EwsEnabled,EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
)
_SHOW_APPS = (
    "Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy | Format-List EwsEnabled,EwsAllowedAppIDs"
)
_SHOW_MAILBOX_SWITCH = (
    "Get-CASMailbox -Identity {mailbox} | "
    "Format-List EwsEnabled,EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
)
_ADD_APP = (
    "$ids = (Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy).EwsAllowedAppIDs -join ','",
    "Set-OrganizationConfig -EwsAllowedAppIDs (($ids, {client_id} | Where-Object {{ $_ }}) -join ',')",
)
"""The list is one text, and setting it replaces it whole: what stands there already is kept."""

_SWITCH_ON = (
    "Set-OrganizationConfig -EwsEnabled $true",
    "Set-CASMailbox -Identity {mailbox} -EwsEnabled $true",
)
_ALLOW_APP = (
    "Test-ServicePrincipalAuthorization -Identity {client_id} -Resource {mailbox}",
    "Connect-MgGraph -Scopes Application.Read.All",
    "$sp = Get-MgServicePrincipal -Filter {app_filter}",
    "New-ServicePrincipal -AppId {client_id} -ObjectId $sp.Id",
    "New-ManagementScope -Name 'outmail' -RecipientRestrictionFilter {mailbox_filter}",
    (
        "New-ManagementRoleAssignment -App {client_id} -Role 'Application EWS.AccessAsApp' "
        "-CustomResourceScope 'outmail'"
    ),
)
"""Exchange's RBAC for applications: this mailbox and no other. It needs no permission in Entra."""

_SHOW_RECIPIENT = "Get-Recipient -Identity {mailbox} | Format-List RecipientTypeDetails,PrimarySmtpAddress"
_SHOW_RIGHTS = "Get-MailboxPermission -Identity {mailbox} | Format-Table User,AccessRights"
_NOT_FOUND = (
    *("ErrorNonExistentMailbox", "ErrorMissingEmailAddress", "ErrorInvalidUserPrincipalName"),
    *("ErrorInvalidSmtpAddress", "ErrorMailboxConfiguration"),
)
_IMPERSONATING = ("ErrorImpersonateUserDenied", "ErrorImpersonationDenied", "ErrorImpersonationFailed")


def _forbidden(case: Case) -> bool:
    return status(case, 403)


def _not_found(case: Case) -> bool:
    return about_sign_in(case) and coded(case, *_NOT_FOUND)


def _not_for_app(case: Case) -> bool:
    return case.app_only and coded(case, "ErrorAccessDenied", *_IMPERSONATING)


EWS_ACCESS = (
    Entry(
        id="ews-disabled-online",
        title="Exchange Web Services are switched off for the tenant or the mailbox",
        cause=(
            "Exchange Online says so: {policy_reason}. Microsoft has switched EWS off tenant by tenant since "
            "2026-10-01; on 2027-04-01 it ends for everybody."
        ),
        remedy=(
            "Send through Microsoft Graph, which the switch does not concern. Until 2027-04-01 the commands "
            "allow {app} and switch EWS on again; a switch may take over 24 hours to bite."
        ),
        when=lambda c: _forbidden(c) and online(c) and policy(c, "is disabled"),
        commands=(EXPORT, CHECK),
        powershell=(_SHOW_APPS, _SHOW_MAILBOX_SWITCH, *_ADD_APP, *_SWITCH_ON),
        docs=CONTROL,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-app-not-on-list",
        title="A policy of the tenant keeps the application out of Exchange Web Services",
        cause=(
            "Exchange Online says: {policy_reason}. Most likely first: {client_id} is not in "
            "EwsAllowedAppIDs, which rules since 2026-10-01; a list of user agents leaves outmail out."
        ),
        remedy=(
            "Send through Microsoft Graph: EWS ends on 2027-04-01 anyway. Until then have the ID added to "
            "those listed; a change may take over 24 hours to bite. Lists of user agents concern Graph too: "
            "have outmail* added to EwsAllowList."
        ),
        when=lambda c: _forbidden(c) and online(c) and policy(c, "blocked by policy"),
        commands=(EXPORT, CHECK),
        powershell=(_SHOW_APPS, _SHOW_SWITCHES, _SHOW_MAILBOX_SWITCH, *_ADD_APP),
        docs=CONTROL,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-not-allowed-online",
        title="Exchange Online does not let the application use EWS",
        cause=(
            "Most likely first: EWS is off for the tenant (since 2026-10-01, one by one); {app} is not in "
            "EwsAllowedAppIDs; EWS is off for {mailbox}; its licence is F1, F3 or Kiosk (without EWS since "
            "2026-06-30); a list of user agents leaves outmail out."
        ),
        remedy=(
            "Send through Microsoft Graph: EWS ends for everybody on 2027-04-01. Until then the commands "
            "show each switch. One may take over 24 hours to bite, so a single check proves nothing."
        ),
        when=lambda c: _forbidden(c) and online(c),
        commands=(EXPORT, CHECK),
        powershell=(_SHOW_APPS, _SHOW_SWITCHES, _SHOW_MAILBOX_SWITCH, *_ADD_APP, *_SWITCH_ON),
        where=_LICENCES,
        docs=END,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-not-allowed",
        title="The Exchange server does not let this account use EWS",
        cause=(
            "Most likely first: EWS is off for {mailbox}; a list of programs (EwsAllowList, EwsBlockList) "
            "leaves outmail out; IIS or a firewall for web applications refuses this machine's address."
        ),
        remedy=(
            "The commands show the switches; set EwsEnabled to true, or add outmail* to EwsAllowList. If "
            "they are right, look for this request in the log of IIS on the server."
        ),
        when=_forbidden,
        commands=(*CURL, CHECK),
        powershell=(
            _SHOW_MAILBOX_SWITCH,
            _SHOW_SWITCHES,
            "Set-CASMailbox -Identity {mailbox} -EwsEnabled $true",
        ),
        docs=CONTROL,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-app-needs-mailbox",
        title="An application alone has no mailbox of its own",
        cause="{app} signed in without a person, and the request named no mailbox to act as: {words}",
        remedy="Enter the mailbox's address as auth.username, then check again.",
        when=lambda c: coded(c, "ErrorInvalidExchangeImpersonationHeaderData"),
        commands=(EXPORT, CHECK),
        docs=_IMPERSONATION,
    ),
    Entry(
        id="ews-app-not-allowed",
        title="The application has no right to act as the mailbox",
        cause=(
            "Most likely first: {app} has neither Exchange's role 'Application EWS.AccessAsApp' nor the "
            "permission full_access_as_app with consent; role or policy does not cover {mailbox}; it was "
            "given within the last hour. A token without roles is no fault. It said: {words}.{ews_end}"
        ),
        remedy=(
            "Test-ServicePrincipalAuthorization shows what it has. Either assign the role for this one "
            "mailbox by the commands after it, or consent to full_access_as_app, which opens every mailbox."
        ),
        when=lambda c: _not_for_app(c) and online(c),
        commands=(CHECK,),
        powershell=(*_ALLOW_APP, "Get-ApplicationAccessPolicy | Format-List AppId,ScopeName,AccessRight"),
        where=ADD_RIGHT,
        docs=_RBAC,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-impersonation-gone",
        title="Exchange Online lets no account act as another mailbox any more",
        cause="The role ApplicationImpersonation was taken out of Exchange Online in February 2025: {words}",
        remedy=(
            "Sign in as {mailbox} itself or as a delegate of it; or as an application (client credentials) "
            "with the role 'Application EWS.AccessAsApp'; best of all send through Microsoft Graph."
        ),
        when=lambda c: coded(c, *_IMPERSONATING) and online(c),
        commands=(EXPORT, SIGN_IN),
        docs=_RBAC,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-impersonation-denied",
        title="The account may not act as the mailbox",
        cause="{signer} lacks the role ApplicationImpersonation for {mailbox}: {words}",
        remedy="Assign the role, for this one mailbox, as the commands show; it works after some minutes.",
        when=lambda c: coded(c, *_IMPERSONATING),
        commands=(CHECK,),
        powershell=(
            "Get-ManagementRoleAssignment -Role ApplicationImpersonation -GetEffectiveUsers",
            "New-ManagementScope -Name 'outmail' -RecipientRestrictionFilter {mailbox_filter}",
            (
                "New-ManagementRoleAssignment -Role ApplicationImpersonation -User {signer} "
                "-CustomRecipientWriteScope 'outmail'"
            ),
        ),
        docs=_IMPERSONATION,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-send-as-denied-online",
        title="The account may not send as this sender in Exchange Online",
        cause="Exchange compared {sender} with {signer}, who may not send as it: ErrorSendAsDenied.",
        remedy=(
            "Use the mailbox's own address as From with the wanted one as Reply-To, or grant Send As; it "
            "takes up to an hour to work."
        ),
        when=lambda c: coded(c, "ErrorSendAsDenied") and online(c),
        powershell=("Add-RecipientPermission -Identity {sender} -Trustee {signer} -AccessRights SendAs",),
        where="Exchange admin center > Recipients > Mailboxes > {sender} > Delegation > Send as",
        docs=_DELEGATES,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-send-as-denied",
        title="The account may not send as this sender",
        cause="Exchange compared {sender} with {signer}, who may not send as it: ErrorSendAsDenied.",
        remedy=(
            "Use the mailbox's own address as From with the wanted one as Reply-To, or grant Send As as the "
            "command shows. Exchange keeps rights in memory: it takes up to two hours to work."
        ),
        when=lambda c: coded(c, "ErrorSendAsDenied"),
        powershell=(
            "Get-Recipient -Identity {sender} | Add-ADPermission -User {signer} -ExtendedRights 'Send As'",
        ),
        where="Exchange admin center > recipients > mailboxes > {sender} > mailbox delegation > Send As",
        docs=_DELEGATES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-no-licence",
        title="The mailbox has no licence for Exchange",
        cause="Exchange refused {mailbox}: {words}",
        remedy="Give the account a licence with Exchange Online; it takes up to a day. Then check again.",
        when=lambda c: coded(c, "ErrorInvalidLicense"),
        commands=(CHECK,),
        where=_LICENCES,
        docs=CODES,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-mailbox-alias",
        title="The mailbox is named by an address that is not its first",
        cause="Exchange wants the primary address, and {mailbox} is another of its addresses: {words}",
        remedy="Enter the address that the command shows as auth.username, then check again.",
        when=lambda c: coded(c, "ErrorNonPrimarySmtpAddress"),
        commands=(EXPORT, CHECK),
        powershell=("Get-Recipient -Identity {mailbox} | Format-List PrimarySmtpAddress,EmailAddresses",),
        docs=CODES,
    ),
    Entry(
        id="ews-mailbox-not-found-online",
        title="Exchange Online has no such mailbox",
        cause=(
            "Most likely first: {mailbox} lies on an Exchange server of your own; it is mistyped; it has no "
            "licence, or got it minutes ago; it is in another tenant. It said: {words}"
        ),
        remedy=(
            "The command says MailUser where it is on your own server: enter that server's address as "
            "ews.url. Else correct auth.username, or give the account a licence."
        ),
        when=lambda c: _not_found(c) and online(c),
        commands=(EXPORT, CHECK),
        powershell=(_SHOW_RECIPIENT,),
        where=_LICENCES,
        docs=CODES,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-mailbox-not-found",
        title="The Exchange server has no such mailbox",
        cause=(
            "Most likely first: {mailbox} was moved to Exchange Online; the account has no mailbox at all; "
            "the address is mistyped. It said: {words}"
        ),
        remedy=(
            "The command says RemoteUserMailbox where it was moved: send through Microsoft Graph then. Else "
            "correct auth.username, or sign in with an account that has a mailbox."
        ),
        when=_not_found,
        commands=(EXPORT, CHECK),
        powershell=(_SHOW_RECIPIENT,),
        docs=CODES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-folder-not-found",
        title="The folder for copies of sent mail cannot be reached",
        cause=(
            "Most likely first: {signer} has no Full Access to {mailbox}, and so sees no folder there; "
            "the mailbox was never opened. It said: {words}"
        ),
        remedy="Give it Full Access as the command shows, or set ews.keep_copy = false: then none is needed.",
        when=lambda c: coded(c, "ErrorFolderNotFound"),
        commands=(EXPORT, CHECK),
        powershell=(
            _SHOW_RIGHTS,
            "Add-MailboxPermission -Identity {mailbox} -User {signer} -AccessRights FullAccess",
        ),
        where=_DELEGATION,
        docs=_DELEGATES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-shared-not-allowed",
        title="The signed-in account may not use the mailbox",
        cause="{token_account} signed in for {mailbox}, and Exchange gave it no rights there: {words}",
        remedy=(
            "Give {token_account} Full Access on {mailbox}, and Send As too; rights take up to an hour to "
            "work. If {mailbox} was to sign in itself, do that instead."
        ),
        when=lambda c: coded(c, "ErrorAccessDenied") and another_mailbox(c),
        commands=(SIGN_IN,),
        powershell=(
            _SHOW_RIGHTS,
            "Add-MailboxPermission -Identity {mailbox} -User {signer} -AccessRights FullAccess",
        ),
        where=_DELEGATION,
        docs=_DELEGATES,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-access-denied",
        title="Exchange denies access to the mailbox",
        cause=(
            "Most likely first: {signer} has no rights on {mailbox}; EWS or a policy leaves it out; the "
            "account may not sign in to this mailbox. It said: {words}.{ews_end}"
        ),
        remedy="Sign in as {mailbox} itself, or give {signer} Full Access and Send As on it.",
        when=lambda c: coded(c, "ErrorAccessDenied"),
        commands=(LOOK,),
        powershell=(_SHOW_RIGHTS, _SHOW_MAILBOX_SWITCH),
        where=_DELEGATION,
        docs=_DELEGATES,
    ),
)
