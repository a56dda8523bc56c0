"""An entry of the catalogue: when it applies, and its sentences and commands with gaps to fill in.

What comes from a server or a setting must never reach a command unquoted.
"""

from __future__ import annotations

import ipaddress
import shlex
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from outmail.diagnosis.case import Case
from outmail.diagnosis.ews_case import online, through_ews
from outmail.diagnosis.finding import Context, Finding
from outmail.diagnosis.gaps import mailbox_of, of_the_sign_in, one_line
from transports.base import NOTHING, StepName

YOU, SERVER_ADMIN, TENANT_ADMIN, PROVIDER = (
    "you",
    "the mail server's admin",
    "the tenant's admin",
    "the provider",
)
"""Who can mend it."""

_KNOCK = "timeout 10 bash -c '</dev/tcp/$1/$2 && echo open' knock"
"""Does a port take connections? Every Debian has bash and timeout, and many have no nc or telnet."""

_LONGEST_WORDS = 500
_ENCRYPTED = frozenset({"starttls", "tls", "https"})
_SINGLE_QUOTES = "'\u2018\u2019\u201a\u201b"  # PowerShell takes each of them for a quote


@dataclass(frozen=True, slots=True)
class Entry:
    """A known failure. `{name}` in a text or command is a gap; see `texts` and `shell` for the names.

    A failure of the step `token` happened on the way to the sign-in service, so that its gaps
    `host`, `port` and `server` are that service's, and never the mail server's.

    `commands` are for a POSIX shell, `powershell` ones for Exchange Online PowerShell; a
    command whose gap has no value in a profile is left out.
    """

    id: str
    title: str
    cause: str
    remedy: str
    when: Callable[[Case], bool]
    commands: tuple[str, ...] = ()
    powershell: tuple[str, ...] = ()
    where: str = ""
    docs: str = ""
    who: str = YOU

    def finding(self, case: Case) -> Finding:
        """The entry with this case's values in its gaps."""
        gaps = texts(case)
        return Finding(
            id=self.id,
            title=_sentence(self.title, gaps),
            cause=_sentence(self.cause, gaps),
            remedy=_sentence(self.remedy, gaps),
            commands=(
                *_filled(self.commands, shell(_place(case), {**case.failure.facts, **_signed_in(case)})),
                *_sign_in(case, self.powershell),
                *_filled(self.powershell, powershell(case.context)),
            ),
            where=_sentence(self.where, gaps),
            docs=self.docs.format_map(gaps),
            who=self.who,
        )


def _sign_in(case: Case, commands: tuple[str, ...]) -> tuple[str, ...]:
    """What comes before any command of Exchange Online PowerShell; an Exchange of one's own needs none."""
    cloud = online(case) if through_ews(case) else case.microsoft or case.entra
    return ("Connect-ExchangeOnline",) if commands and cloud else ()


def _signed_in(case: Case) -> dict[str, str]:
    """Who the token says signed in, as a command may name them."""
    return {"token_account": case.token_account}


def _place(case: Case) -> Context:
    """The context of the server that was spoken to: at the step `token` the sign-in service, by https."""
    if not case.at(StepName.TOKEN):
        web = case.context.protocol in {"graph", "ews"}
        return replace(case.context, security="https") if web else case.context
    given = one_line(case.failure.facts.get("host", ""))
    try:
        parts = urlsplit(f"//{given}")
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        host, port = "", 443
    return replace(case.context, host=host, port=port if host else 0, security="https")


def _sentence(template: str, gaps: Mapping[str, str]) -> str:
    text = template.format_map(gaps)
    return f"T{text[1:]}" if text.startswith("the ") else text  # a default stands where a name would


def texts(case: Case) -> dict[str, str]:
    """The gaps of sentences; a value that is not known becomes a word that fits."""
    context, facts = _place(case), case.failure.facts
    host = one_line(context.host)
    server = "the sign-in service" if case.at(StepName.TOKEN) else "the server"
    values = {
        "profile": (one_line(context.profile), "this profile"),
        "host": (host, server),
        "port": (str(context.port) if context.port else "", "this port"),
        "server": (_address(host, context.port) if host else "", server),
        "username": (one_line(context.username), "the account"),
        "sender": (one_line(context.from_address), "the sender's address"),
        "proxy": (one_line(context.proxy), "the proxy"),
        "ca_file": (one_line(context.ca_file), "the CA file"),
        "words": (one_line(case.failure.words, _LONGEST_WORDS).rstrip(". "), "nothing"),
        "step": (str(case.failure.step), ""),
        "mechanisms": (one_line(facts.get("mechanisms", "")), "others than ours"),
        "until": (one_line(facts.get("certificate_until") or facts.get("until", "")), "soon"),
        "days": (one_line(facts.get("days", "")), "a few"),
        "tried": (one_line(facts.get("tried", "")), "the server's address"),
        **of_the_sign_in(case),
    }
    return {name: value or default for name, (value, default) in values.items()}


