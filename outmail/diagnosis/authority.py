"""Known failures on the way to the sign-in service: its name, its port, a proxy, its certificate.

They are told apart from the mail server's, which was not asked yet.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, YOU, Entry
from transports.base import Cause, StepName

_CHECK = "outmail check {profile}"
_REACH = "{reach}"
_ASK = "curl -v --max-time 20 --proxytunnel --proxy {proxy} {url}"
_SHOW = "{certificate}"


def _seen(case: Case, *causes: Cause) -> bool:
    return case.at(StepName.TOKEN) and case.cause in causes


AUTHORITY = (
    Entry(
        id="sign-in-proxy-refused",
        title="The proxy does not let us through to the sign-in service",
        cause="{proxy} refused the connection to {server} ({words}). The mail server was not asked yet.",
        remedy="Ask the proxy's admin to allow CONNECT to {server}: tokens are fetched and renewed there.",
        when=lambda c: _seen(c, Cause.PROXY_REFUSED),
        commands=(_ASK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="sign-in-name-not-found",
        title="The name of the sign-in service was not found",
        cause="DNS gave no address for {host} ({words}). The mail server was not asked yet.",
        remedy=(
            "Check that this machine finds names on the internet; where it may not, enter its proxy in the "
            "profile. If the name is mistyped, correct auth.oauth.token_url and its kin."
        ),
        when=lambda c: _seen(c, Cause.NAME_NOT_FOUND, Cause.NAME_LOOKUP_FAILED),
        commands=("getent hosts {host}", "cat /etc/resolv.conf"),
    ),
    Entry(
        id="sign-in-unreachable",
        title="The sign-in service cannot be reached",
        cause="{server} did not answer ({words}). The mail server was not asked yet.",
        remedy=(
            "Let this machine out to {server} by https: mail ports alone are not enough for OAuth. Where "
            "the way out is a proxy, enter it in the profile."
        ),
        when=lambda c: _seen(c, Cause.UNREACHABLE, Cause.CONNECTION_REFUSED, Cause.TIMED_OUT),
        commands=(_REACH, _CHECK),
    ),
    Entry(
        id="sign-in-certificate-untrusted",
        title="This machine does not trust the certificate of the sign-in service",
        cause=(
            "{host} showed a certificate of an authority that is not trusted here. With a public service "
            "that is most often a proxy or firewall that inspects TLS."
        ),
        remedy=(
            "Get the inspecting device's CA certificate (PEM) from its admin and enter its file as "
            "tls.ca_file; or have {host} excepted from inspection. Nothing secret was sent."
        ),
        when=lambda c: _seen(c, Cause.CERTIFICATE_UNKNOWN_ISSUER, Cause.CERTIFICATE_SELF_SIGNED),
        commands=(_SHOW,),
    ),
    Entry(
        id="sign-in-certificate-date",
        title="The certificate of the sign-in service is not valid now",
        cause="By the clock of this machine it has ended or not begun: {words}",
        remedy="Check the date here: it is most often wrong. If it is right, somebody may sit on the line.",
        when=lambda c: _seen(c, Cause.CERTIFICATE_EXPIRED, Cause.CERTIFICATE_NOT_YET_VALID),
        commands=("date -u", "timedatectl", _SHOW),
    ),
    Entry(
        id="sign-in-certificate-wrong",
        title="What answers has no certificate of the sign-in service",
        cause="It showed a certificate that cannot be accepted for {host}: {words}",
        remedy=(
            "A captive portal, a filter or a mistyped address does this: the command shows whose "
            "certificate it is. Nothing secret was sent."
        ),
        when=lambda c: _seen(c, Cause.CERTIFICATE_WRONG_NAME, Cause.CERTIFICATE_INVALID),
        commands=(_SHOW,),
    ),
    Entry(
        id="sign-in-no-tls",
        title="No encrypted connection to the sign-in service came about",
        cause="{server} broke off or does not speak TLS ({words}). The mail server was not asked yet.",
        remedy=(
            "Check the address and port of auth.oauth.token_url if the profile has one, and whether a "
            "firewall cuts connections to {host}. Then try again."
        ),
        when=lambda c: _seen(
            c,
            Cause.CONNECTION_LOST,
            Cause.TLS_FAILED,
            Cause.TLS_VERSION,
            Cause.TLS_ON_PLAIN_PORT,
            Cause.PLAIN_ON_TLS_PORT,
        ),
        commands=("{openssl}", _CHECK),
        who=YOU,
    ),
)
