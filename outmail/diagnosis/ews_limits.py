"""Known failures of handing mail to an Exchange server: limits, size, content, lost answers."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import PROVIDER, SERVER_ADMIN, TENANT_ADMIN, YOU, Entry
from outmail.diagnosis.ews_case import (
    CHECK,
    CODES,
    EXPORT,
    HISTORY,
    LOOK,
    QUEUE,
    SAMPLE,
    about_sign_in,
    coded,
    online,
    refused,
    through_ews,
)
from transports.base import Cause, Verdict

_THROTTLING = (
    "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/ews-throttling-in-exchange"
)
_SENDING = (
    "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/"
    "how-to-send-email-messages-by-using-ews-in-exchange"
)
_SIZES = "https://learn.microsoft.com/exchange/architecture/client-access/client-message-size-limits"
_LIMITS = (
    "https://learn.microsoft.com/office365/servicedescriptions/exchange-online-service-description/"
    "exchange-online-limits"
)
_RESTRICTED = "Microsoft Defender portal > Email & collaboration > Review > Restricted entities"
_HEALTH = "Microsoft 365 admin center > Health > Service health"
_SHOW_SIZES = "Get-Mailbox -Identity {mailbox} | Format-List MaxSendSize,MaxReceiveSize"
_QUOTA = ("ErrorExceededMessageLimit", "ErrorSubmissionQuotaExceeded", "ErrorMessageSubmissionBlocked")
_AWAY = ("ErrorMailboxStoreUnavailable", "ErrorMailboxMoveInProgress", "ErrorMailboxFailover")
_VERSIONS = (
    "ErrorInvalidServerVersion",
    "ErrorIncorrectSchemaVersion",
    "ErrorInvalidSchemaVersionForMailboxVersion",
)


_HELD = "Exchange may have taken it before. It is held, as ews.uncertain of {profile} says: {words}."
_FROM_NOW_ON = (
    "With ews.keep_copy = true outmail looks in Sent Items by itself; with ews.uncertain = "
    '"send-again" it is sent again unseen, and somebody may get it twice.'
)


def _held(case: Case) -> bool:
    return through_ews(case) and case.cause is Cause.CANNOT_ASK


def _too_large(case: Case) -> bool:
    return through_ews(case) and case.cause is Cause.MESSAGE_TOO_LARGE


def _too_large_for_mailbox(case: Case) -> bool:
    said = case.failure.facts.get("ews_code", "") or case.failure.words
    return _too_large(case) and said.lower().startswith("errormessagesizeexceeded")


def _throttled(case: Case) -> bool:
    return coded(case, "ErrorServerBusy") or (refused(case) and case.code == 429)


EWS_UNCERTAIN = (
    Entry(
        id="ews-uncertain-held-online",
        title="Exchange Online may have taken the mail, and nobody here can look",
        cause=_HELD,
        remedy=(
            "The message trace tells, some minutes later: release the mail if it did not go, delete it if "
            f"it did. {_FROM_NOW_ON}"
        ),
        when=lambda c: _held(c) and online(c),
        commands=(QUEUE, HISTORY),
        powershell=("Get-MessageTraceV2 -SenderAddress {sender} -ResultSize 50",),
        where="Exchange admin center > Mail flow > Message trace",
        docs=_SENDING,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-uncertain-held",
        title="Exchange may have taken the mail, and nobody here can look whether it did",
        cause=_HELD,
        remedy=(
            "Have the server's message tracking searched for it: release the mail if it did not go, delete "
            f"it if it did. {_FROM_NOW_ON}"
        ),
        when=_held,
        commands=(QUEUE, HISTORY),
        powershell=("Get-MessageTrackingLog -Sender {sender} -ResultSize 50",),
        docs=_SENDING,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-uncertain",
        title="Exchange had the whole mail, and said neither yes nor no",
        cause="The answer was lost, or a gateway in front of the server gave up waiting: {words}",
        remedy=(
            "With ews.keep_copy = true outmail looks for its Message-ID in Sent Items before it is sent "
            "again. Without a copy ews.uncertain decides: hold keeps it for you, send-again sends it, and "
            "somebody may get it twice. It never goes another way."
        ),
        when=lambda c: through_ews(c) and c.failure.verdict is Verdict.UNCERTAIN,
        commands=(QUEUE, HISTORY),
        docs=_SENDING,
    ),
)

EWS_LIMITS = (
    Entry(
        id="ews-sender-blocked",
        title="Exchange Online does not let this mailbox send",
        cause="Most often it is restricted because it sent too much, or spam. It said: {words}",
        remedy=(
            "Find out what was sent, secure the account, then have it unblocked under Restricted entities. "
            "The mail waits, and is tried again in {wait}."
        ),
        when=lambda c: coded(c, "ErrorMessageSubmissionBlocked") and online(c),
        commands=(QUEUE,),
        powershell=("Get-BlockedSenderAddress", "Remove-BlockedSenderAddress -SenderAddress {sender}"),
        where=_RESTRICTED,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="ews-daily-limit",
        title="The mailbox has reached its limit of mails or recipients",
        cause=(
            "Exchange Online allows 10,000 recipients in 24 hours for a mailbox; on a server of your own "
            "its throttling policy (RecipientRateLimit) says. It answered: {words}"
        ),
        remedy=(
            "The mail waits and is tried again in {wait}. Spread it over time, or use a service made for "
            "bulk mail; a failover profile of another provider takes over by itself."
        ),
        when=lambda c: coded(c, *_QUOTA),
        commands=(QUEUE,),
        docs=_LIMITS,
    ),
    Entry(
        id="ews-too-many-connections",
        title="Too much is asked of the mailbox at once",
        cause=(
            "Exchange counts all that is done in the name of {signer}, by other programs too, and allows 27 "
            "requests at once (EwsMaxConcurrency). It said: {words}"
        ),
        remedy=(
            "The relay waits by itself, this time {wait}. If it happens often, set pacing.connections of the "
            "profile lower, or give outmail an account of its own; on a server of your own a throttling "
            "policy can allow more."
        ),
        when=lambda c: coded(c, "ErrorExceededConnectionCount", "ErrorTooManyObjectsOpened"),
        commands=(EXPORT, QUEUE),
        docs=_THROTTLING,
    ),
    Entry(
        id="ews-throttled",
        title="Exchange wants to be left alone for a moment",
        cause="The account has used up what it may ask in a time, or the server has too much to do: {words}",
        remedy=(
            "The relay waits by itself, this time {wait}, and sends then; nothing is lost. If it happens "
            "often, set pacing.per_minute of the profile lower, or give outmail an account of its own; on a "
            "server of your own a throttling policy can allow more."
        ),
        when=_throttled,
        commands=(QUEUE,),
        docs=_THROTTLING,
    ),
    Entry(
        id="ews-mailbox-full",
        title="The sender's own mailbox is full",
        cause="{mailbox} holds as much as it may; most often copies in Sent Items have filled it: {words}",
        remedy=(
            "Empty Sent Items and Deleted Items, then resume; set a retention policy, or ews.keep_copy = "
            "false, so that no copies are kept."
        ),
        when=lambda c: coded(c, "ErrorQuotaExceeded"),
        commands=(EXPORT,),
        powershell=("Get-MailboxStatistics -Identity {mailbox} | Format-List TotalItemSize,ItemCount",),
        docs=CODES,
    ),
    Entry(
        id="ews-no-recipient",
        title="Exchange accepts none of the recipients, or one of them is no address",
        cause="It refuses the whole mail for one address that it cannot read: {words}",
        remedy="Check To, Cc and Bcc for typing errors, missing domains and empty lists, then send it again.",
        when=lambda c: (
            coded(c, "ErrorInvalidRecipients", "ErrorMissingRecipients", "ErrorInvalidSmtpAddress")
            and not about_sign_in(c)
        ),
        commands=(HISTORY,),
        docs=CODES,
    ),
    Entry(
        id="ews-message-malformed",
        title="Exchange cannot read the message",
        cause="It answered: {words}",
        remedy=(
            "Compare with the plain sample mail. If that passes, the program builds broken MIME; if not, "
            "a device in between changes requests."
        ),
        when=lambda c: coded(
            c, "ErrorMimeContent*", "ErrorInvalidMimeContent", "ErrorCorruptData", "ErrorItemCorrupt"
        ),
        commands=(SAMPLE,),
        docs=CODES,
    ),
    Entry(
        id="ews-mailbox-size-limit",
        title="The message is larger than the mailbox may send",
        cause="It is over the limit of {mailbox}, or over that of the whole organisation: {words}",
        remedy="Send smaller or fewer attachments, or a link, or have the limit raised.",
        when=_too_large_for_mailbox,
        powershell=(_SHOW_SIZES, "Get-TransportConfig | Format-List MaxSendSize"),
        where="Exchange admin center > Recipients > Mailboxes > {mailbox} > Message size restriction",
        docs=_SIZES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-message-too-large",
        title="The message is larger than Exchange Web Services take",
        cause=(
            "{words}. A mail grows by a third on its way, and the server's web service takes 64 MB in one "
            "request unless it was set otherwise; a proxy in front may take less."
        ),
        remedy=(
            "Send smaller or fewer attachments, or a link, or this mail by a profile with SMTP. On a server "
            "of your own maxAllowedContentLength in the web.config of EWS can be raised."
        ),
        when=_too_large,
        commands=(CHECK,),
        docs=_SIZES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-content-unfit",
        title="Exchange Web Services would damage the message, so it was not sent",
        cause="{words}",
        remedy=(
            "Send it by a profile with SMTP, which changes nothing (as failover profile it takes such mail "
            "by itself)."
        ),
        when=lambda c: through_ews(c) and c.cause is Cause.CONTENT_UNFIT,
        commands=(HISTORY,),
    ),
    Entry(
        id="ews-mailbox-away",
        title="The mailbox is away for the moment",
        cause="Its database is not mounted, or it is being moved to another server: {words}",
        remedy="Nothing was sent; it is tried again by itself. A move can take hours, a switch some minutes.",
        when=lambda c: coded(c, *_AWAY),
        commands=(QUEUE, CHECK),
        powershell=("Get-MoveRequest -Identity {mailbox} | Format-List Status",),
        docs=CODES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-busy-online",
        title="Exchange Online asks to try again later",
        cause=(
            "It has trouble or is under repair: {words}. For Microsoft's support: request {request_id}, "
            "{request_date}."
        ),
        remedy="Nothing was sent; it is tried again by itself. If it lasts, look at the service's health.",
        when=lambda c: refused(c) and c.failure.verdict is Verdict.RETRY and online(c),
        commands=(CHECK,),
        where=_HEALTH,
        docs=CODES,
        who=PROVIDER,
    ),
    Entry(
        id="ews-busy",
        title="The Exchange server asks to try again later",
        cause=(
            "It starts, has too much to do, or one of its services stands still: {words}. For its support: "
            "request {request_id}, {request_date}."
        ),
        remedy="Nothing was sent; it is tried again by itself. If it lasts, look at the server's services.",
        when=lambda c: refused(c) and c.failure.verdict is Verdict.RETRY,
        commands=(CHECK,),
        powershell=("Test-ServiceHealth", "Get-ServerComponentState -Identity $env:COMPUTERNAME"),
        docs=CODES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-too-old",
        title="The Exchange server is too old for the requests of outmail",
        cause="outmail speaks as Exchange 2010 SP2 and later understand, and this one does not: {words}",
        remedy="Send through this server by SMTP instead: edit the profile and choose SMTP, port 587.",
        when=lambda c: coded(c, *_VERSIONS),
        commands=(LOOK,),
        powershell=("Get-ExchangeServer | Format-List Name,AdminDisplayVersion",),
        docs=CODES,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ews-request-cut",
        title="The request did not reach the Exchange server whole",
        cause="It says that the request breaks its rules, though outmail's keep them: {words}",
        remedy=(
            "Try the plain sample mail. If that fails too, look for a proxy that changes or shortens "
            "requests; if it passes, report the mail to outmail's makers."
        ),
        when=lambda c: coded(c, "ErrorSchemaValidation", "ErrorInvalidRequest"),
        commands=(SAMPLE, LOOK),
        docs=CODES,
    ),
)

EWS_LAST = (
    Entry(
        id="ews-refused",
        title="Exchange refused, for a reason that we do not know",
        cause="It answered: {words}. For its support: request {request_id}, {request_date}.{ews_end}",
        remedy=(
            "Compare with the plain sample mail: if that passes, it is the message; if not, check address "
            "and mailbox of the profile. Searching for the code often helps."
        ),
        when=refused,
        commands=(SAMPLE, LOOK),
        docs=CODES,
        who=YOU,
    ),
)
