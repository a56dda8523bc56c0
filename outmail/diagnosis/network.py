"""Known failures on the way to the server: names, addresses, ports, firewalls, proxies, lost connections."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import PROVIDER, SERVER_ADMIN, Entry
from transports.base import Cause, StepName, Verdict

_CONNECTING = (StepName.CONNECT, StepName.RESOLVE)
_REACH = "{reach}"
_ASK = "curl -v --max-time 20 --proxytunnel --proxy {proxy} {url}"
_CHECK = "outmail check {profile}"


def _blocked_25(case: Case) -> bool:
    if case.context.port != 25 or case.context.proxy:
        return False
    return case.cause in {Cause.TIMED_OUT, Cause.UNREACHABLE} and case.at(StepName.CONNECT)


NETWORK = (
    Entry(
        id="uncertain",
        title="The connection was lost after the message was handed over",
        cause="{host} had the whole message, and its answer never came. It may have taken it, or not.",
        remedy=(
            "Look in the recipient's mailbox, or in the server's log for the Message-ID, before you send "
            "it again. It is never sent by another route by itself, so that nobody gets it twice."
        ),
        when=lambda c: c.failure.verdict is Verdict.UNCERTAIN,
        commands=("outmail history",),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="proxy-unreachable",
        title="The proxy cannot be reached",
        cause="{proxy} did not answer ({words}). The mail server was not asked yet.",
        remedy="Check the proxy's name and port, that it runs, and that this machine may reach it.",
        when=lambda c: (
            c.cause is Cause.PROXY_UNREACHABLE or (c.cause is Cause.TIMED_OUT and c.at(StepName.PROXY))
        ),
        commands=("getent hosts {proxy_host}", _ASK),
    ),
    Entry(
        id="proxy-sign-in",
        title="The proxy wants another user name or password",
        cause="{proxy} refused the sign-in or wants one ({words}).",
        remedy="Enter the proxy's own user name and password in the profile; they are not the mailbox's.",
        when=lambda c: c.cause is Cause.PROXY_SIGN_IN,
        commands=(_CHECK,),
    ),
    Entry(
        id="proxy-refused",
        title="The proxy does not let us through to the mail server",
        cause=(
            "{proxy} answered, and refused the connection to {server} ({words}). Many proxies allow "
            "port 443 only, and some cannot find the mail server's name."
        ),
        remedy=(
            "Ask the proxy's admin to allow CONNECT to {server}: ConnectPort in tinyproxy, SSL_ports in "
            "squid. Check also that the address is of the right kind of proxy, http:// or socks5://."
        ),
        when=lambda c: (
            c.cause is Cause.PROXY_REFUSED
            or (c.at(StepName.PROXY) and c.cause in {Cause.CONNECTION_LOST, Cause.UNREACHABLE})
        ),
        commands=(_ASK,),
    ),
    Entry(
        id="name-not-found",
        title="The name of the server was not found",
        cause="DNS knows no address for {host}. Most often the name is mistyped.",
        remedy=(
            "Compare the name with the provider's page and correct it in the profile. If it is right, its "
            "entry in DNS is missing: ask whoever keeps that domain."
        ),
        when=lambda c: c.cause is Cause.NAME_NOT_FOUND,
        commands=("getent hosts {host}",),
    ),
    Entry(
        id="name-lookup-failed",
        title="The name of the server could not be looked up",
        cause="The DNS resolver of this machine gave no answer about {host} ({words}).",
        remedy=(
            "Check the name servers in /etc/resolv.conf and that this machine reaches them; then check again."
        ),
        when=lambda c: (
            c.cause is Cause.NAME_LOOKUP_FAILED or (c.cause is Cause.TIMED_OUT and c.at(StepName.RESOLVE))
        ),
        commands=("getent hosts {host}", "cat /etc/resolv.conf"),
    ),
    Entry(
        id="connection-refused",
        title="The server refused the connection",
        cause=(
            "{server} can be reached, and nothing takes connections on port {port}, or a firewall rejects "
            "them."
        ),
        remedy=(
            "Check the port: 587 goes with STARTTLS, 465 with TLS, 25 with relays. If it is right, the mail "
            "service does not run, or does not let this machine in."
        ),
        when=lambda c: c.cause is Cause.CONNECTION_REFUSED,
        commands=(_REACH,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="port-25-blocked",
        title="Port 25 does not answer: it is probably blocked",
        cause=(
            "Nothing came back from {server}. Most cloud and internet providers block port 25 outbound, "
            "so that machines send no spam."
        ),
        remedy=(
            "Use port 587 with STARTTLS or 465 with TLS and sign in, or ask the provider of this machine to "
            "open port 25."
        ),
        when=_blocked_25,
        commands=(_REACH,),
        who=PROVIDER,
    ),
    Entry(
        id="unreachable",
        title="There is no way to the server",
        cause="The network of this machine has no route to {server} ({words}).",
        remedy=(
            "Check the machine's network, routes and firewall, and IPv6 if only that fails. Where the way "
            "out "
            "is a proxy, enter it in the profile."
        ),
        when=lambda c: c.cause is Cause.UNREACHABLE,
        commands=("getent ahosts {host}", "ip route"),
    ),
    Entry(
        id="connect-timed-out",
        title="The server does not answer",
        cause="{server} did not take the connection in time. Most often a firewall drops it without a word.",
        remedy=(
            "Check that the firewall lets this machine out to port {port}, and that host and port are right. "
            "Where the way out is a proxy, enter it in the profile."
        ),
        when=lambda c: c.cause is Cause.TIMED_OUT and c.at(*_CONNECTING),
        commands=(_REACH,),
    ),
    Entry(
        id="greeting-timed-out",
        title="The server took the connection and says nothing",
        cause=(
            "{server} sent no greeting in time. It is overloaded, or a firewall in between took the "
            "connection, "
            "or the port waits for TLS from the start."
        ),
        remedy=(
            "If the port is meant for TLS (465), set security to tls. Otherwise try again in a few minutes "
            "and ask the server's admin: some servers make strangers wait."
        ),
        when=lambda c: c.cause is Cause.TIMED_OUT and c.at(StepName.GREETING, StepName.TLS),
        commands=(_REACH, _CHECK),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="answer-timed-out",
        title="The server stopped answering",
        cause="{server} answered before, and not in time at the step {step} ({words}).",
        remedy="Try again in a few minutes. If it happens again at the same step, ask the server's admin.",
        when=lambda c: c.cause is Cause.TIMED_OUT,
        commands=(_CHECK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="hung-up-at-greeting",
        title="The server hung up before it said anything",
        cause=(
            "{server} closed the connection instead of greeting. It does not want this machine's address, "
            "has too many connections, or expects another kind of connection on this port."
        ),
        remedy=(
            "Check port and security (465 with tls, 587 with starttls). If they are right, ask the "
            "server's admin whether this machine's address is allowed."
        ),
        when=lambda c: c.cause is Cause.CONNECTION_LOST and c.at(StepName.GREETING, StepName.CONNECT),
        commands=(_REACH, _CHECK),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="connection-lost",
        title="The server closed the connection",
        cause="{server} hung up at the step {step} ({words}), before it had the message.",
        remedy=(
            "Nothing was sent; try again. If it happens again at the same step, ask the server's admin: "
            "a limit, a firewall that inspects mail, or a demanded client certificate does this."
        ),
        when=lambda c: c.cause is Cause.CONNECTION_LOST,
        commands=(_CHECK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="not-smtp",
        title="What answers there is no mail server",
        cause="{server} said something that is not SMTP: {words}",
        remedy="Check host and port; a web server, a proxy or a login page in between answers so.",
        when=lambda c: c.cause is Cause.NOT_SMTP,
        commands=(_CHECK,),
    ),
)
