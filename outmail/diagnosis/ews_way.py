"""Known failures on the way to an Exchange server: its name, firewalls, TLS, and pages put in its place."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, TENANT_ADMIN, Entry
from outmail.diagnosis.ews_case import (
    CHECK,
    CURL,
    DIRECTORY,
    END,
    EXPORT,
    LOOK,
    online,
    own_server,
    status,
    through_ews,
)
from transports.base import Cause, StepName, Verdict

_CONNECTING = (StepName.RESOLVE, StepName.CONNECT)
_ADDRESS = (
    "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/"
    "how-to-set-the-ews-service-url-by-using-the-ews-managed-api"
)
_LOGIN_PATHS = ("/owa", "/auth/", "logon", "login", "/adfs", "/oauth2", "/saml")


def _seen(case: Case, *causes: Cause) -> bool:
    return through_ews(case) and case.cause in causes


def _strange(case: Case, *what: str) -> bool:
    seen = _seen(case, Cause.NOT_THE_SERVICE)
    return seen and (not what or case.failure.facts.get("what", "") in what)


def _passing(case: Case) -> bool:
    """Did somebody answer whose page passes: a gateway, or Exchange's own page for an outage?"""
    return _strange(case) and case.failure.verdict is Verdict.RETRY and case.code >= 300


def _gone(case: Case) -> bool:
    """404 and 410 are what a service says that is no more."""
    return (_strange(case) and case.code in {404, 410}) or status(case, 404, 410)


def _to_sign_in(case: Case) -> bool:
    """Does a redirect lead to a page where people sign in?"""
    led = case.failure.facts.get("location", "").lower()
    return _strange(case, "redirect") and any(part in led for part in _LOGIN_PATHS)


