"""Microsoft's SMTP services as presets: Microsoft 365 and its national clouds, relays, Outlook.com, Azure.

A fact that is general knowledge and was not read on a page of the provider is worded with care
("usually", "about"); none of them makes a setting fail.
"""

# ruff: noqa: S105, S106 - the hints tell a person which password is meant; none is one

from __future__ import annotations

from outmail.engine.preset import STARTTLS, Entrance, Preset
from outmail.engine.retirement import HVE_BASIC, M365_BASIC, OUTLOOK_BASIC

_SUBMISSION = (
    "https://learn.microsoft.com/en-us/exchange/clients-and-mobile-in-exchange-online/"
    "authenticated-client-smtp-submission"
)
_MULTIFUNCTION = (
    "https://learn.microsoft.com/en-us/exchange/mail-flow-best-practices/"
    "how-to-set-up-a-multifunction-device-or-application-to-send-email-using-microsoft-365-or-office-365"
)
_LIMITS = (
    "3 connections at once, 30 messages a minute, 10,000 recipients a day.\n"
    "From must be the mailbox that signs in, or one it may Send As.\n"
    "Port 465 does not work. SMTP AUTH must be on for the mailbox."
)
_PASSWORD = "the mailbox's password; refused where MFA or security defaults are on"

MICROSOFT = (
    Preset(
        id="m365",
        title="Microsoft 365 / Exchange Online",
        host="smtp.office365.com",
        port=587,
        security=STARTTLS,
        methods=("oauth", "basic"),
        other_ports=(Entrance(25, STARTTLS),),
        domains=("*.onmicrosoft.com",),
        known_hosts=("outlook.office365.com", "smtp-legacy.office365.com"),
        username_hint="the mailbox's sign-in address (user principal name)",
        password_hint=_PASSWORD,
        note=_LIMITS,
        retirement=M365_BASIC,
        docs=_SUBMISSION,
    ),
    Preset(
        id="m365-relay",
        title="Microsoft 365 connector relay (no sign-in)",
        host="",
        port=25,
        security=STARTTLS,
        methods=("none",),
        host_hint="your domain's MX, as example-org.mail.protection.outlook.com",
        known_hosts=("*.mail.protection.outlook.com",),
        note=(
            "The tenant's inbound connector must name this machine's public IP\n"
            "address or certificate. Without one, only your own tenant's\n"
            "mailboxes can be reached. Port 25 must be open outbound."
        ),
        docs=_MULTIFUNCTION,
    ),
    Preset(
        id="m365-hve",
        title="Microsoft 365 High Volume Email",
        host="smtp-hve.office365.com",
        port=587,
        security=STARTTLS,
        methods=("oauth", "basic"),
        username_hint="the High Volume Email account's address",
        password_hint="the High Volume Email account's password",
        note="Recipients inside your own organisation only.",
        retirement=HVE_BASIC,
    ),
    Preset(
        id="m365-gcch",
        title="Microsoft 365 US Government GCC High",
        host="outlook.office365.us",
        port=587,
        security=STARTTLS,
        methods=("oauth", "basic"),
        other_ports=(Entrance(25, STARTTLS),),
        hosts=("smtp.office365.us",),
        username_hint="the mailbox's sign-in address (user principal name)",
        password_hint=_PASSWORD,
        note="Microsoft lists outlook.office365.us; many use smtp.office365.us.\n" + _LIMITS,
        retirement=M365_BASIC,
        docs=_SUBMISSION,
    ),
    Preset(
        id="m365-dod",
        title="Microsoft 365 US Government DoD",
        host="outlook-dod.office365.us",
        port=587,
        security=STARTTLS,
        methods=("oauth", "basic"),
        username_hint="the mailbox's sign-in address (user principal name)",
        password_hint=_PASSWORD,
        note=_LIMITS,
        retirement=M365_BASIC,
        docs=_SUBMISSION,
    ),
    Preset(
        id="m365-cn",
        title="Microsoft 365 China (21Vianet)",
        host="smtp.partner.outlook.cn",
        port=587,
        security=STARTTLS,
        methods=("oauth", "basic"),
        username_hint="the mailbox's sign-in address (user principal name)",
        password_hint=_PASSWORD,
        note=_LIMITS,
        retirement=M365_BASIC,
        docs=_SUBMISSION,
    ),
    Preset(
        id="outlook",
        title="Outlook.com, Hotmail, Live (personal)",
        host="smtp-mail.outlook.com",
        port=587,
        security=STARTTLS,
        methods=("oauth",),
        domains=("outlook.*", "hotmail.*", "live.*", "msn.com"),
        note="Signs in with OAuth only. Made for people, not for bulk mail.",
        retirement=OUTLOOK_BASIC,
    ),
    Preset(
        id="acs",
        title="Azure Communication Services",
        host="smtp.azurecomm.net",
        port=587,
        security=STARTTLS,
        methods=("basic",),
        username_hint="the SMTP user name made in the Azure portal",
        password_hint="the Entra application's client secret",
        note=(
            "For bulk mail to outside recipients. The From domain usually must\n"
            "be verified for the Communication Services resource."
        ),
    ),
    Preset(
        id="exchange-onprem",
        title="Exchange Server (your own)",
        host="",
        port=587,
        security=STARTTLS,
        methods=("basic", "none"),
        other_ports=(Entrance(25, STARTTLS),),
        host_hint="the name on the Exchange server's certificate, as mail.example.org",
        username_hint=r"the mail address or DOMAIN\user",
        password_hint="the mailbox's password",
        note=(
            "Port 587 is the client front end; 25 is for relays allowed by their\n"
            "IP address. The certificate is often from a private CA: give its\n"
            "file as tls.ca_file. Needs TLS 1.2 as a rule."
        ),
    ),
)