def shell(context: Context, facts: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """The gaps of shell commands, each quoted; "" where neither profile nor failure has a value."""
    host = one_line(context.host)
    proxy_host, proxy_address = _proxy(context.proxy)
    scheme = {"tls": "smtps", "https": "https"}.get(context.security, "smtp")
    quoted = {
        "profile": one_line(context.profile),
        "host": host,
        "port": str(context.port) if context.port else "",
        "proxy": one_line(context.proxy),
        "proxy_host": proxy_host,
        "proxy_address": proxy_address,
        "ca_file": one_line(context.ca_file),
        "url": f"{scheme}://{_address(host, context.port)}" if host and context.port else "",
        "sender": one_line(context.from_address),
        "domain": one_line(context.from_address).rpartition("@")[2],
        "got": one_line(facts.get("got", "")),
        "token_account": one_line(facts.get("token_account", "")),
    }
    words = {name: _quoted(value) for name, value in quoted.items()}
    reach = words["host"] and words["port"] and not context.proxy
    talk = _openssl(context)
    show = "openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
    return {
        **words,
        "direct_url": "" if context.proxy else words["url"],
        "reach": f"{_KNOCK} {words['host']} {words['port']}" if reach else "",
        "openssl": talk,
        "certificate": f"{talk} | {show}" if talk else "",
        "fingerprint": f"{talk} | openssl x509 -noout -fingerprint -sha256" if talk else "",
        "save": f"{talk} | openssl x509 -out {shlex.quote(f'{host}.pem')}" if talk else "",
    }


def powershell(context: Context) -> dict[str, str]:
    """The gaps of PowerShell commands, each a quoted string; "" where the profile has no value."""
    sender = one_line(context.from_address)
    client = one_line(context.client_id)
    mailbox = one_line(mailbox_of(context))
    signer = one_line(context.account or context.username)
    values = {
        "mailbox": mailbox,
        "mailbox_filter": f"PrimarySmtpAddress -eq {_ps_quoted(mailbox)}" if mailbox else "",
        "sender": sender,
        "account": one_line(context.account),
        "signer": signer,
        "client_id": client,
        "app_filter": f"AppId eq {_ps_quoted(client)}" if client else "",
    }
    return {name: _ps_quoted(value) for name, value in values.items()}


def _filled(templates: tuple[str, ...], gaps: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(t.format_map(gaps).strip() for t in templates if all(gaps[n] for n in gap_names(t)))


def gap_names(template: str) -> set[str]:
    """The names of a template's gaps."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def _quoted(value: str) -> str:
    """One word for the shell; a value that would be taken for an option is no value."""
    return "" if not value or value.startswith("-") else shlex.quote(value)


def _ps_quoted(value: str) -> str:
    if not value:
        return ""
    return "'" + "".join(c * 2 if c in _SINGLE_QUOTES else c for c in value) + "'"


def _address(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{shown}:{port}" if port else shown


def _proxy(url: str) -> tuple[str, str]:
    """The proxy's host, and its "host:port"; "" where the address cannot be read."""
    try:
        parts = urlsplit(one_line(url))
        return parts.hostname or "", _address(parts.hostname or "", parts.port or 0) if parts.hostname else ""
    except ValueError:
        return "", ""


def _openssl(context: Context) -> str:
    """`openssl s_client` as this profile connects; "" where it cannot (SOCKS, no TLS)."""
    host = one_line(context.host)
    if not host or host.startswith("-") or not context.port or context.security not in _ENCRYPTED:
        return ""
    words = ["openssl", "s_client"]
    if context.proxy:
        _, proxy = _proxy(context.proxy)
        if not context.proxy.startswith("http://") or not proxy:
            return ""
        words += ["-proxy", proxy]
    if context.security == "starttls":
        words += ["-starttls", "smtp"]
    words += ["-connect", _address(host, context.port)]
    if not _is_ip(host):
        words += ["-servername", host]
    ca_file = one_line(context.ca_file)
    if ca_file and not ca_file.startswith("-"):
        words += ["-CAfile", ca_file]
    return shlex.join(words) + " </dev/null"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
