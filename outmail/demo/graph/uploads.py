"""Upload sessions of the practice Graph: a big file comes in pieces, in order, to an address of its own.

Who knows the address may write there; a token is refused, as at the real service's pre-authorised address.
Source: "Attach large files to Outlook messages or events".
"""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from outmail.demo.graph.access import User
from outmail.demo.graph.compose import File
from outmail.demo.graph.items import Draft, Items, new_id
from outmail.demo.graph.refusals import Refused, as_json, done, not_found, too_large
from outmail.demo.graph.shapes import AttachmentItem
from outmail.demo.oauth.directory import TENANT
from outmail.demo.web import Request, Response

PREFIX = "/api/v2.0/"
"""What the addresses of uploads begin with; those of Graph itself do not."""

SMALLEST = 2 * 1024 * 1024
LARGEST = 150 * 1024 * 1024
"""Bytes of a file that is uploaded in pieces. The documentation says 3 MB to 150; two are accepted in fact
(microsoftgraph/msgraph-sdk-java, pull request 52)."""

LONGEST_PIECE = 4 * 1024 * 1024
"""Bytes that a piece stays under."""

_LIVES = timedelta(hours=1)
_RANGE = re.compile(r"bytes (\d{1,12})-(\d{1,12})/(\d{1,12})")


@dataclass(slots=True)
class _Session:
    draft: Draft
    item: AttachmentItem
    base: str
    token: str = field(repr=False)
    ends: datetime = field(default_factory=lambda: datetime.now(UTC) + _LIVES)
    content: bytearray = field(default_factory=bytearray, repr=False)


class Uploads:
    """All sessions that are open; their bytes count against the mailbox."""

    def __init__(self, items: Items) -> None:
        self._items = items
        self._sessions: dict[str, _Session] = {}
        self.lost_sessions = 0
        """So many PUTs more find that their session has ended."""

    def open(self, origin: str, owner: User, draft: Draft, item: AttachmentItem) -> Response:
        """Begin the upload of a file into a draft. Raises Refused."""
        if item.attachment_type != "file":
            raise Refused(400, "ErrorInvalidArgument", "Only files can be uploaded.")
        if item.size < SMALLEST:
            raise Refused(
                400,
                "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize",
                "Attachment size must be greater than the minimum size.",
            )
        if item.size > LARGEST:
            raise Refused(400, "ErrorAttachmentSizeLimitExceeded", "The attachment is larger than 150 MB.")
        self._forget()
        self._items.room_for(item.size, sum(kept.item.size for kept in self._sessions.values()))
        name, token = uuid.uuid4().hex, secrets.token_urlsafe(48)
        message = f"{origin}{PREFIX}Users('{owner.id}@{TENANT}')/Messages('{draft.id}')"
        session = self._sessions[name] = _Session(draft, item, message, token)
        return as_json(
            {
                "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#microsoft.graph.uploadSession",
                "uploadUrl": f"{message}/AttachmentSessions('{name}')?authtoken={token}",
                **_state(session, "0-"),
            },
            201,
        )

    def answer(self, request: Request) -> Response:
        """A request for one of the addresses. Raises Refused."""
        if "authorization" in request.headers:
            raise Refused(401, "InvalidAuthenticationToken", "This address takes no Authorization header.")
        name, session = self._find(request)
        match request.method:
            case "GET":
                return as_json(_state(session, str(len(session.content))))
            case "DELETE":
                del self._sessions[name]
                return done(204)
            case "PUT":
                if self.lost_sessions:
                    self.lost_sessions -= 1
                    del self._sessions[name]
                    raise not_found()
                return self._put(name, session, request)
        raise Refused(
            405, "ErrorInvalidRequest", "That method means nothing here.", {"Allow": "PUT, GET, DELETE"}
        )

    def close(self, draft: Draft) -> None:
        """Forget what was not finished of a draft that is sent or deleted."""
        self._sessions = {name: kept for name, kept in self._sessions.items() if kept.draft is not draft}

    def _put(self, name: str, session: _Session, request: Request) -> Response:
        given = _RANGE.fullmatch(request.headers.get("content-range", "").strip())
        if given is None:
            raise Refused(400, "ErrorInvalidRequest", "The Content-Range header is missing or malformed.")
        first, last, total = map(int, given.groups())
        if len(request.body) >= LONGEST_PIECE:
            raise too_large()
        if last - first + 1 != len(request.body) or total != session.item.size or last >= total:
            raise Refused(400, "ErrorInvalidRequest", "The Content-Range header does not fit what came.")
        if first != len(session.content):
            raise Refused(
                416, "ErrorInvalidRange", f"The next byte that is expected is {len(session.content)}."
            )
        session.content += request.body
        session.ends = datetime.now(UTC) + _LIVES
        if len(session.content) < total:
            return as_json(_state(session, str(len(session.content))))
        del self._sessions[name]
        item = session.item
        file = File(
            new_id(),
            item.name,
            item.content_type or "application/octet-stream",
            bytes(session.content),
            bool(item.is_inline),
            item.content_id or "",
        )
        session.draft.files.append(file)
        session.draft.changes += 1
        return done(201, {"Location": f"{session.base}/Attachments('{file.id}')"})

    def _find(self, request: Request) -> tuple[str, _Session]:
        self._forget()
        token = request.query.get("authtoken", "")
        for name, session in self._sessions.items():
            if request.path == f"{_path_of(session.base)}/AttachmentSessions('{name}')":
                if secrets.compare_digest(session.token.encode(), token.encode()):
                    return name, session
                raise Refused(401, "InvalidAuthenticationToken", "The address was changed.")
        raise not_found()

    def _forget(self) -> None:
        now = datetime.now(UTC)
        self._sessions = {name: kept for name, kept in self._sessions.items() if kept.ends > now}


def _state(session: _Session, begins: str) -> dict[str, object]:
    """As an upload session is told; the next range of a mail's file is a single number."""
    return {
        "expirationDateTime": session.ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nextExpectedRanges": [begins],
    }


def _path_of(base: str) -> str:
    return base[base.index(PREFIX) :]
