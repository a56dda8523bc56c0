"""Known refusals of Microsoft Graph that concern the sign-in, its rights and the mailbox.

One answer has several causes (ErrorAccessDenied above all): way of signing in, token and mailbox decide,
and where they cannot, the causes are named in order of likelihood.
"""

from __future__ import annotations

from outmail.diagnosis.entry import TENANT_ADMIN, Entry
from outmail.diagnosis.graph_case import (
    ADD_RIGHT,
    APP,
    CHECK,
    EXPORT,
    SIGN_IN,
    another_mailbox,
    challenged,
    coded,
    denied,
    for_another_cloud,
    may_not_send,
    refused,
    wrong_token,
)
from transports.base import Scope

_SEND_MAIL = "https://learn.microsoft.com/graph/api/user-sendmail"
_FOR_OTHERS = "https://learn.microsoft.com/graph/outlook-send-mail-from-other-user"
_LIMIT_ACCESS = "https://learn.microsoft.com/graph/auth-limit-mailbox-access"
_CLOUDS = "https://learn.microsoft.com/graph/deployments"
_ERRORS = "https://learn.microsoft.com/graph/errors"
_CHALLENGE = "https://learn.microsoft.com/entra/identity-platform/claims-challenge"
_LOGS = "{portal} > Entra ID > Monitoring & health > Sign-in logs > the sign-in > Conditional Access"
_SERVICE_LOGS = "{portal} > Entra ID > Monitoring & health > Sign-in logs > Service principal sign-ins"
_DELEGATION = "Exchange admin center > Recipients > Mailboxes > {mailbox} > Delegation"
_TEST_RBAC = "Test-ServicePrincipalAuthorization -Identity {client_id} -Resource {mailbox}"
_SHOW_POLICIES = "Get-ApplicationAccessPolicy | Format-List AppId,ScopeName,AccessRight"
_TEST_POLICY = "Test-ApplicationAccessPolicy -AppId {client_id} -Identity {mailbox}"
_SHOW_MAILBOX = "Get-Mailbox -Identity {mailbox} | Format-List RecipientTypeDetails,PrimarySmtpAddress"
_FIND_MAILBOX = "Get-Recipient -Identity {mailbox} | Format-List RecipientTypeDetails,PrimarySmtpAddress"
_NO_SUCH_MAILBOX = (
    "ErrorInvalidUser",
    "ErrorNonExistentMailbox",
    "ResourceNotFound",
    "Request_ResourceNotFound",
)
_ALLOW_APP = (
    "Connect-MgGraph -Scopes Application.Read.All",
    "$sp = Get-MgServicePrincipal -Filter {app_filter}",
    "New-ServicePrincipal -AppId {client_id} -ObjectId $sp.Id",
    "New-ManagementScope -Name 'outmail' -RecipientRestrictionFilter {mailbox_filter}",
    (
        "New-ManagementRoleAssignment -App {client_id} -Role 'Application Mail.Send' "
        "-CustomResourceScope 'outmail'"
    ),
)
"""Exchange's RBAC for applications: this mailbox and no other. It needs no permission in Entra."""

