"""Known failures of encryption: certificates, trust, TLS versions, STARTTLS, and TLS on the wrong port."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, Entry
from transports.base import Cause, StepName

_SHOW = "{certificate}"
_TALK = "{openssl}"
_CHECK = "outmail check {profile}"


def _plain_on_tls(case: Case) -> bool:
    if case.cause is Cause.PLAIN_ON_TLS_PORT:
        return True
    silent = case.cause is Cause.TIMED_OUT and case.at(StepName.GREETING)
    return silent and case.context.port == 465 and case.context.security in {"starttls", "none"}


def _wants_starttls(case: Case) -> bool:
    """530 5.7.0 (RFC 3207, section 4), and what Exchange says for the same."""
    return case.answered and case.code in {451, 530, 538, 550, 554} and case.says("starttls")


TLS_ENTRIES = (
    Entry(
        id="certificate-expired",
        title="The server's certificate has expired",
        cause="The certificate of {host} is past its end date, or the clock of this machine is wrong.",
        remedy="Check the date here first. If it is right, the server's admin must renew the certificate.",
        when=lambda c: c.cause is Cause.CERTIFICATE_EXPIRED,
        commands=("date -u", _SHOW),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="certificate-not-yet-valid",
        title="The server's certificate is not valid yet",
        cause="By the clock of this machine the certificate of {host} begins in the future.",
        remedy=(
            "Check the date here: it is most often wrong. If it is right, the server's admin must "
            "install a certificate that is valid now."
        ),
        when=lambda c: c.cause is Cause.CERTIFICATE_NOT_YET_VALID,
        commands=("date -u", "timedatectl", _SHOW),
    ),
    Entry(
        id="certificate-self-signed",
        title="The server's certificate is self-signed",
        cause="{host} vouches for itself; no authority that this machine trusts does.",
        remedy=(
            "If the server is yours, compare the certificate's fingerprint with the one on the server, "
            "save the certificate and enter its file as tls.ca_file. If not, do not connect: somebody "
            "may sit on the line."
        ),
        when=lambda c: c.cause is Cause.CERTIFICATE_SELF_SIGNED,
        commands=("{fingerprint}", "{save}"),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="certificate-unknown-issuer",
        title="This machine does not know who issued the server's certificate",
        cause=(
            "The certificate of {host} comes from an authority that is not trusted here: a private CA, a "
            "proxy "
            "that inspects TLS, or a server that leaves out an intermediate certificate."
        ),
        remedy=(
            "Get the CA's certificate (PEM) from the server's admin and enter its file as tls.ca_file, "
            "or have the server send its whole chain."
        ),
        when=lambda c: c.cause is Cause.CERTIFICATE_UNKNOWN_ISSUER,
        commands=(_SHOW,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="certificate-wrong-name",
        title="The server's certificate is for another name",
        cause="The server shows a certificate that does not name {host} ({words}).",
        remedy=(
            "Enter the host by a name that stands in the certificate, not by an alias or an IP address; "
            "the command shows its names. If none fits, the server's admin must renew it."
        ),
        when=lambda c: c.cause is Cause.CERTIFICATE_WRONG_NAME,
        commands=(_SHOW,),
    ),
    Entry(
        id="certificate-ends-soon",
        title="The server's certificate ends soon",
        cause="The certificate of {host} ends on {until}, in {days} days. Mail works until then.",
        remedy="Tell the server's admin to renew it before that day, and see that renewal runs by itself.",
        when=lambda c: c.cause is Cause.CERTIFICATE_ENDS_SOON,
        commands=(_SHOW,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="certificate-invalid",
        title="The server's certificate cannot be accepted",
        cause="It was refused for this reason: {words}",
        remedy="Show the command's output to the server's admin; the certificate must be replaced.",
        when=lambda c: c.cause is Cause.CERTIFICATE_INVALID,
        commands=(_SHOW,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ca-file-unusable",
        title="The CA file cannot be used",
        cause="{words}",
        remedy=(
            "tls.ca_file must name a file with certificates in PEM form (-----BEGIN CERTIFICATE-----) that "
            "this user may read. Correct the path or the file."
        ),
        when=lambda c: c.cause is Cause.CA_FILE_UNUSABLE,
        commands=("ls -l {ca_file}", "openssl x509 -in {ca_file} -noout -subject -dates"),
    ),
    Entry(
        id="tls-version",
        title="The server speaks no TLS version that is still safe",
        cause="{host} and we have no version of TLS in common; we speak 1.2 and 1.3.",
        remedy="The server's admin must switch TLS 1.2 on. Until then use another server.",
        when=lambda c: c.cause is Cause.TLS_VERSION,
        commands=(_TALK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="tls-on-plain-port",
        title="The port starts in plain text, and we spoke TLS to it",
        cause="{server} does not begin with TLS. That is how ports 587 and 25 work: TLS comes with STARTTLS.",
        remedy='Set security = "starttls" for this port, or keep "tls" and use port 465.',
        when=lambda c: c.cause is Cause.TLS_ON_PLAIN_PORT,
        commands=(_CHECK,),
    ),
    Entry(
        id="plain-on-tls-port",
        title="The port starts with TLS, and we spoke plain text to it",
        cause="{server} waits for TLS from the first byte. That is how port 465 works.",
        remedy='Set security = "tls" for this port, or keep "starttls" and use port 587.',
        when=_plain_on_tls,
        commands=(_CHECK,),
    ),
    Entry(
        id="tls-failed",
        title="The server and we could not agree on encryption",
        cause="The TLS handshake with {host} broke off: {words}",
        remedy=(
            "Most often the server has old ciphers only, or demands a client certificate. Show the command's "
            "output to its admin."
        ),
        when=lambda c: (
            c.cause is Cause.TLS_FAILED or (c.cause is Cause.CONNECTION_LOST and c.at(StepName.TLS))
        ),
        commands=(_TALK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="starttls-not-offered",
        title="The server does not offer STARTTLS",
        cause=(
            "{server} does not say that it can encrypt on this port. A firewall that inspects mail can also "
            "take the offer out of the conversation."
        ),
        remedy=(
            'Try security = "tls" with port 465, or another port of the provider. Nothing was sent, since '
            "it would have travelled unencrypted."
        ),
        when=lambda c: c.cause is Cause.STARTTLS_NOT_OFFERED,
        commands=(_TALK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="starttls-refused",
        title="The server offers STARTTLS and then refuses it",
        cause="{host} answered: {words}. Its certificate or key is usually missing or not readable.",
        remedy=(
            "Ask the server's admin to look in its log, or use another port. Nothing was sent unencrypted."
        ),
        when=lambda c: c.cause is Cause.STARTTLS_REFUSED,
        commands=(_TALK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="starttls-injected",
        title="Unencrypted text was slipped in before the encryption began",
        cause=(
            "Behind the answer to STARTTLS lay more plain text. Obeying it would let somebody on the line "
            "give orders in the server's name (CVE-2011-0411), so we hung up."
        ),
        remedy=(
            "Try from another network. If it stays, the server is faulty or somebody interferes: tell its "
            'admin, and use security = "tls" with port 465 meanwhile.'
        ),
        when=lambda c: c.cause is Cause.STARTTLS_INJECTED,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="server-requires-tls",
        title="The server wants an encrypted connection first",
        cause="{host} answered: {words}",
        remedy='Set security = "starttls" with port 587, or "tls" with port 465.',
        when=lambda c: (
            (_wants_starttls(c) and not c.at(StepName.STARTTLS))
            or (c.answered and (c.code == 538 or c.is_code("5.7.10", "5.7.11")))
        ),
        commands=(_CHECK,),
    ),
)
