"""Known failures on the way to Microsoft Graph: its name, firewalls, TLS, and pages put in its place."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import PROVIDER, SERVER_ADMIN, Entry
from outmail.diagnosis.graph_case import CHECK, EXPORT, through_graph
from transports.base import Cause, StepName, Verdict

_CURL = ("curl -v --max-time 20 {direct_url}", "curl -v --max-time 20 --proxy {proxy} {url}")
_CONNECTING = (StepName.RESOLVE, StepName.CONNECT)
_HEALTH = "Microsoft 365 admin center > Health > Service health"
_CLOUDS = "https://learn.microsoft.com/graph/deployments"


def _seen(case: Case, *causes: Cause) -> bool:
    return through_graph(case) and case.cause in causes


def _strange(case: Case, *what: str) -> bool:
    return case.cause is Cause.NOT_THE_SERVICE and (not what or case.failure.facts.get("what", "") in what)


GRAPH_WAY = (
    Entry(
        id="graph-gateway",
        title="A gateway in front of the service answered in its place",
        cause="{host} is not well, or a proxy on the way is: {words}",
        remedy="It is tried again by itself. If it lasts, look at the service's health and at the proxy.",
        when=lambda c: _strange(c) and c.code >= 500 and c.failure.verdict is Verdict.RETRY,
        commands=(*_CURL, CHECK),
        where=_HEALTH,
        who=PROVIDER,
    ),
    Entry(
        id="graph-login-page",
        title="A web page answered in place of the service",
        cause=(
            "Most likely first: a proxy or captive portal wants a sign-in; a filter blocks the address; "
            "graph.endpoint is not Graph's. It was: {words}"
        ),
        remedy=(
            "Nothing was sent. Enter the right proxy with its user name in the profile, or have {host} "
            "allowed there; the command shows the page."
        ),
        when=lambda c: _strange(c, "html", "redirect"),
        commands=(*_CURL, EXPORT),
        docs=_CLOUDS,
    ),
    Entry(
        id="graph-not-the-service",
        title="What answers there is not Microsoft Graph",
        cause=(
            "Most likely first: graph.endpoint is another service's; a proxy changes or empties answers. "
            "It was: {words}"
        ),
        remedy=(
            "Leave graph.endpoint out, so that it follows from graph.cloud, or correct it. Then see whether "
            "the command gets the same answer by the profile's way."
        ),
        when=_strange,
        commands=(EXPORT, *_CURL),
        docs=_CLOUDS,
    ),
    Entry(
        id="graph-endpoint-unusable",
        title="The address of Microsoft Graph in the profile cannot be used",
        cause="{words}",
        remedy=(
            "graph.endpoint is only https:// and a host, as https://graph.microsoft.com; leave it out, and "
            "it follows from graph.cloud."
        ),
        when=lambda c: _seen(c, Cause.OAUTH_SETTINGS),
        commands=(EXPORT,),
        docs=_CLOUDS,
    ),
    Entry(
        id="graph-name-not-found",
        title="The name of Microsoft Graph was not found",
        cause="DNS gave no address for {host} ({words}).",
        remedy=(
            "Check that this machine finds names on the internet; where it may not, enter its proxy in the "
            "profile. If graph.endpoint is mistyped, leave it out: it follows from graph.cloud."
        ),
        when=lambda c: (
            _seen(c, Cause.NAME_NOT_FOUND, Cause.NAME_LOOKUP_FAILED)
            or (_seen(c, Cause.TIMED_OUT) and c.at(StepName.RESOLVE))
        ),
        commands=("getent hosts {host}", "cat /etc/resolv.conf"),
        docs=_CLOUDS,
    ),
    Entry(
        id="graph-unreachable",
        title="Microsoft Graph cannot be reached",
        cause="{server} did not take the connection ({words}).",
        remedy=(
            "Let this machine out to {server} by https, and for large mail to outlook.office.com too; mail "
            "ports do not matter here. Where the way out is a proxy, enter it in the profile."
        ),
        when=lambda c: (
            _seen(c, Cause.UNREACHABLE, Cause.CONNECTION_REFUSED)
            or (_seen(c, Cause.TIMED_OUT) and c.at(*_CONNECTING))
        ),
        commands=("{reach}", CHECK),
    ),
    Entry(
        id="graph-certificate-untrusted",
        title="This machine does not trust the certificate shown for Microsoft Graph",
        cause=(
            "{host} showed a certificate of an authority that is not trusted here. With Microsoft that is "
            "most often a proxy or firewall that inspects TLS."
        ),
        remedy=(
            "Get the inspecting device's CA certificate (PEM) from its admin and enter its file as "
            "tls.ca_file; or have {host} excepted from inspection. Nothing secret was sent."
        ),
        when=lambda c: _seen(c, Cause.CERTIFICATE_UNKNOWN_ISSUER, Cause.CERTIFICATE_SELF_SIGNED),
        commands=("{certificate}",),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="graph-certificate-wrong-name",
        title="What answers has no certificate of Microsoft Graph",
        cause="The certificate does not name {host} ({words}): a captive portal, a filter, a wrong address.",
        remedy="The command shows whose certificate it is. Correct graph.endpoint, or have {host} allowed.",
        when=lambda c: _seen(c, Cause.CERTIFICATE_WRONG_NAME),
        commands=("{certificate}", EXPORT),
        docs=_CLOUDS,
    ),
    Entry(
        id="graph-no-tls",
        title="No encrypted connection to Microsoft Graph came about",
        cause="{server} broke off or does not speak TLS as we do ({words}).",
        remedy="Check graph.endpoint and its port, and whether a firewall cuts connections to {host}.",
        when=lambda c: (
            _seen(c, Cause.TLS_FAILED, Cause.TLS_VERSION, Cause.TLS_ON_PLAIN_PORT, Cause.PLAIN_ON_TLS_PORT)
            or (_seen(c, Cause.CONNECTION_LOST, Cause.TIMED_OUT) and c.at(StepName.TLS))
        ),
        commands=("{openssl}", CHECK),
    ),
)
