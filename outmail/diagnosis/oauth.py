"""Known failures of an OAuth sign-in with any provider: what we saw, and the errors of RFC 6749 and 8628."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import PROVIDER, TENANT_ADMIN, Entry
from transports.base import Cause

_SIGN_IN = "outmail signin {profile}"
_BROWSER = "outmail signin {profile} --way browser"
_CHECK = "outmail check {profile}"
_EXPORT = "outmail profile export {profile}"
_OVER = ("expired_token", "code_expired")
_OVER_NUMBERS = ("70016", "70019", "70020")


def _not_standard(case: Case, *what: str) -> bool:
    """An answer that is not what the standard says; the fact `what` says which kind."""
    return case.cause is Cause.OAUTH_NOT_STANDARD and (not what or case.failure.facts.get("what", "") in what)


def _code_over(case: Case) -> bool:
    return case.cause is Cause.OAUTH_CODE_EXPIRED or case.is_error(*_OVER) or case.is_aadsts(*_OVER_NUMBERS)


def _declined(case: Case) -> bool:
    return case.cause is Cause.OAUTH_DECLINED or case.is_error("authorization_declined")


def _ends_soon(case: Case, what: str) -> bool:
    return case.cause is Cause.CREDENTIAL_ENDS_SOON and case.failure.facts.get("what") == what


OAUTH_OWN = (
    Entry(
        id="sign-in-needed-app",
        title="The application has no token yet",
        cause="{app} has not signed in since its settings were made or changed: {words}",
        remedy="Sign it in once; from then on tokens are fetched as they are needed.",
        when=lambda c: c.cause is Cause.SIGN_IN_NEEDED and c.app_only,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="sign-in-needed",
        title="Nobody is signed in for this profile",
        cause="Before mail can go out from {profile}, somebody must sign in: {words}",
        remedy="Sign in as {signer}; outmail keeps the sign-in and renews it by itself.",
        when=lambda c: c.cause is Cause.SIGN_IN_NEEDED,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-declined",
        title="The sign-in was declined in the browser",
        cause="Somebody answered no, or the account may not allow this by itself: {words}",
        remedy=(
            "Sign in again as {signer} and accept. If the page offers no such button, an admin must allow "
            "{app} first."
        ),
        when=_declined,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-code-expired-entra",
        title="The code was not used in time",
        cause=(
            "A code is good for a quarter of an hour. Did the browser say that you do not have access, or "
            "53003? Then the tenant blocks codes, which is told to the browser only."
        ),
        remedy="Sign in again with a new code. If the browser refused it, sign in by browser instead.",
        when=lambda c: _code_over(c) and c.entra and c.by("device-code"),
        commands=(_SIGN_IN, _BROWSER),
        where="{portal} > Entra ID > Monitoring & health > Sign-in logs > the sign-in > Conditional Access",
    ),
    Entry(
        id="oauth-code-expired-device",
        title="The code was not used in time",
        cause="The code on the screen ended before somebody typed it and accepted: {words}",
        remedy="Sign in again with a new code, and open the page before its time is over.",
        when=lambda c: _code_over(c) and c.by("device-code"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-code-expired",
        title="The browser's answer came too late",
        cause="What the browser brings back is good for some minutes, and once: {words}",
        remedy="Sign in again and paste the newest address at once.",
        when=_code_over,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-login-page",
        title="A web page answered in place of the sign-in service",
        cause="From {host} came a page for people (HTML): a proxy, a captive portal or a filter put it in.",
        remedy=(
            "Enter the right proxy with its user name in the profile, or have {host} allowed there. With a "
            "provider of your own check auth.oauth.token_url."
        ),
        when=lambda c: _not_standard(c, "html"),
        commands=(
            "curl -v --max-time 20 {direct_url}",
            "curl -v --max-time 20 --proxy {proxy} {url}",
            _CHECK,
        ),
    ),
    Entry(
        id="oauth-answer-huge",
        title="The answer of the sign-in service was far too long",
        cause="{host} sent more than any token needs, so it was not read to its end.",
        remedy="Check auth.oauth.token_url and the proxy: something else than a sign-in service answers.",
        when=lambda c: _not_standard(c, "huge"),
        commands=(_EXPORT,),
    ),
    Entry(
        id="oauth-answer-types",
        title="The answer of the sign-in service is not what the standard says",
        cause="{host} sent values of a wrong kind, or left out what is needed (RFC 6749): {words}",
        remedy="Check the provider's addresses in the profile; if they are right, show this to the provider.",
        when=lambda c: _not_standard(c, "types"),
        commands=(_EXPORT,),
        who=PROVIDER,
    ),
    Entry(
        id="oauth-id-token",
        title="The statement of who signed in does not fit this sign-in",
        cause="The id_token from {host} is damaged, or meant for another sign-in or application: {words}",
        remedy="Sign in again. If it stays, check auth.oauth.client_id, and that no one changes the answers.",
        when=lambda c: _not_standard(c, "id_token"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-not-http",
        title="What answers there is no web service",
        cause="{server} said something that is not HTTP: {words}",
        remedy="Check host and port in auth.oauth.token_url, and the proxy of the profile.",
        when=lambda c: _not_standard(c, "not-http"),
        commands=("{openssl}", _EXPORT),
    ),
    Entry(
        id="oauth-not-standard",
        title="The sign-in service answered in a way that we do not understand",
        cause="From {host} came: {words}",
        remedy=(
            "Paste the whole address of the page that the browser ended on, if one was asked for. Otherwise "
            "check the provider's addresses in the profile."
        ),
        when=_not_standard,
        commands=(_SIGN_IN, _EXPORT),
    ),
    Entry(
        id="oauth-wrong-state",
        title="The address that was pasted belongs to another sign-in",
        cause="Its state is not the one we sent: an older window, or somebody else's sign-in.",
        remedy="Sign in again, close older windows, and paste the address of the newest one.",
        when=lambda c: c.cause is Cause.OAUTH_WRONG_STATE,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-wrong-issuer",
        title="Another sign-in service answered than the one we asked",
        cause="The answer names an issuer that is not the profile's (RFC 9207): {words}",
        remedy=(
            "Check tenant, cloud and addresses in the profile. If they are right, somebody tries to mix two "
            "sign-ins up: begin anew, from the address shown here."
        ),
        when=lambda c: c.cause is Cause.OAUTH_WRONG_ISSUER,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-settings",
        title="The settings of the sign-in cannot work",
        cause="{words}",
        remedy="Correct them: outmail > edit the profile > Authentication > OAuth 2. Then sign in.",
        when=lambda c: c.cause is Cause.OAUTH_SETTINGS,
        commands=(_EXPORT, _SIGN_IN),
    ),
    Entry(
        id="oauth-unavailable",
        title="The sign-in service is not available at the moment",
        cause="{host} has trouble, or too much to do: {words}",
        remedy="Wait some minutes; it is tried again by itself. The settings need no change.",
        when=lambda c: (
            c.cause is Cause.OAUTH_UNAVAILABLE or c.is_error("server_error", "temporarily_unavailable")
        ),
        commands=(_CHECK,),
        who=PROVIDER,
    ),
    Entry(
        id="scope-missing-google",
        title="The permission for mail was left unticked",
        cause="{signer} signed in, and Google granted no access to mail ({words}).",
        remedy="Sign in again and tick the box for mail on Google's page; it is easily overlooked.",
        when=lambda c: c.cause is Cause.SCOPE_MISSING and c.google_accounts,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="scope-missing-entra",
        title="Entra granted a token without the right to send",
        cause="{scopes} was asked for, and the right to send is not among what was granted ({words}).",
        remedy="Add {right} to the API permissions of {app} and have consent granted, then sign in again.",
        when=lambda c: c.cause is Cause.SCOPE_MISSING and c.entra,
        commands=(_SIGN_IN,),
        where="{portal} > Entra ID > App registrations > {client_id} > API permissions > {api} > {right}",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="scope-missing",
        title="The right to send mail was not granted",
        cause="{scopes} was asked for, and the provider granted less ({words}).",
        remedy="Sign in again and accept everything; or allow {app} these scopes at the provider.",
        when=lambda c: c.cause is Cause.SCOPE_MISSING,
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="account-differs",
        title="Another account signed in than the profile's",
        cause="{got} signed in, and the profile is for {wanted}.",
        remedy=(
            "Sign in again as {wanted}, best in a private browser window. If {got} is the same account under "
            "another name, or sends for {mailbox} (shared, delegated), confirm it with the second command."
        ),
        when=lambda c: c.cause is Cause.ACCOUNT_DIFFERS,
        commands=(_SIGN_IN, "outmail signin {profile} --account {got}"),
    ),
    Entry(
        id="client-secret-ends-soon",
        title="The client secret ends soon",
        cause="The secret of {app} ends on {until}; days left: {days}. Mail goes out until then.",
        remedy=(
            "Make a new secret beside the old one; then run outmail, edit the profile, and enter its Value "
            "and its last day."
        ),
        when=lambda c: _ends_soon(c, "client secret"),
        commands=(_CHECK,),
    ),
    Entry(
        id="client-certificate-ends-soon",
        title="The certificate of the application ends soon",
        cause="The certificate of {app} ends on {until}; days left: {days}. Mail goes out until then.",
        remedy=(
            "Make a new key pair and upload its public part at once: the profile uses the new pair from the "
            "moment it is made, and the provider knows it only then."
        ),
        when=lambda c: _ends_soon(c, "certificate"),
        commands=("outmail profile certificate {profile}", _CHECK),
    ),
    Entry(
        id="token-being-renewed",
        title="Another outmail has been renewing the sign-in for long",
        cause="One process at a time renews a sign-in, and this one waited in vain: {words}",
        remedy="Try again in a minute. If that process hangs, end it: nothing of the sign-in is lost by it.",
        when=lambda c: c.cause is Cause.TOKEN_NOT_KEPT and c.failure.facts.get("store") == "locked",
        commands=(_CHECK,),
    ),
    Entry(
        id="token-not-kept",
        title="The token cannot be kept on this machine",
        cause="A new token has to reach the disk before it is used, and cannot: {words}",
        remedy="Make room, or mend the rights of outmail's folder, then look again.",
        when=lambda c: c.cause is Cause.TOKEN_NOT_KEPT,
        commands=("df -h", "outmail status", _CHECK),
    ),
)

OAUTH_ERRORS = (
    Entry(
        id="oauth-interaction-needed",
        title="The provider wants to ask its account's owner again",
        cause="{host} renews the sign-in only after an answer in a browser ({error}): {words}",
        remedy="Sign in again and answer what the browser asks.",
        when=lambda c: c.is_error("interaction_required", "login_required", "consent_required"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-redirect-mismatch",
        title="The redirect URL is not registered with the provider",
        cause="{host} does not know {redirect_url} for {app}.",
        remedy="Register exactly {redirect_url} with the provider, then sign in again.",
        when=lambda c: (
            c.is_error("redirect_uri_mismatch")
            or (
                c.is_error("invalid_request", "invalid_redirect_uri")
                and c.says("redirect_uri", "redirect uri")
            )
        ),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-invalid-client",
        title="The provider does not accept the application or its secret",
        cause="{host} refused {app} (invalid_client): {words}",
        remedy=(
            "Enter client ID and client secret again as the provider shows them. Without a secret in the "
            "profile, the provider may want one."
        ),
        when=lambda c: c.is_error("invalid_client"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-invalid-grant-app",
        title="The provider does not accept what the application signed",
        cause="{host} refused the proof of {app} (invalid_grant): {words}",
        remedy="Check this machine's clock, the key in the profile, and that the account is known there.",
        when=lambda c: c.is_error("invalid_grant") and c.app_only,
        commands=("date -u", _SIGN_IN),
    ),
    Entry(
        id="oauth-invalid-grant",
        title="The sign-in has ended or was revoked",
        cause=(
            "{host} does not take it any more (invalid_grant): it was revoked, a password was changed, it "
            "was not used for long, or its code was used before. It said: {words}"
        ),
        remedy="Sign in again as {signer}.",
        when=lambda c: c.is_error("invalid_grant"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-invalid-scope",
        title="The provider does not know the scopes of the profile",
        cause="{host} refused {scopes}: {words}",
        remedy="Correct auth.oauth.scopes as the provider says for sending mail, and allow them to {app}.",
        when=lambda c: c.is_error("invalid_scope", "invalid_target", "invalid_resource"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-unauthorized-client",
        title="The application may not sign in this way",
        cause="{host} does not allow {app} this way of signing in (unauthorized_client): {words}",
        remedy="Allow it at the provider, where the application is registered, or choose another way.",
        when=lambda c: c.is_error("unauthorized_client"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-unsupported-grant",
        title="The provider does not know this way of signing in",
        cause="{host} answered {error}: {words}",
        remedy="Choose another way: a code on another device, a browser, or app-only.",
        when=lambda c: c.is_error("unsupported_grant_type", "unsupported_response_type"),
        commands=(_BROWSER, "outmail signin {profile} --way device"),
    ),
    Entry(
        id="oauth-access-denied",
        title="The provider denied the access",
        cause="Somebody declined in the browser, or a rule of the provider forbids it: {words}",
        remedy="Sign in again as {signer} and accept. If it stays, ask who administers the provider.",
        when=lambda c: c.is_error("access_denied"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="oauth-invalid-request",
        title="The provider misses something in our request, or does not want it",
        cause="{host} answered invalid_request: {words}",
        remedy=(
            "The words most often name it: a client secret that is needed, a redirect URL, a scope. Correct "
            "it in the profile, then sign in again."
        ),
        when=lambda c: c.is_error("invalid_request"),
        commands=(_EXPORT, _SIGN_IN),
    ),
    Entry(
        id="oauth-refused",
        title="The provider refused the sign-in",
        cause="{host} answered {error}: {words}",
        remedy="Look for these words on the provider's pages; check the application's registration there.",
        when=lambda c: c.refused_by_authority,
        commands=(_SIGN_IN,),
        who=PROVIDER,
    ),
)
