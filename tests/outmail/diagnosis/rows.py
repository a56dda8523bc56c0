"""Failures as servers and networks really word them, each with the entry that explains it."""

from __future__ import annotations

from dataclasses import dataclass, field

from outmail.diagnosis.finding import Context
from transports.base import Cause, Failure, Scope, StepName, Verdict

HOUSE = Context(
    profile="support",
    host="mail.example.org",
    port=587,
    security="starttls",
    method="basic",
    username="desk@example.org",
    from_address="helpdesk@example.org",
)


def context(**changes: object) -> Context:
    """The house's profile with something changed."""
    values = {name: getattr(HOUSE, name) for name in Context.__dataclass_fields__}
    return Context(**{**values, **changes})


M365 = context(provider="m365", host="smtp.office365.com")
GMAIL = context(provider="gmail", host="smtp.gmail.com", port=465, security="tls")


@dataclass(frozen=True)
class Row:
    """A failure, where it happened, and the id it must get."""

    id: str
    failure: Failure
    context: Context = field(default=HOUSE)
    shows: tuple[str, ...] = ()  # what the finding must name, filled in


def seen(expected: str, cause: Cause, step: StepName, around: Context = HOUSE, words: str = "") -> Row:
    """Something seen on this side of the wire."""
    scope = Scope.SIGN_IN if step is StepName.AUTHENTICATE else Scope.SERVER
    return Row(expected, Failure(step, scope, Verdict.RETRY, cause, words=words or str(cause)), around)


_SCOPES = {
    StepName.AUTHENTICATE: Scope.SIGN_IN,
    StepName.SENDER: Scope.SENDER,
    StepName.PERMISSION: Scope.RECIPIENT,
    StepName.SEND: Scope.MESSAGE,
}


def said(expected: str, step: StepName, answer: str, around: Context = HOUSE) -> Row:
    """An answer, as the transport records it: code, enhanced code of the first line, all words."""
    code, rest = int(answer[:3]), answer[4:]
    first = rest.split(" ", 1)[0]
    enhanced = first if first.count(".") == 2 and first[0] == answer[0] else None
    scope = _SCOPES.get(step, Scope.SERVER)
    verdict = Verdict.RETRY if code < 500 else Verdict.REJECT
    return Row(expected, Failure(step, scope, verdict, Cause.ANSWER, code, enhanced, answer), around)


_AUTH, _MAIL, _RCPT, _DATA = StepName.AUTHENTICATE, StepName.SENDER, StepName.PERMISSION, StepName.SEND
_GREET, _CONNECT, _TLS, _STARTTLS = StepName.GREETING, StepName.CONNECT, StepName.TLS, StepName.STARTTLS
_EXO = "[AM0PR01CA0099.eurprd01.prod.outlook.com 2026-11-22T10:00:00.000Z 08DE29C0]"
_139 = "535 5.7.139 Authentication unsuccessful,"

NETWORK_ROWS = (
    Row(
        "uncertain",
        Failure(_DATA, Scope.MESSAGE, Verdict.UNCERTAIN, Cause.CONNECTION_LOST, words="connection reset"),
    ),
    Row("uncertain", Failure(_DATA, Scope.MESSAGE, Verdict.UNCERTAIN, Cause.TIMED_OUT, words="no answer")),
    seen("name-not-found", Cause.NAME_NOT_FOUND, StepName.RESOLVE),
    seen("name-lookup-failed", Cause.NAME_LOOKUP_FAILED, StepName.RESOLVE),
    seen("name-lookup-failed", Cause.TIMED_OUT, StepName.RESOLVE),
    seen("connection-refused", Cause.CONNECTION_REFUSED, _CONNECT),
    seen("connection-refused", Cause.CONNECTION_REFUSED, _CONNECT, context(port=25, security="none")),
    seen("unreachable", Cause.UNREACHABLE, _CONNECT),
    seen("port-25-blocked", Cause.TIMED_OUT, _CONNECT, context(port=25, security="none")),
    seen("port-25-blocked", Cause.UNREACHABLE, _CONNECT, context(port=25)),
    seen("connect-timed-out", Cause.TIMED_OUT, _CONNECT),
    seen("greeting-timed-out", Cause.TIMED_OUT, _GREET),
    seen("greeting-timed-out", Cause.TIMED_OUT, _TLS, context(port=465, security="tls")),
    seen("answer-timed-out", Cause.TIMED_OUT, _AUTH),
    seen("hung-up-at-greeting", Cause.CONNECTION_LOST, _GREET),
    seen("connection-lost", Cause.CONNECTION_LOST, _MAIL),
    seen("not-smtp", Cause.NOT_SMTP, _GREET, words="HTTP/1.1 400 Bad Request"),
    seen("proxy-unreachable", Cause.PROXY_UNREACHABLE, StepName.PROXY),
    seen("proxy-unreachable", Cause.PROXY_UNREACHABLE, StepName.RESOLVE),
    seen("proxy-unreachable", Cause.TIMED_OUT, StepName.PROXY),
    seen("proxy-sign-in", Cause.PROXY_SIGN_IN, StepName.PROXY, words="407 Proxy Authentication Required"),
    seen("proxy-refused", Cause.PROXY_REFUSED, StepName.PROXY, words="403 Forbidden"),
    seen("proxy-refused", Cause.CONNECTION_LOST, StepName.PROXY),
)

