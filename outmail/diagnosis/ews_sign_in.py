"""Known refusals of a sign-in to Exchange Web Services: passwords, NTLM, tokens, and the account itself.

401 has many causes. Whose server it is, the way of signing in, what the server offers, and what the token
says tell them apart; where they cannot, the causes are named in order of likelihood.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, Entry
from outmail.diagnosis.ews_case import (
    APP,
    CHECK,
    CODES,
    CURL,
    DIRECTORY,
    END,
    EXPORT,
    LOOK,
    OAUTH,
    SIGN_IN,
    by_ntlm,
    coded,
    for_another_cloud,
    hints,
    may_not_use_ews,
    offers,
    offers_other_than,
    online,
    own_server,
    through_ews,
    unauthorised,
    wrong_token,
)
from transports.base import Cause, Scope

_NO_PASSWORDS = (
    "https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/"
    "deprecation-of-basic-authentication-exchange-online"
)
_PROTECTION = (
    "https://learn.microsoft.com/exchange/plan-and-deploy/post-installation-tasks/"
    "security-best-practices/exchange-extended-protection"
)
_SCHEMES = (
    "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/"
    "authentication-and-ews-in-exchange"
)
_MODERN = "https://learn.microsoft.com/microsoft-365/enterprise/hybrid-modern-auth-overview"
_SIGN_IN_LOG = "{portal} > Entra ID > Monitoring & health > Sign-in logs"
_METHOD = "outmail > edit the profile > Authentication"
_NO_SCHEME = frozenset({Cause.AUTH_NOT_OFFERED, Cause.AUTH_NO_COMMON_MECHANISM})
_SHOW_BINDING = (
    "Get-WebServicesVirtualDirectory | "
    "Format-List Server,ExtendedProtectionTokenChecking,WindowsAuthentication,BasicAuthentication"
)
_FAILED_LOGONS = "Get-WinEvent -FilterHashtable @{{LogName='Security';Id=4625}} -MaxEvents 5 | Format-List"
_FINGERPRINT = "{openssl} | openssl x509 -noout -fingerprint -sha1"


def _no_scheme(case: Case) -> bool:
    return through_ews(case) and case.cause in _NO_SCHEME


def _password(case: Case) -> bool:
    return unauthorised(case) and not case.oauth


def _token(case: Case) -> bool:
    return unauthorised(case) and case.oauth


def _basic_is_gone(case: Case) -> bool:
    """Exchange Online has taken no passwords over EWS since 2022 and 2023, in any cloud."""
    return online(case) and not case.oauth and (_password(case) or _no_scheme(case))


def _lacks_right(case: Case) -> bool:
    """Refused, and the token says why: it holds rights, and none of them is for EWS."""
    denied = unauthorised(case) or coded(case, "ErrorAccessDenied")
    return denied and case.oauth and may_not_use_ews(case)


EWS_SIGN_IN = (
    Entry(
        id="ews-basic-gone",
        title="Exchange Online takes no passwords any more",
        cause=(
            "Microsoft switched passwords (Basic and NTLM) off for EWS in 2022 and 2023; that the password "
            "is right does not matter.{ews_end}"
        ),
        remedy=(
            "Send through Microsoft Graph, which needs OAuth anyway: edit the profile, choose it, and sign "
            "in. EWS with OAuth would work only for as long as the tenant still has EWS."
        ),
        when=_basic_is_gone,
        commands=(EXPORT, CHECK),
        where=_METHOD,
        docs=_NO_PASSWORDS,
    ),
    Entry(
        id="ews-only-tokens",
        title="The server takes tokens only, and the profile has a password",
        cause="It offers {mechanisms}: sign-in by OAuth (modern authentication) is set up there.",
        remedy=(
            "Choose OAuth 2 as the method of authentication; the audience of the scope is the server's own "
            "address. Or have Windows or Basic authentication switched on for the EWS directory."
        ),
        when=lambda c: (
            through_ews(c)
            and c.cause is Cause.AUTH_NO_COMMON_MECHANISM
            and not c.oauth
            and offers(c, "bearer")
        ),
        commands=(EXPORT,),
        powershell=(DIRECTORY,),
        where=_METHOD,
        docs=_MODERN,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-only-ntlm",
        title="The server takes passwords by NTLM only, and the profile allows Basic only",
        cause="It offers {mechanisms}. ews.scheme of {profile} does not let outmail use NTLM.",
        remedy=(
            'Set ews.scheme = "auto": outmail then uses the password by NTLM. The user name is '
            "DOMAIN\\name, or the sign-in name as name@domain."
        ),
        when=lambda c: (
            through_ews(c) and c.cause is Cause.AUTH_NO_COMMON_MECHANISM and offers(c, "ntlm", "negotiate")
        ),
        commands=(EXPORT, CHECK),
        where=_METHOD,
        docs=_SCHEMES,
    ),
    Entry(
        id="ews-only-basic",
        title="The server takes passwords by Basic only, and the profile allows NTLM only",
        cause="It offers {mechanisms}. ews.scheme of {profile} does not let outmail use Basic.",
        remedy=(
            'Set ews.scheme = "auto": outmail then uses the password by Basic; over https nobody '
            "on the way reads it. Or have Windows authentication switched on for the EWS directory."
        ),
        when=lambda c: through_ews(c) and c.cause is Cause.AUTH_NO_COMMON_MECHANISM and offers(c, "basic"),
        commands=(EXPORT, CHECK),
        powershell=(DIRECTORY,),
        where=_METHOD,
        docs=_SCHEMES,
    ),
    Entry(
        id="ews-no-common-scheme",
        title="The server offers only ways of signing in that outmail does not have",
        cause="It offers {mechanisms}. With a password outmail has NTLM and Basic; with a token, Bearer.",
        remedy=(
            "Have Windows authentication with the provider NTLM, or Basic, switched on for the EWS "
            "directory in IIS; a server that takes Kerberos or certificates alone has neither."
        ),
        when=lambda c: through_ews(c) and c.cause is Cause.AUTH_NO_COMMON_MECHANISM,
        commands=CURL,
        powershell=(DIRECTORY,),
        docs=_SCHEMES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-no-scheme-offered",
        title="The server offers no way of signing in",
        cause=(
            "Most likely first: a proxy in front takes the offer (WWW-Authenticate) out; the EWS directory "
            "has every kind of authentication switched off; it lets everybody in without one."
        ),
        remedy="Compare what the command shows with the server's own settings, then check again.",
        when=lambda c: through_ews(c) and c.cause is Cause.AUTH_NOT_OFFERED,
        commands=(*CURL, CHECK),
        powershell=(DIRECTORY,),
        docs=_SCHEMES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-needs-https",
        title="Password or token would travel unencrypted, so it was not sent",
        cause="The address in ews.url has no https.",
        remedy="Enter it with https://, as https://mail.example.org/EWS/Exchange.asmx.",
        when=lambda c: through_ews(c) and c.cause is Cause.AUTH_NEEDS_TLS,
        commands=(EXPORT,),
        docs=_SCHEMES,
    ),
    Entry(
        id="ews-sign-in-unusable",
        title="User name, password or mailbox holds characters that no server takes",
        cause="{words}",
        remedy="Correct it in the profile; most often a line break or a colon was pasted along.",
        when=lambda c: through_ews(c) and c.cause is Cause.UNSAFE_TEXT and c.about(Scope.SIGN_IN),
        commands=(EXPORT,),
        where=_METHOD,
        docs=_SCHEMES,
    ),
    Entry(
        id="ews-password-expired",
        title="The password has expired, or must be changed",
        cause="Exchange says so of {username}: {words}",
        remedy=(
            "Set a new password (in Outlook on the web, or have it reset), then enter it in the profile. "
            "For an account of a machine let the password never expire."
        ),
        when=lambda c: coded(c, "ErrorPasswordExpired", "ErrorPasswordChangeRequired"),
        commands=(EXPORT, CHECK),
        docs=CODES,
    ),
    Entry(
        id="ews-account-disabled",
        title="The account is disabled",
        cause="Exchange refused {username}: {words}",
        remedy=(
            "Have the account enabled. That of a shared mailbox is disabled on purpose: sign in with an "
            "account that has Full Access and Send As there."
        ),
        when=lambda c: coded(c, "ErrorAccountDisabled"),
        commands=(CHECK,),
        powershell=(
            "Get-Mailbox -Identity {mailbox} | Format-List AccountDisabled,RecipientTypeDetails",
            "Get-User -Identity {mailbox} | Format-List UserAccountControl,RecipientTypeDetails",
        ),
        docs=CODES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-token-other-cloud",
        title="The token is for Exchange Online of another cloud",
        cause="The token is for {token_for}, and the profile sends through {token_wanted}.",
        remedy=(
            "Each cloud has its own sign-in service and applications. Set auth.oauth.cloud to the tenant's, "
            "with a client ID registered in that cloud's portal, then sign in again."
        ),
        when=lambda c: wrong_token(c) and for_another_cloud(c),
        commands=(EXPORT, SIGN_IN),
        docs=OAUTH,
    ),
    Entry(
        id="ews-token-wrong-service",
        title="The token is for another service than this Exchange",
        cause="The token is for {token_for}, and not for {token_wanted}: the profile asked for {scopes}.",
        remedy=(
            "One token is for one service. Take scopes of Graph out of auth.oauth.scopes, or leave the "
            "field out: outmail fills it in. For a server of your own the scope begins with its https "
            "address. Then sign in again."
        ),
        when=wrong_token,
        commands=(EXPORT, SIGN_IN),
        docs=OAUTH,
    ),
    Entry(
        id="ews-token-without-right",
        title="The token has no right to use Exchange Web Services",
        cause="EWS.AccessAsUser.All is not among its rights (it names {rights}). It was said: {diagnostics}",
        remedy=(
            "Add EWS.AccessAsUser.All to the API permissions of {app} and to auth.oauth.scopes, then sign in "
            "again and accept."
        ),
        when=lambda c: (
            (_token(c) and not c.app_only and hints(c, "enough scope", "no scope information"))
            or _lacks_right(c)
        ),
        commands=(SIGN_IN,),
        where=f"{APP} > Add a permission > {{api}} > EWS.AccessAsUser.All",
        docs=OAUTH,
    ),
    Entry(
        id="ews-token-expired",
        title="Exchange says that the token is out of date",
        cause=(
            "A fresh token was refused too, so one of the two clocks is wrong. Most likely first: this "
            "machine's; the Exchange server's own. It said: {diagnostics}"
        ),
        remedy="Compare the command's time with a clock; switch time synchronisation on, then check again.",
        when=lambda c: _token(c) and hints(c, "expired", "lifetime", "not yet valid"),
        commands=("date -u", "timedatectl", CHECK),
        docs=OAUTH,
    ),
    Entry(
        id="ews-oauth-not-enabled",
        title="The Exchange server takes no tokens",
        cause="It offers {mechanisms}: sign-in by OAuth (hybrid modern authentication) is not set up there.",
        remedy=(
            "Choose Basic as the method of authentication, with the user's password, which outmail uses by "
            "NTLM where it can. Or have hybrid modern authentication set up."
        ),
        when=lambda c: _token(c) and own_server(c) and offers_other_than(c, "bearer"),
        commands=(EXPORT, CHECK),
        powershell=(
            DIRECTORY,
            "Get-OrganizationConfig | Format-List OAuth2ClientProfileEnabled",
            "Get-AuthServer | Format-List Name,Type,Enabled,IsDefaultAuthorizationEndpoint",
        ),
        where=_METHOD,
        docs=_MODERN,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-token-refused-own",
        title="The Exchange server refused the token",
        cause=(
            "Most likely first: the server's address is not registered in Entra ID for Exchange; {signer} is "
            "not synchronised; something in front of it opens TLS; a clock is wrong. It said: {diagnostics}"
        ),
        remedy=(
            "Get-WebServicesVirtualDirectory shows the address that must be registered in Entra ID, and with "
            "which the scope must begin. Check the clock here, then sign in again."
        ),
        when=lambda c: _token(c) and own_server(c),
        commands=("date -u", SIGN_IN, LOOK),
        powershell=(
            "Get-AuthServer | Format-List Name,Type,Enabled,IsDefaultAuthorizationEndpoint",
            DIRECTORY,
        ),
        docs=_MODERN,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-token-refused",
        title="Exchange Online refused the token",
        cause=(
            "A fresh token was refused too. Most likely first: the sign-in was revoked or the account is "
            "disabled or has no mailbox; {app} lacks {right}; a clock is wrong. It said: "
            "{diagnostics}.{ews_end}"
        ),
        remedy=(
            "Check the clock with the first command, then sign in again as {signer}. The log of sign-ins "
            "tells of blocks. Microsoft Graph will carry this mail when EWS has ended."
        ),
        when=_token,
        commands=("date -u", SIGN_IN, LOOK),
        where=_SIGN_IN_LOG,
        docs=END,
    ),
    Entry(
        id="ews-password-refused-ntlm",
        title="The Exchange server refused user name and password (NTLM)",
        cause=(
            "Most likely first: the password is wrong; the user name lacks its domain; the account is "
            "locked; Extended Protection is on, and a proxy or load balancer in between opens TLS or shows "
            "another certificate than the server."
        ),
        remedy=(
            "Sign in to Outlook on the web with the same name: if that fails, it is the password. The "
            "server's event 4625 tells: 0xC000006A is a wrong password, 0xC0000064 an unknown name, "
            "0xC0000234 a locked account, 0xC000035B Extended Protection. Then go past the proxy, or have it "
            "use the server's certificate."
        ),
        when=lambda c: _password(c) and by_ntlm(c),
        commands=(EXPORT, _FINGERPRINT),
        powershell=(
            _FAILED_LOGONS,
            _SHOW_BINDING,
            "Get-ExchangeCertificate | Format-List Thumbprint,Services,Subject",
        ),
        docs=_PROTECTION,
    ),
    Entry(
        id="ews-password-refused",
        title="The Exchange server refused user name and password",
        cause=(
            "Most likely first: the password is wrong; the user name needs another form (DOMAIN\\name, or "
            "name@domain); the account is locked or its password has expired. It said: {words}"
        ),
        remedy=(
            "Sign in to Outlook on the web with the same name and password. If that works, try the other "
            "form of the name. outmail tries once, so that nothing gets locked."
        ),
        when=_password,
        commands=(EXPORT, CHECK),
        powershell=(_FAILED_LOGONS, DIRECTORY),
        docs=_SCHEMES,
        who=SERVER_ADMIN,
    ),
)