EWS_WAY = (
    Entry(
        id="ews-gateway",
        title="A page of somebody else came in place of the Exchange server's answer",
        cause=(
            "{host} is not well, or a proxy or load balancer in front of it is: {words}. Most often "
            "Exchange's services start, or are under repair."
        ),
        remedy=(
            "It is tried again by itself. If it lasts, look at the services of the Exchange server, or at "
            "the service's health where it is Exchange Online, and at the proxy."
        ),
        when=_passing,
        commands=(*CURL, CHECK),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-gone-online",
        title="Exchange Online has no Exchange Web Services at this address",
        cause=(
            "Most likely first: Microsoft has ended EWS (tenant by tenant since 2026-10-01, for everybody on "
            "2027-04-01); the path in ews.url is mistyped. It was: {words}"
        ),
        remedy=(
            "Send through Microsoft Graph: edit the profile, choose it, and sign in again. Until 2027-04-01 "
            "ews.url is https://{host}/EWS/Exchange.asmx."
        ),
        when=lambda c: _gone(c) and online(c),
        commands=(EXPORT, *CURL),
        docs=END,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-wrong-address",
        title="There are no Exchange Web Services at this address",
        cause=(
            "Most likely first: the path in ews.url is mistyped; a proxy or load balancer publishes only "
            "Outlook on the web; the host is no Exchange server. It was: {words}"
        ),
        remedy=(
            "Enter the address as https://HOST/EWS/Exchange.asmx; the server's own command shows it "
            "(ExternalUrl). Have /EWS published beside /owa where it is missing."
        ),
        when=_gone,
        commands=(EXPORT, *CURL),
        powershell=(DIRECTORY,),
        docs=_ADDRESS,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-owa-sign-in",
        title="The server sends us to a page where people sign in",
        cause=(
            "Most likely first: ews.url is that of Outlook on the web; a proxy in front signs people in "
            "before it lets anything through. It leads to {location}."
        ),
        remedy=(
            "Enter https://HOST/EWS/Exchange.asmx as ews.url, and have the proxy let /EWS through without "
            "a sign-in page of its own. The password was not sent to that page."
        ),
        when=_to_sign_in,
        commands=(EXPORT, *CURL),
        powershell=(DIRECTORY,),
        docs=_ADDRESS,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-redirected",
        title="The server sends us to another address",
        cause=(
            "Most likely first: ews.url has an old host or http in place of https; a captive portal or "
            "proxy stands in between. It leads to {location}."
        ),
        remedy=(
            "If that address is your server's, enter it as ews.url. outmail never follows by itself, since "
            "the password would go to whoever answers."
        ),
        when=lambda c: _strange(c, "redirect"),
        commands=(EXPORT, *CURL),
        docs=_ADDRESS,
    ),
    Entry(
        id="ews-login-page",
        title="A web page answered in place of the Exchange server",
        cause=(
            "Most likely first: ews.url is the sign-in page of Outlook on the web; a proxy or captive portal "
            "wants a sign-in; a filter blocks the address. It was: {words}"
        ),
        remedy=(
            "Nothing was sent. Enter https://HOST/EWS/Exchange.asmx as ews.url; if it is right, the command "
            "shows whose page it is: enter the right proxy, or have {host} allowed there."
        ),
        when=lambda c: _strange(c, "html"),
        commands=(*CURL, EXPORT),
        docs=_ADDRESS,
    ),
    Entry(
        id="ews-not-the-service",
        title="What answers there is not Exchange Web Services",
        cause=(
            "Most likely first: ews.url is another service's; a proxy changes or empties answers. It was: "
            "{words}.{ews_end}"
        ),
        remedy=(
            "Enter https://HOST/EWS/Exchange.asmx as ews.url. Then see whether the command gets the same "
            "answer by the profile's way."
        ),
        when=_strange,
        commands=(EXPORT, *CURL),
        docs=_ADDRESS,
    ),
    Entry(
        id="ews-address-unusable",
        title="The address of Exchange Web Services in the profile cannot be used",
        cause="{words}",
        remedy="ews.url is https://, a host and a path, as https://mail.example.org/EWS/Exchange.asmx.",
        when=lambda c: _seen(c, Cause.OAUTH_SETTINGS),
        commands=(EXPORT,),
        docs=_ADDRESS,
    ),
    Entry(
        id="ews-name-not-found",
        title="The name of the Exchange server was not found",
        cause="DNS gave no address for {host} ({words}).",
        remedy=(
            "Compare the host in ews.url with the server's own. A name that only the company's DNS knows "
            "needs that DNS on this machine; where only a proxy finds names, enter it in the profile."
        ),
        when=lambda c: (
            _seen(c, Cause.NAME_NOT_FOUND, Cause.NAME_LOOKUP_FAILED)
            or (_seen(c, Cause.TIMED_OUT) and c.at(StepName.RESOLVE))
        ),
        commands=("getent hosts {host}", "cat /etc/resolv.conf", EXPORT),
    ),
    Entry(
        id="ews-unreachable",
        title="The Exchange server cannot be reached",
        cause="{server} did not take the connection ({words}).",
        remedy=(
            "Let this machine out to {server} by https; mail ports do not matter here. Where the way out is "
            "a proxy, enter it in the profile."
        ),
        when=lambda c: (
            _seen(c, Cause.UNREACHABLE, Cause.CONNECTION_REFUSED)
            or (_seen(c, Cause.TIMED_OUT) and c.at(*_CONNECTING))
        ),
        commands=("{reach}", CHECK),
    ),
    Entry(
        id="ews-certificate-intercepted",
        title="This machine does not trust the certificate shown for Exchange Online",
        cause=(
            "{host} showed a certificate of an authority that is not trusted here. With Microsoft that is "
            "most often a proxy or firewall that inspects TLS."
        ),
        remedy=(
            "Get the inspecting device's CA certificate (PEM) from its admin and enter its file as "
            "tls.ca_file; or have {host} excepted from inspection. Nothing secret was sent."
        ),
        when=lambda c: (
            online(c) and _seen(c, Cause.CERTIFICATE_UNKNOWN_ISSUER, Cause.CERTIFICATE_SELF_SIGNED)
        ),
        commands=("{certificate}",),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-certificate-own",
        title="The Exchange server shows the certificate that it made for itself",
        cause="{host} vouches for itself, as an Exchange server does after its installation.",
        remedy=(
            "Give it a certificate of your CA for the web services. Until then compare the fingerprint with "
            "the server's own, save the certificate and enter its file as tls.ca_file."
        ),
        when=lambda c: own_server(c) and _seen(c, Cause.CERTIFICATE_SELF_SIGNED),
        commands=("{openssl} | openssl x509 -noout -fingerprint -sha1", "{save}"),
        powershell=("Get-ExchangeCertificate | Format-List Thumbprint,Services,Subject,NotAfter",),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-certificate-wrong-name",
        title="The certificate shown is for another name than the Exchange server's",
        cause=(
            "It does not name {host} ({words}). Most likely first: ews.url has the internal name and the "
            "certificate the public one; a filter or captive portal answers."
        ),
        remedy="The first command shows its names: use one of them in ews.url, if it is your server's.",
        when=lambda c: _seen(c, Cause.CERTIFICATE_WRONG_NAME),
        commands=("{certificate}", EXPORT),
    ),
    Entry(
        id="ews-no-tls",
        title="No encrypted connection to the Exchange server came about",
        cause="{server} broke off or does not speak TLS as we do ({words}).",
        remedy=(
            "Check host and port of ews.url, and whether a firewall cuts connections to {host}. An old "
            "Exchange server may have TLS 1.2 switched off: its admin has to switch it on."
        ),
        when=lambda c: (
            _seen(c, Cause.TLS_FAILED, Cause.TLS_VERSION, Cause.TLS_ON_PLAIN_PORT, Cause.PLAIN_ON_TLS_PORT)
            or (_seen(c, Cause.CONNECTION_LOST, Cause.TIMED_OUT) and c.at(StepName.TLS))
        ),
        commands=("{openssl}", LOOK),
        who=SERVER_ADMIN,
    ),
)
