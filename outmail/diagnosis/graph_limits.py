"""Known failures of handing mail to Microsoft Graph: limits, size, content, mail that may have been taken."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import PROVIDER, TENANT_ADMIN, YOU, Entry
from outmail.diagnosis.graph_case import (
    APP,
    CHECK,
    SIGN_IN,
    coded,
    graph_code,
    may_not_keep_drafts,
    refused,
    through_graph,
)
from transports.base import Cause, Scope, Verdict

_THROTTLING = "https://learn.microsoft.com/graph/throttling-limits"
_LARGE = "https://learn.microsoft.com/graph/outlook-large-attachments"
_SEND_MAIL = "https://learn.microsoft.com/graph/api/user-sendmail"
_AFTERWARDS = "https://learn.microsoft.com/graph/outlook-things-to-know-about-send-mail"
_ERRORS = "https://learn.microsoft.com/graph/errors"
_RESTRICTED = "Microsoft Defender portal > Email & collaboration > Review > Restricted entities"
_HEALTH = "Microsoft 365 admin center > Health > Service health"
_HISTORY = "outmail history"
_QUEUE = "outmail queue list"
_SAMPLE = "outmail sample {sender} -p {profile}"


def _uncertain(case: Case) -> bool:
    return through_graph(case) and case.failure.verdict is Verdict.UNCERTAIN


def _too_large(case: Case) -> bool:
    return through_graph(case) and case.cause is Cause.MESSAGE_TOO_LARGE


def _of_the_mailbox(case: Case) -> bool:
    return _too_large(case) and graph_code(case) == "errormessagesizeexceeded"


GRAPH_UNCERTAIN = (
    Entry(
        id="graph-uncertain-held",
        title="Graph may have taken the mail, and nobody here may look whether it did",
        cause="Graph may have taken it before. It is held, as graph.uncertain of {profile} says: {words}.",
        remedy=(
            "Look into Sent Items of {mailbox}: release the mail if it is not there, delete it if it is. "
            "With Mail.ReadWrite for {app} outmail looks by itself; with graph.uncertain = "
            '"send-again" it is sent again unseen, and somebody may get it twice.'
        ),
        when=lambda c: c.cause is Cause.CANNOT_ASK,
        commands=(_QUEUE, _HISTORY),
        where=f"{APP} > Add a permission > {{api}} > Mail.ReadWrite",
        docs=_AFTERWARDS,
    ),
    Entry(
        id="graph-uncertain",
        title="Graph had the whole mail, and said neither yes nor no",
        cause="The answer was lost, or a gateway in front of Graph gave up waiting: {words}",
        remedy=(
            "Before it is sent again, outmail looks for its Message-ID in Sent Items, which needs "
            "Mail.ReadWrite. Without it graph.uncertain decides: hold keeps it for you, send-again sends it, "
            "and somebody may get it twice. It never goes another way."
        ),
        when=_uncertain,
        commands=(_QUEUE, _HISTORY),
        docs=_AFTERWARDS,
    ),
)

GRAPH_LIMITS = (
    Entry(
        id="graph-daily-limit",
        title="The mailbox has reached its daily limit",
        cause="Exchange Online allows 10,000 recipients in 24 hours for a mailbox. It said: {words}",
        remedy=(
            "The mail waits and is tried again in {wait}. Spread it over time, or use a service made for "
            "bulk mail; a failover profile of another provider takes over by itself."
        ),
        when=lambda c: coded(c, "ErrorExceededMessageLimit", "ErrorSubmissionQuotaExceeded"),
        commands=(_QUEUE,),
        docs=_SEND_MAIL,
    ),
    Entry(
        id="graph-sender-blocked",
        title="Microsoft does not let this mailbox send",
        cause="Most often it is restricted because it sent too much, or spam. It said: {words}",
        remedy=(
            "Find out what was sent, secure the account, then have it unblocked under Restricted entities. "
            "The mail waits, and is tried again in {wait}."
        ),
        when=lambda c: coded(c, "ErrorMessageSubmissionBlocked"),
        commands=(_QUEUE,),
        powershell=("Get-BlockedSenderAddress", "Remove-BlockedSenderAddress -SenderAddress {sender}"),
        where=_RESTRICTED,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-throttled",
        title="The application asks too much of this mailbox at the moment",
        cause=(
            "Graph counts all that {app} does with {mailbox}, also what other programs do with the same "
            "client ID. It said: {words}"
        ),
        remedy=(
            "The relay waits by itself, this time {wait}. If it happens often, give outmail a client ID of "
            "its own, above all where a program fetches mail from {mailbox} with this one."
        ),
        when=lambda c: refused(c) and (c.code == 429 or coded(c, "ApplicationThrottled", "TooManyRequests")),
        where="{portal} > Entra ID > App registrations > New registration",
        docs=_THROTTLING,
    ),
    Entry(
        id="graph-no-recipient",
        title="Graph accepts none of the recipients, or one of them is no address",
        cause="It refuses the whole mail for one address that it cannot read: {words}",
        remedy="Check To, Cc and Bcc for typing errors, missing domains and empty lists, then send it again.",
        when=lambda c: coded(
            c, "ErrorInvalidRecipients", "ErrorMissingRecipients", "ErrorInvalidSmtpAddress"
        ),
        commands=(_HISTORY,),
        docs=_ERRORS,
    ),
    Entry(
        id="graph-message-malformed",
        title="Graph cannot read the message",
        cause="It answered: {words}",
        remedy=(
            "Compare with the plain sample mail. If that passes, the program builds broken MIME; if not, "
            "a device in between changes requests."
        ),
        when=lambda c: coded(c, "ErrorMimeContent*"),
        commands=(_SAMPLE,),
        docs=_SEND_MAIL,
    ),
    Entry(
        id="graph-message-cut",
        title="The message did not reach Graph whole",
        cause="It says that a part of the request is empty or wrong, though outmail sent it: {words}",
        remedy=(
            "Try the plain sample mail. If that fails too, look for a proxy that changes or shortens "
            "requests; if it passes, report the mail to outmail's makers."
        ),
        when=lambda c: coded(c, "ErrorInvalidParameter"),
        commands=(_SAMPLE,),
        docs=_ERRORS,
    ),
    Entry(
        id="graph-header-refused",
        title="Graph does not take a header of the message",
        cause="A large mail may carry five headers of its own, all with names that begin x-: {words}",
        remedy="Send it with smaller attachments, so that it goes whole, or by a profile with SMTP.",
        when=lambda c: coded(c, "InvalidInternetMessageHeader*"),
        commands=(_SAMPLE,),
        docs=_SEND_MAIL,
    ),
    Entry(
        id="graph-mailbox-size-limit",
        title="The message is larger than the mailbox may send",
        cause="Graph would take it, and {mailbox} may not send as much: {words}",
        remedy="Send smaller or fewer attachments, or have the mailbox's limit raised (150 MB at most).",
        when=_of_the_mailbox,
        powershell=("Get-Mailbox -Identity {mailbox} | Format-List MaxSendSize,MaxReceiveSize",),
        where="Exchange admin center > Recipients > Mailboxes > {mailbox} > Message size restriction",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="graph-large-without-right",
        title="Large mail needs a right that the token lacks",
        cause=(
            "Over 4 MB in one request Graph takes a mail only as a draft, and that needs Mail.ReadWrite. "
            "It was said: {words}"
        ),
        remedy=(
            "Add Mail.ReadWrite to the API permissions of {app} and to auth.oauth.scopes, then sign in "
            "again. Or send less: some 2 MB of files fit into one request."
        ),
        when=lambda c: _too_large(c) and may_not_keep_drafts(c),
        commands=(SIGN_IN,),
        where=f"{APP} > Add a permission > {{api}} > Mail.ReadWrite",
        docs=_LARGE,
    ),
    Entry(
        id="graph-message-too-large",
        title="The message is larger than Microsoft Graph takes",
        cause=(
            "{words}. One request holds 4 MB, and attachments are encoded twice in it; with upload sessions "
            "a mail may have 150 MB, but the US government's Graph has none."
        ),
        remedy="Send smaller or fewer attachments, or a link, or this mail by a profile with SMTP.",
        when=_too_large,
        commands=(CHECK,),
        docs=_LARGE,
    ),
    Entry(
        id="content-unfit",
        title="This way out would damage the message, so it was not sent",
        cause="{words}",
        remedy=(
            "Send it by a profile with SMTP, which changes nothing (as failover profile it takes such mail "
            "by itself). Or send smaller attachments: what fits into one request goes as it is."
        ),
        when=lambda c: c.cause is Cause.CONTENT_UNFIT,
        commands=(_HISTORY,),
        docs=_LARGE,
    ),
    Entry(
        id="graph-draft-gone",
        title="The draft or the upload of a large mail is gone",
        cause=(
            "A large mail is put together in Drafts of {mailbox} first. Its upload took too long, or "
            "somebody deleted the draft: {words}"
        ),
        remedy="It is tried again from its beginning by itself. Leave drafts alone that outmail makes.",
        when=lambda c: (
            coded(c, "ErrorItemNotFound")
            or (refused(c) and c.about(Scope.MESSAGE) and c.failure.verdict is Verdict.RETRY)
        ),
        commands=(_QUEUE,),
        docs=_LARGE,
    ),
    Entry(
        id="graph-busy",
        title="Microsoft Graph asks to try again later",
        cause=(
            "It has trouble or is under repair: {words}. For Microsoft's support: request {request_id}, "
            "{request_date}."
        ),
        remedy="Nothing was sent; it is tried again by itself. If it lasts, look at the service's health.",
        when=lambda c: refused(c) and c.failure.verdict is Verdict.RETRY,
        commands=(CHECK,),
        where=_HEALTH,
        docs=_ERRORS,
        who=PROVIDER,
    ),
)

GRAPH_LAST = (
    Entry(
        id="graph-refused",
        title="Microsoft Graph refused, for a reason that we do not know",
        cause="It answered: {words}. For Microsoft's support: request {request_id}, {request_date}.",
        remedy=(
            "Compare with the plain sample mail: if that passes, it is the message; if not, check cloud, "
            "endpoint and mailbox of the profile. Searching for the code often helps."
        ),
        when=refused,
        commands=(_SAMPLE, "outmail check {profile} --verbose"),
        docs=_ERRORS,
        who=YOU,
    ),
)
