"""What outmail asks of an Exchange server, as plain values; nothing here knows how it is worded or sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar


class NotSayable(ValueError):  # noqa: N818 - says what it is
    """A text that has no place in XML, as a control character."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that every mailbox has, by its name in EWS: "inbox", "drafts", "sentitems".

    `mailbox` "" is the mailbox of whoever signed in, or is impersonated.
    """

    name: str
    mailbox: str = ""


@dataclass(frozen=True, slots=True)
class GetFolder:
    """Is the folder there, and may it be seen?"""

    folder: Folder
    operation: ClassVar[str] = "GetFolder"


@dataclass(frozen=True, slots=True)
class ResolveName:
    """Who is that in the directory?"""

    address: str
    operation: ClassVar[str] = "ResolveNames"


@dataclass(frozen=True, slots=True)
class CreateItem:
    """Send this mail, whose recipients stand in its header; a copy goes into the folder `copy`, if any."""

    mime: bytes = field(repr=False)
    copy: Folder | None = None
    operation: ClassVar[str] = "CreateItem"


@dataclass(frozen=True, slots=True)
class FindItem:
    """Which items of the folder have this Message-ID (with its angle brackets)?"""

    message_id: str
    folder: Folder
    operation: ClassVar[str] = "FindItem"


@dataclass(frozen=True, slots=True)
class GetItem:
    """Who were the recipients of these items?"""

    ids: tuple[str, ...]
    operation: ClassVar[str] = "GetItem"


Request = GetFolder | ResolveName | CreateItem | FindItem | GetItem
