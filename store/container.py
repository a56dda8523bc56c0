"""The vault's file: a line with a checksum, the header, its MAC, and one sealed record a line.

The checksum tells damage from a wrong key before any key is asked for; the MAC and the seals tell
tampering. No byte of the file is outside of them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from store.sealing import Unopened, bind, mac, same, seal, subkey, unseal
from store.slots import Slot

FORMAT = 1
LIMIT = 16 * 2**20
"""Bytes of a vault file at most; a hundred profiles take some 200 KiB."""

_MAGIC = "outmail-vault"


class Damaged(Exception):  # noqa: N818 - a state that the vault turns into an error with a remedy
    """The file is not as it was written; the text says in which way."""


class Newer(Exception):  # noqa: N818
    """The file is whole, and was written by a later outmail."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Entry(_Strict):
    """One record as the header lists it; its name is in the sealed index."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    revision: Annotated[int, Field(ge=0)]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Header(_Strict):
    """What can be read without a key: nothing that an admin typed."""

    vault: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    generation: Annotated[int, Field(ge=1)]  # counts every write of the file
    slots: Annotated[tuple[Slot, ...], Field(min_length=1, max_length=8)]
    records: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=4096)]  # the index comes first


class Index(_Strict):
    """The sealed table of contents: the names of the records, and who saved the settings when."""

    revision: int
    saved_at: str
    saved_by: str
    names: dict[str, str]  # id of a record -> its name


@dataclass(frozen=True, slots=True)
class Record:
    """One thing kept sealed: the settings, one profile's secrets, one token."""

    name: str
    revision: int
    plain: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything inside a vault."""

    revision: int  # of the settings; 0 before the first save
    saved_at: datetime | None
    saved_by: str
    records: Mapping[str, Record]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A vault file taken apart, nothing opened yet."""

    header: Header
    raw_header: bytes
    mac: str
    blobs: tuple[bytes, ...]


def parse(data: bytes) -> Sealed:
    """Take a file apart. Raises Damaged, or Newer for a format that this outmail does not know."""
    first, _, rest = data.partition(b"\n")
    words = first.decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[0] != _MAGIC or not words[1].isdecimal():
        raise Damaged("it does not begin as the settings of outmail do")
    if first + b"\n" != _first_line(words[1], rest):
        raise Damaged("its checksum does not match")
    if words[1] != str(FORMAT):
        raise Newer(words[1])
    lines = rest.split(b"\n")
    try:
        header = Header.model_validate_json(lines[0])
        blobs = tuple(bytes.fromhex(line.decode("ascii")) for line in lines[2:-1])
    except (ValidationError, ValueError):
        raise Damaged("its header is not one that outmail writes") from None
    if len(blobs) != len(header.records) or lines[-1]:
        raise Damaged("it does not have the records that its header lists")
    return Sealed(header, lines[0], lines[1].decode("ascii", "replace"), blobs)


def open_contents(sealed: Sealed, key: bytes) -> Contents:
    """Everything in the file, with its data key. Raises Damaged when anything was changed or exchanged."""
    header = sealed.header
    if not same(mac(subkey(key, "header", header.vault), sealed.raw_header), sealed.mac):
        raise Damaged("its header was changed")
    index_entry, *entries = header.records
    if index_entry.revision != header.generation:
        raise Damaged("its table of contents is of another time")
    try:
        plain = _open(header, index_entry, "index", sealed.blobs[0], key)
        index = Index.model_validate_json(plain)
        records = {}
        for entry, blob in zip(entries, sealed.blobs[1:], strict=True):
            name = index.names[entry.id]
            records[name] = Record(name, entry.revision, _open(header, entry, name, blob, key))
        saved_at = datetime.fromisoformat(index.saved_at) if index.saved_at else None
    except (Unopened, ValidationError, ValueError, KeyError):
        raise Damaged("a record was changed, or belongs to another time or vault") from None
    return Contents(index.revision, saved_at, index.saved_by, records)


def render(contents: Contents, vault: str, generation: int, slots: tuple[Slot, ...], key: bytes) -> bytes:
    """The file: every record sealed afresh."""
    ids = {name: os.urandom(8).hex() for name in contents.records}
    index = Index(
        revision=contents.revision,
        saved_at=contents.saved_at.isoformat() if contents.saved_at else "",
        saved_by=contents.saved_by,
        names={id_: name for name, id_ in ids.items()},
    )
    plain = [Record("index", generation, index.model_dump_json().encode()), *contents.records.values()]
    entries, blobs = [], []
    for record in plain:
        id_ = ids.get(record.name) or os.urandom(8).hex()
        where = (vault, id_, record.name, record.revision)
        blob = seal(subkey(key, "record", *where), record.plain, bind("record", *where))
        entries.append(Entry(id=id_, revision=record.revision, digest=sha256(blob).hexdigest()))
        blobs.append(blob.hex().encode())
    header = Header(vault=vault, generation=generation, slots=slots, records=tuple(entries))
    raw = header.model_dump_json().encode()
    signed = mac(subkey(key, "header", vault), raw).encode()
    rest = b"\n".join([raw, signed, *blobs, b""])
    return _first_line(str(FORMAT), rest) + rest


def _first_line(version: str, rest: bytes) -> bytes:
    start = f"{_MAGIC} {version} "
    return start.encode() + sha256(start.encode() + rest).hexdigest().encode() + b"\n"


def _open(header: Header, entry: Entry, name: str, blob: bytes, key: bytes) -> bytes:
    if sha256(blob).hexdigest() != entry.digest:
        raise Unopened
    where = (header.vault, entry.id, name, entry.revision)
    return unseal(subkey(key, "record", *where), blob, bind("record", *where))
