"""Known failures of handing a mail over, whoever runs the server: sender, recipient, size, content."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import SERVER_ADMIN, Entry
from transports.base import Cause, Scope, StepName

_CHECK = "outmail check {profile}"
_OPENING = (StepName.CONNECT, StepName.GREETING, StepName.STARTTLS)

_RELAYING = (
    "relay access denied",
    "relaying denied",
    "relay not permitted",
    "not permitted to relay",
    "relaying not permitted",
    "relay denied",
    "unable to relay",
    "cannot relay",
    "we do not relay",
    "relay not allowed",
    "relaying is not allowed",
)
_NOT_OWNED = (
    "not owned by user",
    "not owned by",
    "sender address rejected: not logged in",
    "send as this sender",
    "not allowed to send as",
    "sender address is not allowed",
    "sender is not allowed",
    "sender does not match",
    "from address does not match",
    "envelope sender",
    "not verified",
    "does not match a verified",
    "sender not authorized",
    "not authorized to send",
)
_BLOCKLISTS = (
    "blocklist",
    "blacklist",
    "block list",
    "black list",
    "spamhaus",
    "spamcop",
    "barracuda",
    "rbl",
    "dnsbl",
)
_UNKNOWN_USER = (
    "user unknown",
    "unknown user",
    "no such user",
    "unknown recipient",
    "recipient unknown",
    "recipient not found",
    "user not found",
    "mailbox not found",
    "mailbox unavailable",
    "does not exist",
    "invalid recipient",
    "no such recipient",
    "no mailbox here",
)
_FULL = ("mailbox full", "mailbox is full", "over quota", "quota exceeded", "exceeded storage")
_SPAM = ("spam", "junk", "virus", "malware", "phish", "content rejected", "blocked by policy", "reputation")
_GREY = ("greylist", "graylist", "grey list", "gray list", "grey-list", "try again in")
_CROWD = ("too many connections", "concurrent connections", "connection limit", "too many sessions")
_RATE = (
    "rate limit",
    "ratelimit",
    "rate exceeded",
    "sending rate",
    "too many messages",
    "too many emails",
    "sending limit",
    "sending quota",
    "daily quota",
    "daily limit",
    "hourly limit",
    "quota for this period",
)


def _about_sender(case: Case) -> bool:
    return case.answered and (case.about(Scope.SENDER) or case.at(StepName.SENDER))


def _about_recipient(case: Case) -> bool:
    return case.answered and (case.about(Scope.RECIPIENT) or case.at(StepName.PERMISSION))


def _too_large(case: Case) -> bool:
    if case.cause is Cause.MESSAGE_TOO_LARGE:
        return True
    if not case.answered or case.is_code("5.2.2", "4.2.2"):
        return False
    said = case.says("too large", "too big", "size limit", "message size exceeds", "exceeds size")
    return case.is_code("5.3.4", "5.2.3") or (case.sending and case.for_good and said) or case.code == 523


SMTP_SEND = (
    Entry(
        id="unsafe-text",
        title="A value contains characters that could forge a mail command",
        cause="{words}",
        remedy="Nothing was sent. Remove line breaks, control characters and angle brackets from the value.",
        when=lambda c: c.cause is Cause.UNSAFE_TEXT,
    ),
    Entry(
        id="smtputf8-not-offered",
        title="The server does not take addresses or headers with international letters",
        cause="{host} does not offer SMTPUTF8 (RFC 6531): {words}",
        remedy=(
            "Use addresses in ASCII letters for this mail, or send it through a server that offers SMTPUTF8."
        ),
        when=lambda c: c.cause is Cause.SMTPUTF8_NOT_OFFERED,
        commands=(_CHECK,),
    ),
    Entry(
        id="8bit-not-offered",
        title="The server takes 7-bit text only, and the message has other bytes",
        cause="{host} does not offer 8BITMIME (RFC 6152), and a message is never re-encoded on its way.",
        remedy="Have the program encode the mail as quoted-printable or base64, or use another server.",
        when=lambda c: c.cause is Cause.EIGHT_BIT_NOT_OFFERED,
        commands=(_CHECK,),
    ),
    Entry(
        id="message-too-large",
        title="The message is larger than the server takes",
        cause="{host}: {words}. Attachments grow by a third when they are encoded for mail.",
        remedy="Send smaller or fewer attachments, or a link, or have the limit raised.",
        when=_too_large,
        commands=(_CHECK,),
    ),
    Entry(
        id="too-many-recipients",
        title="The message has more recipients than the server takes at once",
        cause="{host} answered: {words}",
        remedy="Send it to fewer recipients at a time.",
        when=lambda c: (
            c.answered and (c.is_code("4.5.3", "5.5.3") or c.says("too many recipients", "recipient limit"))
        ),
    ),
    Entry(
        id="address-blocklisted",
        title="The server refuses this machine's address because of its reputation",
        cause="{host} answered: {words}",
        remedy=(
            "Look the address up on the list that is named and ask for its removal, or send through your "
            "provider's submission server (587 or 465) with a sign-in."
        ),
        when=lambda c: c.answered and c.says(*_BLOCKLISTS),
    ),
    Entry(
        id="too-many-connections",
        title="The server has too many connections from here",
        cause="{host} answered: {words}",
        remedy="Wait a few minutes. Check that no other program sends through the same account all the time.",
        when=lambda c: c.answered and (c.says(*_CROWD) or (c.at(*_OPENING) and c.is_code("4.7.1"))),
    ),
    Entry(
        id="rate-limited",
        title="The server's sending limit is reached",
        cause="{host} answered: {words}",
        remedy="Wait until the limit's period is over, and send less at a time; or have the limit raised.",
        when=lambda c: c.answered and c.says(*_RATE),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="sender-domain-not-authenticated",
        title="The sender's domain does not vouch for this mail",
        cause="{host} answered: {words}. SPF, DKIM or DMARC of the From domain does not cover this way out.",
        remedy="Add this way out to the domain's SPF record, or send through the domain's own provider.",
        when=lambda c: (
            c.answered
            and (
                c.is_code(
                    *(f"5.7.{n}" for n in (20, 21, 22, 23, 24, 25, 26, 27, 29, 509)), "4.7.26", "4.7.27"
                )
                or c.says("dmarc", "spf check", "spf fail", "dkim")
            )
        ),
        commands=("dig +short TXT {domain}", "dig +short TXT _dmarc.{domain}"),
    ),
    Entry(
        id="relaying-denied",
        title="The server does not pass on mail from here",
        cause="{host} answered: {words}. It takes mail for its own people only, unless you sign in.",
        remedy=(
            "Sign in (method basic) on the submission port 587 or 465, or have the server's admin "
            "allow this machine's address."
        ),
        when=lambda c: c.answered and c.says(*_RELAYING),
        commands=(_CHECK,),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="sender-not-owned",
        title="This account may not send from this address",
        cause="{host} does not let {username} send as {sender}: {words}",
        remedy=(
            "Set the From address to the account's own, with the wanted one as Reply-To; or have the "
            "server's "
            "admin allow the address for this account."
        ),
        when=lambda c: c.answered and c.for_good and c.says(*_NOT_OWNED),
        commands=(_CHECK,),
    ),
    Entry(
        id="sender-domain-not-found",
        title="The server does not know the domain of the sender",
        cause="{host} refused {sender}: {words}",
        remedy="Correct the From address, or give its domain an MX or A record.",
        when=lambda c: (
            c.answered
            and (
                c.is_code("4.1.8", "5.1.8")
                or (_about_sender(c) and c.says("domain not found", "domain does not"))
            )
        ),
        commands=("dig +short MX {domain}", "dig +short A {domain}"),
    ),
    Entry(
        id="greylisted",
        title="The server puts off mail that it does not know yet",
        cause="{host} answered: {words}. It wants to see whether the mail comes again.",
        remedy="Try again in 5 to 15 minutes from the same machine. Nothing needs to be changed.",
        when=lambda c: c.answered and c.for_now and c.says(*_GREY),
    ),
    Entry(
        id="mailbox-full",
        title="The recipient's mailbox is full",
        cause="{host} answered: {words}",
        remedy="The recipient must make room; then send it again.",
        when=lambda c: (
            _about_recipient(c) and (c.is_code("4.2.2", "5.2.2") or c.code in {452, 552} or c.says(*_FULL))
        ),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="recipient-unknown",
        title="The recipient does not exist",
        cause="{host} answered: {words}",
        remedy="Check the recipient's address for typing errors.",
        when=lambda c: (
            c.answered
            and c.for_good
            and (
                c.is_code("5.1.1", "5.1.2", "5.1.6", "5.1.10", "5.4.1")
                or (_about_recipient(c) and c.says(*_UNKNOWN_USER))
            )
        ),
    ),
    Entry(
        id="address-malformed",
        title="The server does not accept an address as it is written",
        cause="{host} answered: {words}",
        remedy="Check the From address and the recipients for spaces, missing domains and the like.",
        when=lambda c: c.answered and c.sending and (c.code == 501 or c.is_code("5.1.3", "5.1.7")),
    ),
    Entry(
        id="message-refused-as-spam",
        title="The server takes the message for spam or malware",
        cause="{host} answered: {words}",
        remedy=(
            "Try the plain sample mail: if that passes, it is the content (links, attachments, wording); if "
            "not, "
            "it is the sender's or this machine's reputation."
        ),
        when=lambda c: c.after_data and c.answered and c.for_good and (c.says(*_SPAM) or c.is_code("5.7.1")),
        commands=("outmail sample {sender} -p {profile}",),
    ),
    Entry(
        id="message-refused",
        title="The server refused the message after it had read it",
        cause="{host} answered: {words}",
        remedy=(
            "Compare with the plain sample mail; if that passes, the program builds mail this server "
            "dislikes."
        ),
        when=lambda c: c.after_data and c.answered and c.for_good,
        commands=("outmail sample {sender} -p {profile}",),
    ),
    Entry(
        id="sender-refused",
        title="The server refused the sender's address",
        cause="{host} does not take mail from {sender}: {words}",
        remedy=(
            "Set the From address to one that belongs to the account, or ask the server's admin to allow it."
        ),
        when=lambda c: _about_sender(c) and c.for_good,
        commands=(_CHECK,),
    ),
    Entry(
        id="recipient-refused",
        title="The server refused the recipient",
        cause="{host} answered: {words}",
        remedy="Check the address. If it is right, the recipient's admin can tell why mail to it is refused.",
        when=lambda c: _about_recipient(c) and c.for_good,
        who=SERVER_ADMIN,
    ),
    Entry(
        id="ehlo-refused",
        title="The server does not accept the name by which we call ourselves",
        cause="{host} answered: {words}",
        remedy="Set smtp.ehlo_name to this machine's full name, one that DNS knows.",
        when=lambda c: (
            c.answered
            and c.for_good
            and c.at(*_OPENING)
            and (c.says("helo", "ehlo", "hostname") or c.code in {501, 504})
        ),
        commands=("hostname -f", _CHECK),
    ),
    Entry(
        id="greeting-refused",
        title="The server turns this machine away",
        cause="{host} answered: {words}",
        remedy="Ask the server's admin whether this machine's address may connect, and check host and port.",
        when=lambda c: c.answered and c.for_good and c.at(*_OPENING),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="server-out-of-space",
        title="The server has no room for mail at the moment",
        cause="{host} answered: {words}",
        remedy="Tell the server's admin; try again later.",
        when=lambda c: c.answered and (c.is_code("4.3.1") or (c.code == 452 and c.says("storage", "space"))),
        who=SERVER_ADMIN,
    ),
    Entry(
        id="server-busy",
        title="The server asks to try again later",
        cause="{host} answered: {words}",
        remedy="Wait a few minutes and try again. If it lasts for hours, ask the server's admin.",
        when=lambda c: c.answered and c.for_now,
        commands=(_CHECK,),
        who=SERVER_ADMIN,
    ),
)