TLS_ROWS = (
    seen("certificate-expired", Cause.CERTIFICATE_EXPIRED, _TLS),
    seen("certificate-not-yet-valid", Cause.CERTIFICATE_NOT_YET_VALID, _TLS),
    seen("certificate-self-signed", Cause.CERTIFICATE_SELF_SIGNED, _STARTTLS),
    seen("certificate-unknown-issuer", Cause.CERTIFICATE_UNKNOWN_ISSUER, _STARTTLS),
    seen("certificate-wrong-name", Cause.CERTIFICATE_WRONG_NAME, _TLS),
    seen("certificate-invalid", Cause.CERTIFICATE_INVALID, _TLS),
    seen("certificate-ends-soon", Cause.CERTIFICATE_ENDS_SOON, _TLS),
    seen("ca-file-unusable", Cause.CA_FILE_UNUSABLE, _TLS),
    seen("tls-version", Cause.TLS_VERSION, _TLS),
    seen("tls-failed", Cause.TLS_FAILED, _TLS),
    seen("tls-failed", Cause.CONNECTION_LOST, _TLS),
    seen("tls-on-plain-port", Cause.TLS_ON_PLAIN_PORT, _TLS, context(security="tls")),
    seen("plain-on-tls-port", Cause.PLAIN_ON_TLS_PORT, _GREET, context(port=465)),
    seen("plain-on-tls-port", Cause.TIMED_OUT, _GREET, context(port=465)),
    seen("starttls-not-offered", Cause.STARTTLS_NOT_OFFERED, _STARTTLS),
    seen("starttls-refused", Cause.STARTTLS_REFUSED, _STARTTLS, words="454 TLS not available"),
    seen("starttls-injected", Cause.STARTTLS_INJECTED, _STARTTLS),
    said("server-requires-tls", _MAIL, "530 5.7.0 Must issue a STARTTLS command first"),
    said("server-requires-tls", _MAIL, "451 5.7.3 STARTTLS is required to send mail"),
    said("server-requires-tls", _AUTH, "538 5.7.11 Encryption required for requested mechanism"),
    said("server-requires-tls", _AUTH, "530 5.7.10 Encryption needed"),
    said("server-requires-tls", _MAIL, "530 5.7.0 Must issue a STARTTLS command first. x - gsmtp", GMAIL),
)

AUTH_ROWS = (
    seen("auth-not-offered-plain", Cause.AUTH_NOT_OFFERED, _AUTH, context(security="none")),
    seen("auth-not-offered", Cause.AUTH_NOT_OFFERED, _AUTH),
    seen("auth-no-common-mechanism", Cause.AUTH_NO_COMMON_MECHANISM, _AUTH),
    seen("auth-needs-tls", Cause.AUTH_NEEDS_TLS, _AUTH, context(security="none")),
    said("account-locked", _AUTH, "535 5.7.8 Your account has been locked, call the help desk"),
    said("account-locked", _AUTH, "550 5.7.0 Account suspended"),
    said("password-expired", _AUTH, "535 5.7.8 Error: password has expired"),
    said("password-expired", _AUTH, "432 4.7.12 A password transition is needed"),
    said("auth-temporary", _AUTH, "454 4.7.0 Temporary authentication failure"),
    said("auth-refused-app-password", _AUTH, "535 5.7.8 no", context(provider="yahoo")),
    said("auth-refused-app-password", _AUTH, "535 5.7.8 no", context(provider="icloud")),
    said("auth-refused-api-key", _AUTH, "535 Authentication failed", context(provider="sendgrid")),
    said("auth-refused-api-key", _AUTH, "535 Authentication Credentials Invalid", context(provider="ses")),
    said("auth-too-weak", _AUTH, "534 5.7.9 Authentication mechanism is too weak"),
    said("auth-refused", _AUTH, "535 5.7.8 Error: authentication failed"),
    said("auth-refused", _AUTH, "535 Incorrect authentication data"),
    said("auth-refused", _AUTH, "550 5.7.8 denied"),
    said("auth-mechanism-refused", _AUTH, "504 5.5.4 Unrecognized authentication type"),
    said("auth-mechanism-refused", _AUTH, "503 5.5.1 Error: authentication not enabled"),
    said("auth-required", _MAIL, "530 5.7.0 Authentication required"),
    said("auth-required", _RCPT, "550 5.7.1 Authentication is required before sending"),
    said("sign-in-not-allowed", _AUTH, "550 5.7.1 No submission from your country"),
)

