"""The faults of the practice Exchange: one table, read by the server and shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from outmail.demo.faults import WELL, Fault
from outmail.demo.graph.faults import Afterwards
from outmail.demo.pki import Certificate
from outmail.demo.web import Response


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a request gets in place of the right answer: the service's code and its words.

    With `back_off`, milliseconds, it says how long to wait.
    """

    code: str
    words: str
    back_off: int = 0

    @property
    def values(self) -> dict[str, str]:
        """What stands in MessageXml."""
        return {"BackOffMilliseconds": str(self.back_off)} if self.back_off else {}


@dataclass(frozen=True, slots=True)
class EwsFault(Fault):
    """One way for Exchange to be broken.

    The next `throttles` requests are put off for `retry_after` seconds by HTTP, and the next `busies` for
    `back_off` milliseconds by the SOAP fault ErrorServerBusy.
    """

    slow: bool = False
    throttles: int = 0
    retry_after: float = 0.0
    busies: int = 0
    back_off: int = 0
    page: Response | None = None  # in place of any answer
    schemes: frozenset[str] | None = None  # the only ways to sign in: ntlm, basic, bearer
    refuses_everybody: bool = False  # whatever they sign in with
    forbidden: bool = False  # 403 to whoever has signed in
    account: Trouble | None = None  # a SOAP fault to whoever has signed in
    mailbox: Trouble | None = None  # to every request for a mailbox
    sending: Trouble | None = None  # to a mail that is handed over
    afterwards: Afterwards = Afterwards.ANSWERS
    longest_message: int | None = None  # bytes of MIME; None is the service's own limit


LOGIN_PAGE = Response(
    200,
    b"<!DOCTYPE html><html><head><title>Outlook</title></head><body>"
    b'<form action="/owa/auth.owa" method="POST" name="logonForm"><h1>Outlook</h1>'
    b"<label>Domain\\user name: <input name=username></label>"
    b"<label>Password: <input name=password type=password></label></form></body></html>\n",
    "text/html; charset=utf-8",
)
"""What Outlook on the web shows to whoever has not signed in."""

_NO_TIME = Response(
    503,
    b"<!DOCTYPE html><html><head><title>Service Unavailable</title></head>"
    b"<body><h2>Service Unavailable</h2><p>HTTP Error 503. The service is unavailable.</p></body></html>\n",
    "text/html; charset=us-ascii",
)

_TABLE = (
    EwsFault(WELL, "Nothing is wrong: Exchange takes mail."),
    EwsFault("down", "Exchange is down: connections are refused.", listens=False),
    EwsFault("silent", "Exchange takes connections and then says nothing at all.", greets=False),
    EwsFault("expired", "Exchange's certificate ended three days ago.", certificate=Certificate.EXPIRED),
    EwsFault("slow", "Exchange answers, but every answer comes late.", slow=True),
    EwsFault(
        "throttled",
        "Exchange puts the next three requests off (429), each for two seconds.",
        throttles=3,
        retry_after=2.0,
    ),
    EwsFault(
        "server-busy",
        "Exchange is busy for the next three requests (ErrorServerBusy), and says to wait two seconds.",
        busies=3,
        back_off=2000,
    ),
    EwsFault(
        "busy-sending",
        "Exchange answers, but is too busy for each mail (ErrorServerBusy), and says to wait two seconds.",
        sending=Trouble(
            "ErrorServerBusy", "The server cannot service this request right now. Try again later.", 2000
        ),
    ),
    EwsFault(
        "unavailable", "Exchange has no time: its web server answers every request with 503.", page=_NO_TIME
    ),
    EwsFault(
        "store-unavailable",
        "The mailbox's database is not there for the moment (ErrorMailboxStoreUnavailable).",
        mailbox=Trouble("ErrorMailboxStoreUnavailable", "The mailbox database is temporarily unavailable."),
    ),
    EwsFault(
        "times-out-after-accepting",
        "Exchange takes the mail, and then a gateway says 504 as if it had not.",
        afterwards=Afterwards.TIMES_OUT,
    ),
    EwsFault(
        "drops-after-accepting",
        "Exchange takes the mail, and the connection breaks before it can say so.",
        afterwards=Afterwards.DROPS,
    ),
    EwsFault(
        "wrong-password",
        "Exchange lets nobody in, whatever the password or the token (401).",
        refuses_everybody=True,
    ),
    EwsFault(
        "password-expired",
        "The account's password has expired (ErrorPasswordExpired).",
        account=Trouble("ErrorPasswordExpired", "The password has expired. Change it and try again."),
    ),
    EwsFault("only-ntlm", "Exchange takes NTLM and no other way to sign in.", schemes=frozenset({"ntlm"})),
    EwsFault(
        "only-basic", "Exchange takes user names with passwords (Basic) alone.", schemes=frozenset({"basic"})
    ),
    EwsFault("ews-disabled", "EWS is switched off for the mailbox or the program (403).", forbidden=True),
    EwsFault(
        "access-denied",
        "Whoever signs in may not use the mailbox (ErrorAccessDenied).",
        mailbox=Trouble("ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    ),
    EwsFault(
        "mailbox-missing",
        "The address has no mailbox on this server (ErrorNonExistentMailbox).",
        account=Trouble("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it."),
    ),
    EwsFault(
        "send-as-denied",
        "Nobody may send as the sender of the mail (ErrorSendAsDenied).",
        sending=Trouble(
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to send mail on "
            "behalf of the specified sending account.",
        ),
    ),
    EwsFault(
        "quota",
        "The mailbox is full, and sends nothing before it is emptied (ErrorQuotaExceeded).",
        sending=Trouble("ErrorQuotaExceeded", "The mailbox quota has been exceeded."),
    ),
    EwsFault(
        "submission-quota",
        "The sender may send nothing more for now (ErrorSubmissionQuotaExceeded).",
        sending=Trouble(
            "ErrorSubmissionQuotaExceeded",
            "The message can't be submitted because the sender's submission quota was exceeded.",
        ),
    ),
    EwsFault(
        "too-large",
        "No mail is small enough for the mailbox (ErrorMessageSizeExceeded), as an admin can set it.",
        longest_message=1,
    ),
    EwsFault(
        "html", "Outlook on the web answers in the place of EWS, with its page to sign in.", page=LOGIN_PAGE
    ),
    EwsFault(
        "redirect",
        "The address of EWS leads on to Outlook on the web (302).",
        page=Response(302, kind="", headers={"Location": "/owa/"}),
    ),
)

EWS_FAULTS: Mapping[str, EwsFault] = MappingProxyType({fault.id: fault for fault in _TABLE})
"""Every fault by its id, in the order in which a person reads them."""


def possible(schemes: frozenset[str]) -> Mapping[str, EwsFault]:
    """The faults that can be seen where these are the ways to sign in."""
    return {
        name: fault for name, fault in EWS_FAULTS.items() if not fault.schemes or fault.schemes <= schemes
    }
