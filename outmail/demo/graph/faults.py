"""The faults of the practice Graph: one table, read by the server and shown to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from outmail.demo.faults import WELL, Fault
from outmail.demo.pki import Certificate
from outmail.demo.web import Response


class Afterwards(StrEnum):
    """What becomes of the answer once a mail was taken."""

    ANSWERS = "answers"
    TIMES_OUT = "times-out"  # 504, as a gateway says that waited too long
    DROPS = "drops"  # the connection is cut


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer in place of the right one: HTTP status, the service's code and its words."""

    status: int
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class GraphFault(Fault):
    """One way for Graph to be broken.

    The next `throttles` requests are put off for `retry_after` seconds: 429, with the header Retry-After as a
    number, or as an HTTP date (RFC 9110, section 10.2.3) in a spelling of its own.
    """

    slow: bool = False
    throttles: int = 0
    retry_after: float = 0.0
    retry_after_date: bool = False
    page: Response | None = None  # in place of any answer
    every_request: Refusal | None = None  # before anybody asks who it is
    refuses_tokens: bool = False
    mail: Refusal | None = None  # to every request for a mailbox
    sending: Refusal | None = None  # to a mail that is handed over
    afterwards: Afterwards = Afterwards.ANSWERS
    longest_message: int | None = None  # bytes of MIME; None is the service's own limit
    lost_sessions: int = 0  # so many PUTs find that their upload session has ended


_LOGIN_PAGE = Response(
    200,
    b"<!doctype html><html><head><title>Sign in to the network</title></head>"
    b"<body><h1>Sign in to the network</h1></body></html>\n",
    "text/html; charset=utf-8",
)

_TABLE = (
    GraphFault(WELL, "Nothing is wrong: Graph takes mail."),
    GraphFault("down", "Graph is down: connections are refused.", listens=False),
    GraphFault("silent", "Graph takes connections and then says nothing at all.", greets=False),
    GraphFault("expired", "Graph's certificate ended three days ago.", certificate=Certificate.EXPIRED),
    GraphFault("slow", "Graph answers, but every answer comes late.", slow=True),
    GraphFault(
        "throttled",
        "Graph puts the next three requests off (429), each for two seconds.",
        throttles=3,
        retry_after=2.0,
    ),
    GraphFault(
        "throttled-date",
        "Graph puts the next two requests off (429) until a time of day, in a header spelt oddly.",
        throttles=2,
        retry_after=2.0,
        retry_after_date=True,
    ),
    GraphFault(
        "unavailable",
        "Graph has no time: it answers every request with 503.",
        every_request=Refusal(503, "serviceNotAvailable", "The service is temporarily unavailable."),
    ),
    GraphFault(
        "times-out-after-accepting",
        "Graph takes the mail, and then a gateway says 504 as if it had not.",
        afterwards=Afterwards.TIMES_OUT,
    ),
    GraphFault(
        "drops-after-accepting",
        "Graph takes the mail, and the connection breaks before it can say so.",
        afterwards=Afterwards.DROPS,
    ),
    GraphFault(
        "wrong-audience",
        "Graph says of every token that it is for another service (401).",
        refuses_tokens=True,
    ),
    GraphFault(
        "send-as-denied",
        "Nobody may send as the sender of the mail (403, ErrorSendAsDenied).",
        sending=Refusal(
            403,
            "ErrorSendAsDenied",
            "The user account which was used to submit this request does not have the right to send mail on "
            "behalf of the specified sending account.",
        ),
    ),
    GraphFault(
        "access-denied",
        "An access policy keeps the application out of every mailbox (403, ErrorAccessDenied).",
        mail=Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again."),
    ),
    GraphFault(
        "mailbox-missing",
        "The mailbox has no licence, or is on another server (404, MailboxNotEnabledForRESTAPI).",
        mail=Refusal(
            404,
            "MailboxNotEnabledForRESTAPI",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
        ),
    ),
    GraphFault(
        "quota",
        "The mailbox has sent as many mails as it may today (429, ErrorExceededMessageLimit).",
        sending=Refusal(
            429,
            "ErrorExceededMessageLimit",
            "Cannot send mail: the account has exceeded its daily message limit.",
        ),
    ),
    GraphFault(
        "submission-quota",
        "The sender may send nothing more for now (403, ErrorSubmissionQuotaExceeded).",
        sending=Refusal(
            403,
            "ErrorSubmissionQuotaExceeded",
            "The message can't be submitted because the sender's submission quota was exceeded.",
        ),
    ),
    GraphFault(
        "small-mailbox",
        "The mailbox sends no mail of more than 5 MB (ErrorMessageSizeExceeded), as an admin can set it.",
        longest_message=5 * 1024 * 1024,
    ),
    GraphFault(
        "session-expired",
        "The next piece of an upload finds that its session has ended (404), once.",
        lost_sessions=1,
    ),
    GraphFault(
        "html", "A proxy on the way answers in Graph's place, with a page to sign in.", page=_LOGIN_PAGE
    ),
)

GRAPH_FAULTS: Mapping[str, GraphFault] = MappingProxyType({fault.id: fault for fault in _TABLE})
"""Every fault by its id, in the order in which a person reads them."""
