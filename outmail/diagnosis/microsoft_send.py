"""Known failures of sending through Microsoft 365 after the sign-in: limits, throttling, blocked senders."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import PROVIDER, TENANT_ADMIN, Entry

_CHECK = "outmail check {profile}"
_RESTRICTED = "Microsoft Defender portal > Email & collaboration > Review > Restricted entities"


def _throttled(case: Case) -> bool:
    return case.answered and (
        (case.code == 432 and case.is_code("4.3.2"))
        or case.says("sender thread limit")
        or (case.microsoft and case.for_now and case.says("concurrent connections"))
    )


MICROSOFT_SENDING = (
    Entry(
        id="m365-connector-not-matched",
        title="No connector of the tenant recognises this machine (5.7.64)",
        cause="Exchange Online could not tell whose mail this is: neither address nor certificate matched.",
        remedy=(
            "Add this machine's public IP address, or its certificate's name, to the tenant's inbound "
            "connector."
        ),
        when=lambda c: c.answered and c.is_code("5.7.64"),
        powershell=("Get-InboundConnector | Format-List Name,SenderIPAddresses,TlsSenderCertificateName",),
        where="Exchange admin center > Mail flow > Connectors",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-hve-external-recipient",
        title="High Volume Email reaches only your own organisation",
        cause="The recipient is outside the tenant.",
        remedy="Send this mail through another profile: Azure Communication Services or an ordinary mailbox.",
        when=lambda c: c.answered and c.is_code("5.5.105"),
    ),
    Entry(
        id="m365-daily-limit",
        title="The mailbox has reached its daily limit of recipients",
        cause="Exchange Online allows 10,000 recipients in 24 hours for a mailbox.",
        remedy="Wait until the 24 hours are over; spread the mail over time, or use a service for bulk mail.",
        when=lambda c: c.answered and c.says("submissionquotaexceeded", "submission quota exceeded"),
    ),
    Entry(
        id="m365-sender-mailbox-full",
        title="The sender's own mailbox is full",
        cause="Exchange Online keeps a copy of all mail in Sent Items, and that has filled the mailbox.",
        remedy="Empty Sent Items and Deleted Items of {username}, and set a retention policy for them.",
        when=lambda c: (
            c.answered
            and (c.says("shutoffquotaexceeded") or (c.microsoft and c.after_data and c.is_code("5.2.2")))
        ),
        powershell=("Get-MailboxStatistics -Identity {mailbox} | Format-List TotalItemSize,ItemCount",),
    ),
    Entry(
        id="m365-too-many-connections",
        title="The mailbox sends over too many connections at once",
        cause="Exchange Online allows 3 connections at a time for a mailbox.",
        remedy="Wait some seconds. Look for other programs and devices that send through {username}.",
        when=_throttled,
        commands=(_CHECK,),
    ),
    Entry(
        id="m365-suspicious-traffic",
        title="Microsoft holds this mail back as suspicious",
        cause="{words}",
        remedy="Wait an hour and send less at a time. If it stays, check the tenant for a hijacked account.",
        when=lambda c: (
            c.answered and (c.detail_in("4.7", range(500, 700)) or c.detail_in("4.7", range(850, 900)))
        ),
        where=_RESTRICTED,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-sender-blocked",
        title="Microsoft has blocked this sender for spam",
        cause="The mailbox sent so much, or such mail, that it is restricted: {words}",
        remedy=(
            "Find out what was sent, secure the account, then have it unblocked under Restricted entities. "
            "Stop the queue until then."
        ),
        when=lambda c: (
            c.answered
            and (
                c.is_code("5.7.501", "5.7.502", "5.7.503", "5.7.511")
                or (c.is_code("5.1.8") and (c.microsoft or c.says("bad outbound sender")))
            )
        ),
        powershell=("Get-BlockedSenderAddress", "Remove-BlockedSenderAddress -SenderAddress {sender}"),
        where=_RESTRICTED,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-tenant-limit",
        title="The tenant has sent more than Microsoft allows it",
        cause="The tenant exceeded its threshold for mail (5.7.705).",
        remedy="Stop sending, look for a hijacked account, then open a support ticket with Microsoft.",
        when=lambda c: c.answered and c.is_code("5.7.705"),
        where=_RESTRICTED,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-new-tenant",
        title="Microsoft takes no mail from this address for the tenant",
        cause="Tenants that are new or on trial have a low reputation (5.7.708).",
        remedy="Buy licences or wait; a support ticket with Microsoft can lift it.",
        when=lambda c: c.answered and c.is_code("5.7.708"),
        who=PROVIDER,
    ),
    Entry(
        id="m365-unregistered-domain",
        title="The sender's domain is not registered in the tenant",
        cause="Microsoft refuses mail from domains that the tenant has not verified (5.7.750).",
        remedy="Add and verify the domain of {sender} in the tenant, or use another From address.",
        when=lambda c: c.answered and c.is_code("5.7.750"),
        where="Microsoft 365 admin center > Settings > Domains",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-external-limit",
        title="The tenant has reached its daily limit of outside recipients",
        cause="Exchange Online limits outside recipients of a tenant in 24 hours by the number of licences.",
        remedy="Wait until the 24 hours are over. For bulk mail use a service made for it.",
        when=lambda c: c.answered and c.is_code("5.7.232", "5.7.233"),
        where="Exchange admin center > Reports > Mail flow > Tenant Outbound External Recipients",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-onmicrosoft-limit",
        title="An onmicrosoft.com sender may write to only 100 outside recipients a day",
        cause="The From address is in the tenant's onmicrosoft.com domain, which is meant for trials.",
        remedy="Add a domain of your own to the tenant and send from an address in it.",
        when=lambda c: c.answered and c.is_code("5.7.236"),
        where="Microsoft 365 admin center > Settings > Domains",
        who=TENANT_ADMIN,
    ),
    Entry(
        id="m365-recipient-hourly-limit",
        title="The recipient gets too much mail at the moment",
        cause="Exchange Online limits what one mailbox receives in an hour.",
        remedy="Try again in an hour.",
        when=lambda c: c.answered and c.is_code("5.2.121", "5.2.122"),
    ),
    Entry(
        id="bare-line-feed",
        title="The message has line ends that mail does not allow",
        cause="It contains a bare LF or other invalid characters; mail needs CR LF (5.6.11).",
        remedy="Correct the program that made the message. Mail that outmail composes itself has no bare LF.",
        when=lambda c: (
            c.answered and (c.is_code("5.6.11") or c.says("bare lf", "bare line feed", "bare newline"))
        ),
    ),
    Entry(
        id="m365-no-valid-from",
        title="The message has no valid From header",
        cause="Microsoft takes only messages that follow RFC 5322, with exactly one From (5.7.512).",
        remedy="Correct the From header in the program that made the message.",
        when=lambda c: c.answered and c.is_code("5.7.512"),
    ),
    Entry(
        id="m365-busy",
        title="Microsoft 365 asks to try again later",
        cause="{host} answered: {words}. It is throttling, or some of its servers are under repair.",
        remedy="Wait a few minutes and try again. Look at the service health page if it lasts.",
        when=lambda c: (
            c.microsoft
            and c.answered
            and (c.code == 421 or (c.code == 451 and c.is_code("4.7.0")))
            and not c.google
        ),
        commands=(_CHECK,),
        where="Microsoft 365 admin center > Health > Service health",
        who=PROVIDER,
    ),
)