GRAPH = (
    Entry(
        id="graph-app-challenged",
        title="A policy of the tenant no longer accepts the application's sign-in",
        cause="Graph refused the token of {app} and wants one that proves more: {words}",
        remedy=(
            "The log of service principals names the policy, most often one about places: add this "
            "machine's public address to its named locations, or exclude the application."
        ),
        when=lambda c: challenged(c) and c.app_only,
        commands=(CHECK,),
        where=_SERVICE_LOGS,
        docs=_CHALLENGE,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-sign-in-again",
        title="Microsoft wants a new sign-in",
        cause=(
            "Graph no longer takes the token of {signer} (a claims challenge). Most likely first: the "
            "password was changed or sessions were revoked; a Conditional Access policy wants more; this "
            "machine has another address than before."
        ),
        remedy=(
            "Sign in again and answer what the browser asks. If it says 53003, a policy blocks this way of "
            "signing in: the sign-in log names it."
        ),
        when=challenged,
        commands=(SIGN_IN, "outmail signin {profile} --way browser"),
        where=_LOGS,
        docs=_CHALLENGE,
    ),
    Entry(
        id="graph-token-other-cloud",
        title="The token is for Microsoft Graph of another cloud",
        cause="The token is for {token_for}, and the profile sends through {token_wanted}.",
        remedy=(
            "Each cloud has its own sign-in service, applications and Graph. Choose the tenant's cloud in "
            "graph.cloud, with a client ID registered in that cloud's portal, then sign in again."
        ),
        when=lambda c: wrong_token(c) and for_another_cloud(c),
        commands=(EXPORT, SIGN_IN),
        docs=_CLOUDS,
    ),
    Entry(
        id="graph-token-wrong-service",
        title="The token is for another service than Microsoft Graph",
        cause="The token is for {token_for}, and not for {token_wanted}: the profile asked for {scopes}.",
        remedy=(
            "One token is for one service. Take scopes of Outlook (SMTP.Send, EWS) out of "
            "auth.oauth.scopes, or leave the field out: outmail fills in Graph's. Then sign in again."
        ),
        when=wrong_token,
        commands=(EXPORT, SIGN_IN),
        docs=_SEND_MAIL,
    ),
    Entry(
        id="graph-token-refused",
        title="Microsoft Graph refused the token",
        cause=(
            "A fresh token was refused too. Most likely first: the sign-in was revoked or the account "
            "disabled; the clock of this machine is wrong; the token is of another tenant or cloud. It "
            "said: {words}"
        ),
        remedy="Check the clock with the first command, then sign in again as {signer}.",
        when=lambda c: refused(c) and (c.code == 401 or coded(c, "InvalidAuthenticationToken")),
        commands=("date -u", SIGN_IN, "outmail check {profile} --verbose"),
        docs=_ERRORS,
    ),
    Entry(
        id="graph-odata-disabled",
        title="The tenant keeps the application out of the mailbox",
        cause=(
            "Graph answered: Access to OData is disabled. Most likely first: an application access policy "
            "leaves {mailbox} out; an allow list for programs (EwsAllowList) does not name outmail."
        ),
        remedy=(
            "The commands show both. Add the mailbox to the policy's group, or outmail to the list. A "
            "changed policy takes up to an hour and more, even when its test already says Granted."
        ),
        when=lambda c: refused(c) and c.says("access to odata is disabled"),
        powershell=(
            _SHOW_POLICIES,
            _TEST_POLICY,
            "Get-OrganizationConfig | Format-List EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList",
            (
                "Get-CASMailbox -Identity {mailbox} | "
                "Format-List EwsApplicationAccessPolicy,EwsAllowList,EwsBlockList"
            ),
        ),
        docs=_LIMIT_ACCESS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-app-outside-scope",
        title="The application may send, but not for this mailbox",
        cause=(
            "The token of {app} holds Mail.Send, and Exchange refused {mailbox}. Most likely first: an "
            "application access policy leaves the mailbox out; the policy was changed within the last hour."
        ),
        remedy=(
            "Test-ApplicationAccessPolicy says whether the policy denies it: add the mailbox to the "
            "policy's group, and wait an hour."
        ),
        when=lambda c: denied(c) and c.app_only and "mail.send" in c.roles,
        commands=(CHECK,),
        powershell=(_TEST_POLICY, _SHOW_POLICIES, _SHOW_MAILBOX),
        docs=_LIMIT_ACCESS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-app-not-allowed",
        title="The application has no right to send for this mailbox",
        cause=(
            "Most likely first: {app} has neither Exchange's role 'Application Mail.Send' nor the "
            "permission Mail.Send with consent; its role does not cover {mailbox}; it was given within the "
            "last hour. A token without roles is no fault: Exchange's role is in none."
        ),
        remedy=(
            "Test-ServicePrincipalAuthorization shows what it has. Either assign the role for this one "
            "mailbox by the commands after it, or consent to Mail.Send, which opens every mailbox."
        ),
        when=lambda c: denied(c) and c.app_only,
        commands=(CHECK,),
        powershell=(_TEST_RBAC, *_ALLOW_APP),
        where=ADD_RIGHT,
        docs=_LIMIT_ACCESS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-token-without-right",
        title="The token has no right to send mail",
        cause="It allows {rights}, and Mail.Send is not among them.",
        remedy=(
            "Add Mail.Send to the API permissions of {app} (Mail.Send.Shared for another's mailbox) and to "
            "auth.oauth.scopes, then sign in again and accept."
        ),
        when=lambda c: denied(c) and may_not_send(c),
        commands=(SIGN_IN,),
        where=ADD_RIGHT,
        docs=_SEND_MAIL,
    ),
    Entry(
        id="graph-shared-without-right",
        title="The token is good for one's own mailbox only",
        cause="{token_account} signed in for {mailbox}, and the token lacks Mail.Send.Shared.",
        remedy=(
            "Add Mail.Send.Shared to the API permissions of {app} and to auth.oauth.scopes, then sign in "
            "again. If {mailbox} was to sign in itself, do that instead."
        ),
        when=lambda c: (
            denied(c) and another_mailbox(c) and bool(c.rights) and "mail.send.shared" not in c.rights
        ),
        commands=(SIGN_IN,),
        where=f"{APP} > Add a permission > {{api}} > Mail.Send.Shared",
        docs=_FOR_OTHERS,
    ),
    Entry(
        id="graph-shared-not-allowed",
        title="The signed-in account may not use the mailbox",
        cause="{token_account} signed in for {mailbox}, and Exchange gave it no rights there.",
        remedy=(
            "Give {token_account} Full Access and Send As on {mailbox}; rights take up to an hour to work. "
            "If {mailbox} was to sign in itself, do that instead."
        ),
        when=lambda c: denied(c) and another_mailbox(c),
        commands=(SIGN_IN,),
        powershell=(
            "Get-MailboxPermission -Identity {mailbox} | Format-Table User,AccessRights",
            "Add-MailboxPermission -Identity {mailbox} -User {account} -AccessRights FullAccess",
            "Add-RecipientPermission -Identity {mailbox} -Trustee {account} -AccessRights SendAs",
        ),
        where=_DELEGATION,
        docs=_FOR_OTHERS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-consent-missing",
        title="Nobody has consented to what the application needs",
        cause="Entra lets {app} do nothing of this kind in {tenant}: {words}",
        remedy="Add {right} to its API permissions, have an admin consent, then sign in again.",
        when=lambda c: coded(c, "Authorization_RequestDenied"),
        commands=(SIGN_IN,),
        where=f"{ADD_RIGHT}, then Grant admin consent",
        docs="https://learn.microsoft.com/graph/permissions-reference",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-send-as-denied",
        title="The mailbox may not send as this sender",
        cause="Exchange compared {sender} with {mailbox}, which may not send as it: ErrorSendAsDenied.",
        remedy="Use the mailbox's own address as From with the wanted one as Reply-To, or grant Send As.",
        when=lambda c: coded(c, "ErrorSendAsDenied"),
        powershell=("Add-RecipientPermission -Identity {sender} -Trustee {mailbox} -AccessRights SendAs",),
        where="Exchange admin center > Recipients > Mailboxes > {sender} > Delegation > Send as",
        docs=_FOR_OTHERS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-mailbox-unusable",
        title="Graph cannot use this mailbox",
        cause=(
            "Most likely first: {mailbox} has no Exchange Online licence (or got it minutes ago); it lies "
            "on an Exchange server of your own; it was deleted. Graph does not tell these apart."
        ),
        remedy=(
            "Get-Mailbox finds it if it is in the cloud. If only Get-Recipient does, as MailUser, it is on "
            "your own server: send through that by SMTP. Else give the account a licence."
        ),
        when=lambda c: coded(c, "MailboxNotEnabledForRESTAPI"),
        commands=(CHECK,),
        powershell=(_SHOW_MAILBOX, _FIND_MAILBOX),
        where="Microsoft 365 admin center > Users > Active users > {mailbox} > Licenses and apps",
        docs=_ERRORS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-account-unusable",
        title="The mailbox's account is disabled, unlicensed or has an old password",
        cause="Exchange refused {mailbox}: {words}",
        remedy="Enable the account, give it a licence or a new password, then check again.",
        when=lambda c: coded(c, "ErrorAccountDisabled", "ErrorInvalidLicense", "ErrorPasswordExpired"),
        commands=(CHECK,),
        powershell=(_SHOW_MAILBOX,),
        where="Microsoft 365 admin center > Users > Active users > {mailbox}",
        docs=_ERRORS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-app-needs-mailbox",
        title="An application alone has no mailbox of its own",
        cause="{app} signed in without a person, and the profile does not say for which mailbox.",
        remedy="Enter the mailbox's address as auth.username, then check again.",
        when=lambda c: (
            refused(c) and c.says("delegated authentication", "authenticated context is not valid")
        ),
        commands=(EXPORT, CHECK),
        docs=_SEND_MAIL,
    ),
    Entry(
        id="graph-mailbox-full",
        title="The sender's own mailbox is full",
        cause="Graph keeps a copy of every mail in Sent Items of {mailbox}, and that has filled it.",
        remedy="Empty Sent Items and Deleted Items, and set a retention policy for them; then resume.",
        when=lambda c: coded(c, "ErrorQuotaExceeded") or (refused(c) and c.code == 507),
        powershell=("Get-MailboxStatistics -Identity {mailbox} | Format-List TotalItemSize,ItemCount",),
    ),
    Entry(
        id="graph-mailbox-not-found",
        title="Graph does not find the mailbox",
        cause=(
            "Most likely first: {mailbox} is mistyped, or an alias where the sign-in name is needed; it is "
            "in another tenant than {tenant}, or another cloud. It said: {words}"
        ),
        remedy="Correct auth.username: the mailbox's sign-in name (UPN), as Get-Mailbox shows it.",
        when=lambda c: (
            coded(c, *_NO_SUCH_MAILBOX) or (refused(c) and c.about(Scope.SIGN_IN) and c.code == 404)
        ),
        commands=(CHECK,),
        powershell=("Get-Mailbox -Identity {mailbox} | Format-List UserPrincipalName,PrimarySmtpAddress",),
        docs=_ERRORS,
    ),
    Entry(
        id="graph-access-denied",
        title="Graph denies access to the mailbox",
        cause=(
            "Most likely first: Mail.Send was not consented to; the account that signed in has no rights on "
            "{mailbox}; a policy of the tenant leaves the application or the mailbox out. It said: {words}"
        ),
        remedy=(
            "The check shows account and rights of the token. Sign in again as {mailbox}, or add {right} to "
            "the API permissions of {app} and consent to it."
        ),
        when=lambda c: denied(c) or (refused(c) and c.about(Scope.SIGN_IN)),
        commands=("outmail check {profile} --verbose", SIGN_IN),
        powershell=(_SHOW_POLICIES,),
        where=ADD_RIGHT,
        docs=_SEND_MAIL,
        who=TENANT_ADMIN,
    ),
)
