"""Known refusals of Microsoft Entra that concern a person or a policy: wrong account, second factor, rules.

What an application's registration lacks is in `entra_app`. Codes may change without notice, so they
choose the help and nothing else.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import TENANT_ADMIN, Entry

_SIGN_IN = "outmail signin {profile}"
_BROWSER = "outmail signin {profile} --way browser"
_LOOK_UP = "https://login.microsoftonline.com/error?code={aadsts}"
_LOGS = "{portal} > Entra ID > Monitoring & health > Sign-in logs > the sign-in > Conditional Access"
_SERVICE_LOGS = "{portal} > Entra ID > Monitoring & health > Sign-in logs > Service principal sign-ins"
_USER = "{portal} > Entra ID > Users > {signer}"

_BLOCKED = ("53003", "530032")


def _blocked(case: Case) -> bool:
    """Conditional Access says no; which policy, only the tenant's log tells."""
    return case.is_aadsts(*_BLOCKED)


ENTRA = (
    Entry(
        id="entra-personal-account",
        title="A personal Microsoft account signed in, and not one of the organisation",
        cause="{tenant} does not know the account, which is a personal one (live.com): {words}",
        remedy=(
            "Sign in again in a private browser window as {signer}. Only if the mailbox itself is personal: "
            'set auth.oauth.tenant = "consumers" and register the application for personal accounts too.'
        ),
        when=lambda c: c.is_aadsts("50020", "50034", "16000") and c.says("live.com", "personal microsoft"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-wrong-account",
        title="The account does not belong to the tenant",
        cause="{tenant} does not know the account that signed in: {words}",
        remedy=(
            "Sign in as {signer}, best in a private browser window, where no other account is signed in. "
            "If that was the account, auth.oauth.tenant is another organisation's: enter the tenant ID."
        ),
        when=lambda c: c.is_aadsts("16000", "50020", "50034", "51004"),
        commands=(_SIGN_IN,),
        where="{portal} > Entra ID > Overview > Tenant ID",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-account-locked",
        title="The account is locked, or the sign-in looked risky",
        cause="Entra blocks {signer} after wrong passwords, or from this address: {words}",
        remedy=(
            "Wait a quarter of an hour and stop other programs that try {signer}; the sign-in log says "
            "from where they come. Then sign in again."
        ),
        when=lambda c: c.is_aadsts("50053"),
        commands=(_SIGN_IN,),
        where=_LOGS,
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-password-expired",
        title="The account's password has expired",
        cause="Entra signs {signer} in only after a new password.",
        remedy="Set a new password in a browser, then sign in again.",
        when=lambda c: c.is_aadsts("50055", "50144"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-user-disabled",
        title="The account is disabled",
        cause="{signer} may not sign in to Entra. The accounts of shared mailboxes are disabled on purpose.",
        remedy=(
            "For a shared mailbox sign in as a person who may send for it, with --account and that person's "
            "address. Otherwise enable the account, then sign in again."
        ),
        when=lambda c: c.is_aadsts("50057"),
        commands=(_SIGN_IN,),
        where=f"{_USER} > Account status",
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-second-factor",
        title="Entra wants a second factor",
        cause=(
            "The tenant asks {signer} for more than a password: never given yet, too long ago, or not set "
            "up at all."
        ),
        remedy=(
            "Sign in again and answer what the browser asks. For an account that no person uses, an admin "
            "can exclude it from the policy, or the profile can use app-only."
        ),
        when=lambda c: c.is_aadsts("50072", "50074", "50076", "50078", "50079"),
        commands=(_SIGN_IN,),
        where=_LOGS,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-external-challenge",
        title="Entra wants a proof from another service",
        cause="The tenant asks for a second factor of another vendor, which only a browser can give.",
        remedy="Sign in again in a browser and finish what the other service asks.",
        when=lambda c: c.is_aadsts("50158"),
        commands=(_BROWSER,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-not-assigned",
        title="The account is not assigned to the application",
        cause="{app} lets only assigned people sign in, and {signer} is none of them.",
        remedy=(
            "Assign {signer} under Users and groups, or set 'Assignment required?' to No under Properties; "
            "then sign in again."
        ),
        when=lambda c: c.is_aadsts("50105"),
        commands=(_SIGN_IN,),
        where="{portal} > Entra ID > Enterprise apps > {client_id} > Users and groups",
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-password-refused",
        title="Entra refused the user name or password",
        cause="The name or password that was typed for {signer} is wrong.",
        remedy="Sign in again; outmail never asks for that password, only the browser does.",
        when=lambda c: c.is_aadsts("50126"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-session-revoked",
        title="The sign-in was revoked",
        cause=(
            "The password of {signer} was changed or reset, or somebody ended all sessions of the account; "
            "that ends what was granted before."
        ),
        remedy=(
            "Sign in again. An application with a secret or certificate keeps its sign-in when people "
            "change their password."
        ),
        when=lambda c: c.is_aadsts("50132", "50133", "50173"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-other-data-center",
        title="The code was entered too far from this machine",
        cause="Code and browser reached data centers of different regions: a VPN or another country.",
        remedy="Try once more with the VPN off in the browser, or sign in by browser.",
        when=lambda c: c.is_aadsts("50134"),
        commands=(_SIGN_IN, _BROWSER),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-device-not-trusted",
        title="The tenant lets only managed devices sign in",
        cause=(
            "A Conditional Access policy wants a device that is compliant, joined, or uses an approved app; "
            "a server is none of these."
        ),
        remedy=(
            "Sign in by browser from a managed device. If that is refused too, have {signer} or {app} "
            "excluded from the policy, which the sign-in log names, or use app-only."
        ),
        when=lambda c: c.is_aadsts("53000", "53001", "53002"),
        commands=(_BROWSER,),
        where=_LOGS,
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-app-blocked-by-policy",
        title="A policy of the tenant blocks the application",
        cause="A Conditional Access policy for workload identities refuses {app}, often by its address.",
        remedy=(
            "The log of service principals names the policy: add this machine's public address to its "
            "named locations, or exclude the application."
        ),
        when=lambda c: _blocked(c) and c.app_only,
        where=_SERVICE_LOGS,
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-device-code-blocked",
        title="The tenant blocks signing in with a code",
        cause=(
            "A Conditional Access policy blocks the device code flow, as Microsoft's own policy does in many "
            "tenants. It ends sign-ins that began with a code before, too."
        ),
        remedy=(
            "Sign in by browser instead; the profile keeps that way. If the browser says 53003 as well, the "
            "sign-in log names the policy."
        ),
        when=lambda c: _blocked(c) and c.by("device-code"),
        commands=(_BROWSER,),
        where=_LOGS,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-conditional-access",
        title="A policy of the tenant blocks this sign-in",
        cause="A Conditional Access policy refuses {signer} with {app}, from this place or device.",
        remedy=(
            "The sign-in log names the policy. Have the account or the application excluded, or sign in "
            "from a place and device that it allows."
        ),
        when=_blocked,
        commands=(_SIGN_IN,),
        where=_LOGS,
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-security-defaults",
        title="The tenant's security defaults block this sign-in",
        cause="Security defaults are on in {tenant}, and they do not allow this way of signing in.",
        remedy=(
            "Sign in by browser with a second factor. They protect the whole tenant: an admin can replace "
            "them by Conditional Access rather than switch them off."
        ),
        when=lambda c: c.is_aadsts("530035"),
        commands=(_BROWSER,),
        where="{portal} > Entra ID > Overview > Properties > Manage security defaults",
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-code-used-before",
        title="The answer of the browser was used before",
        cause="A code from the browser is good once, and for some ten minutes.",
        remedy="Begin the sign-in anew and paste the newest address.",
        when=lambda c: c.is_aadsts("54005"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-sign-in-too-old",
        title="The sign-in has expired for lack of use",
        cause="Entra ends a sign-in that was not refreshed for 90 days, or longer than the tenant allows.",
        remedy="Sign in again. As long as outmail runs now and then, it is refreshed in time.",
        when=lambda c: c.is_aadsts("70008", "700082"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-sign-in-frequency",
        title="The tenant wants a new sign-in from time to time",
        cause="A sign-in frequency policy in {tenant} ended the sign-in of {signer}.",
        remedy=(
            "Sign in again. It will happen again, unless an admin excludes the account from the policy or "
            "the profile uses app-only."
        ),
        when=lambda c: c.is_aadsts("70043"),
        commands=(_SIGN_IN,),
        where=_LOGS,
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-device-code-wrong",
        title="Entra does not know the code any more",
        cause="The device code of this sign-in is not one of Entra's, or belongs to another tenant.",
        remedy="Begin the sign-in anew, with the new code. If it happens again, sign in by browser.",
        when=lambda c: c.is_aadsts("70018") or (c.entra and c.is_error("bad_verification_code")),
        commands=(_SIGN_IN, _BROWSER),
        docs="https://login.microsoftonline.com/error?code=70018",
    ),
)