SEND_ROWS = (
    seen("unsafe-text", Cause.UNSAFE_TEXT, _MAIL),
    seen("smtputf8-not-offered", Cause.SMTPUTF8_NOT_OFFERED, _MAIL),
    seen("8bit-not-offered", Cause.EIGHT_BIT_NOT_OFFERED, _DATA),
    seen("message-too-large", Cause.MESSAGE_TOO_LARGE, _DATA),
    said("message-too-large", _MAIL, "552 5.3.4 Message size exceeds fixed limit"),
    said("message-too-large", _DATA, "552 Message too large"),
    said("message-too-large", _DATA, "554 5.2.3 message length exceeds administrative limit", M365),
    said("too-many-recipients", _RCPT, "452 4.5.3 Too many recipients"),
    said("address-blocklisted", _GREET, "554 5.7.1 Service unavailable; blocked using zen.spamhaus.org"),
    said("too-many-connections", _GREET, "421 4.7.0 mail.example.org Error: too many connections"),
    said("rate-limited", _MAIL, "450 4.7.1 Error: too many messages from your account"),
    said(
        "rate-limited",
        _DATA,
        "454 Throttling failure: Maximum sending rate exceeded.",
        context(provider="ses"),
    ),
    said("sender-domain-not-authenticated", _DATA, "550 5.7.26 This mail is unauthenticated"),
    said("sender-domain-not-authenticated", _DATA, "550 5.7.509 Access denied, DMARC verification"),
    said("relaying-denied", _RCPT, "554 5.7.1 <x@elsewhere.test>: Relay access denied"),
    said("relaying-denied", _RCPT, "550 5.7.1 Unable to relay"),
    said("relaying-denied", _RCPT, "550 relaying denied"),
    said("sender-not-owned", _RCPT, "553 5.7.1 <a@b.test>: Sender address rejected: not owned by user desk"),
    said("sender-not-owned", _DATA, "554 Message rejected: Email address is not verified."),
    said("sender-domain-not-found", _MAIL, "450 4.1.8 <a@b.test>: Sender address rejected: Domain not found"),
    said("sender-domain-not-found", _MAIL, "550 5.1.8 <a@b.test>: Sender address rejected: Domain not found"),
    said("greylisted", _RCPT, "450 4.2.0 <x@b.test>: Recipient address rejected: Greylisted"),
    said("mailbox-full", _RCPT, "552 5.2.2 <x@b.test>: Mailbox over quota"),
    said("mailbox-full", _RCPT, "452 4.2.2 <x@b.test>: mailbox full"),
    said("recipient-unknown", _RCPT, "550 5.1.1 <x@b.test>: Recipient address rejected: User unknown"),
    said("recipient-unknown", _RCPT, "550 No such user here"),
    said("recipient-unknown", _RCPT, "550 5.4.1 Recipient address rejected: Access denied", M365),
    said("recipient-unknown", _RCPT, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found", M365),
    said("address-malformed", _RCPT, "501 5.1.3 Bad recipient address syntax"),
    said("address-malformed", _MAIL, "553 5.1.7 <x>: Sender address rejected"),
    said("message-refused-as-spam", _DATA, "554 5.7.1 Spam message rejected"),
    said("message-refused-as-spam", _DATA, "554 5.7.1 Message rejected"),
    said("message-refused", _DATA, "554 5.6.0 Message content is not acceptable here"),
    said("sender-refused", _MAIL, "550 5.1.0 <a@b.test>: Sender address rejected"),
    said("recipient-refused", _RCPT, "550 5.7.1 <x@b.test>: Recipient address rejected: Access denied"),
    said("ehlo-refused", _GREET, "504 5.5.2 <box>: Helo command rejected: need fully-qualified hostname"),
    said("greeting-refused", _GREET, "554 No SMTP service here"),
    said("server-out-of-space", _MAIL, "452 4.3.1 Insufficient system storage"),
    said("server-busy", _GREET, "421 4.3.0 Service not available"),
    said("server-busy", _RCPT, "451 4.3.2 Try later"),
    said("server-busy", _RCPT, "450 4.7.1 please come back"),
)

MICROSOFT_ROWS = (
    said(
        "m365-smtp-auth-disabled",
        _AUTH,
        f"{_139} SmtpClientAuthentication is disabled for the Tenant. "
        f"Visit https://aka.ms/smtp_auth_disabled for more information. {_EXO}",
        M365,
    ),
    said(
        "m365-smtp-auth-disabled",
        _AUTH,
        f"{_139} SmtpClientAuthentication is disabled for the Tenant. {_EXO}",
        context(provider="m365", method="oauth"),
    ),
    said(
        "m365-smtp-auth-disabled-mailbox",
        _AUTH,
        f"{_139} SmtpClientAuthentication is disabled for the Mailbox. {_EXO}",
        M365,
    ),
    said(
        "m365-security-defaults",
        _AUTH,
        f"{_139} user is locked by your organization's security defaults policy. {_EXO}",
        M365,
    ),
    said(
        "m365-sign-in-criteria",
        _AUTH,
        f"{_139} the request did not meet the criteria to be authenticated successfully. "
        f"Contact your administrator. {_EXO}",
        M365,
    ),
    said("m365-credentials-incorrect", _AUTH, f"{_139} the user credentials were incorrect. {_EXO}", M365),
    said("m365-basic-disabled", _AUTH, f"{_139} basic authentication is disabled. {_EXO}", M365),
    said("m365-sign-in-blocked", _AUTH, f"{_139} for a reason nobody has seen yet {_EXO}", M365),
    said("m365-security-defaults", _AUTH, f"{_139} security defaults", HOUSE),
    said(
        "m365-basic-retired",
        _AUTH,
        "550 5.7.30 Basic authentication is not supported for Client Submission.",
        M365,
    ),
    said("exchange-password-refused", _AUTH, f"535 5.7.3 Authentication unsuccessful {_EXO}", M365),
    said("exchange-sign-in-refused", _AUTH, "535 5.7.3 Authentication unsuccessful", context(method="")),
    said(
        "exchange-anonymous-refused",
        _MAIL,
        f"530 5.7.57 Client not authenticated to send mail. {_EXO}",
        context(method="none"),
    ),
    said(
        "exchange-anonymous-without-tls",
        _MAIL,
        "530 5.7.57 SMTP; Client was not authenticated to send anonymous mail during MAIL FROM",
        context(security="none"),
    ),
    said("exchange-sign-in-not-kept", _MAIL, "530 5.7.57 Client was not authenticated", M365),
    said(
        "exchange-send-as-denied",
        _MAIL,
        "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    ),
    said(
        "m365-send-as-denied",
        _DATA,
        "554 5.2.252 SendAsDenied; a@b.test not allowed to send as c@b.test",
        M365,
    ),
    said(
        "m365-send-as-denied",
        _DATA,
        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed",
        M365,
    ),
    said(
        "exchange-relay-not-allowed",
        _RCPT,
        "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain",
    ),
    said(
        "exchange-relay-not-allowed", _MAIL, "530 5.7.1 Client was not authenticated", context(method="none")
    ),
    said("m365-connector-not-matched", _RCPT, f"550 5.7.64 TenantAttribution; Relay Access Denied {_EXO}"),
    said(
        "m365-hve-external-recipient",
        _RCPT,
        "550 5.5.105 External sending is not supported for High Volume Email accounts",
        context(provider="m365-hve"),
    ),
    said(
        "m365-daily-limit",
        _DATA,
        "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed",
        M365,
    ),
    said("m365-daily-limit", _DATA, "554 5.2.2 Submission quota exceeded", M365),
    said(
        "m365-sender-mailbox-full", _DATA, "554 5.2.2 mailbox full; MapiExceptionShutoffQuotaExceeded", M365
    ),
    said("m365-too-many-connections", _MAIL, "432 4.3.2 Concurrent connections limit exceeded", M365),
    said(
        "m365-too-many-connections",
        _DATA,
        "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded",
        M365,
    ),
    said(
        "m365-too-many-connections",
        _GREET,
        "421 4.3.2 The maximum number of concurrent connections has exceeded a limit",
        M365,
    ),
    said("m365-suspicious-traffic", _MAIL, "451 4.7.500 Access denied, please try again later", M365),
    said("m365-suspicious-traffic", _MAIL, "451 4.7.850 Access denied, please try again later", M365),
    said("m365-sender-blocked", _DATA, "550 5.1.8 Access denied, bad outbound sender", HOUSE),
    said("m365-sender-blocked", _DATA, "550 5.7.501 Access denied, spam abuse detected", M365),
    said("m365-sender-blocked", _DATA, "550 5.7.511 Access denied, banned sender", M365),
    said("m365-tenant-limit", _DATA, "550 5.7.705 Access denied, tenant has exceeded threshold", M365),
    said("m365-new-tenant", _DATA, "550 5.7.708 Access denied, traffic not accepted from this IP", M365),
    said(
        "m365-unregistered-domain",
        _DATA,
        "550 5.7.750 Client blocked from sending from unregistered domains",
        M365,
    ),
    said("m365-external-limit", _DATA, "550 5.7.233 Tenant exceeded its external recipients limit", M365),
    said("m365-onmicrosoft-limit", _DATA, "550 5.7.236 onmicrosoft.com limit", M365),
    said("m365-recipient-hourly-limit", _RCPT, "550 5.2.121 The recipient's hourly receive limit", M365),
    said("bare-line-feed", _DATA, "550 5.6.11 Invalid characters", M365),
    said("bare-line-feed", _DATA, "554 5.5.2 Error: bare <LF> received: bare newline", HOUSE),
    said("m365-no-valid-from", _DATA, "550 5.7.512 Access denied, message must be RFC 5322 compliant", M365),
    said("m365-busy", _DATA, "451 4.7.0 Temporary server error. Please try again later. PRX4", M365),
    said("m365-busy", _GREET, "421 4.3.2 Service not available", M365),
)

_BAD_PASSWORD = (
    "535 5.7.8 Username and Password not accepted. For more information, go to "
    "5.7.8 https://support.google.com/mail/?p=BadCredentials a1-20020a - gsmtp"
)

GOOGLE_ROWS = (
    said(
        "google-app-password-required",
        _AUTH,
        "534 5.7.9 Application-specific password required - gsmtp",
        GMAIL,
    ),
    said("google-browser-sign-in", _AUTH, "534 5.7.14 Please log in via your web browser - gsmtp", GMAIL),
    said("google-sign-in-blocked", _AUTH, "534 5.7.0 Not this way - gsmtp", GMAIL),
    said("google-password-refused", _AUTH, _BAD_PASSWORD, HOUSE),
    said(
        "google-too-many-sign-ins", _AUTH, "454 4.7.0 Too many login attempts, please try again later.", GMAIL
    ),
    said(
        "google-sign-in-required", _MAIL, "530 5.7.0 Authentication Required. - gsmtp", context(method="none")
    ),
    said("google-daily-limit", _DATA, "550 5.4.5 Daily user sending limit exceeded. - gsmtp", GMAIL),
    said(
        "google-relay-limit",
        _DATA,
        "450 4.2.1 Peak SMTP relay limit exceeded for this customer. - gsmtp",
        context(provider="workspace-relay"),
    ),
    said(
        "google-relay-not-allowed",
        _GREET,
        "421 4.7.0 Try again later, closing connection. (EHLO) - gsmtp",
        context(provider="workspace-relay"),
    ),
    said("google-relay-not-allowed", _RCPT, "550 5.7.1 Invalid credentials for relay [203.0.113.7]. - gsmtp"),
    said("google-admin-policy", _DATA, "550 5.7.1 The message is refused by a rule. a1-2 - gcdp", GMAIL),
    said("server-busy", _GREET, "421 4.7.0 Temporary System Problem. Try again later. - gsmtp", GMAIL),
)

UNKNOWN_ROWS = (
    said("unknown", StepName.TOKEN, "599 What now?"),
    said("unknown", StepName.ACCOUNT, "550 5.9.9 Nobody has ever seen this"),
)

ROWS: tuple[Row, ...] = (
    *NETWORK_ROWS,
    *TLS_ROWS,
    *AUTH_ROWS,
    *SEND_ROWS,
    *MICROSOFT_ROWS,
    *GOOGLE_ROWS,
    *UNKNOWN_ROWS,
)
