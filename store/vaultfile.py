"""The files of a vault: the settings, their previous revision, the mark of the last write, and the lock.

It must never delete a damaged file: that one is moved aside, and the error says how to go on.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from store import atomic
from store.container import LIMIT, Damaged, Newer, Sealed, parse
from store.errors import ErrorKind, StoreError, cannot_read, shell
from store.lock import WAIT, locked
from store.paths import private_folder, there


class VaultFile:
    """Reads and replaces the sealed file; knows nothing of keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "settings.vault"
        self.previous = folder / "settings.vault.previous"
        self.mark = folder / "settings.mark"
        self._lock = folder / "settings.lock"

    def exists(self) -> bool:
        """Whether settings were ever saved here; also when their file is gone or was moved aside.

        Raises StoreError where this user may not even look.
        """
        return there(self.path) or self._traces()

    def read(self) -> Sealed | None:
        """The file, whole and the newest that was written here; None where nothing was ever saved.

        Raises Damaged for a file that can be moved aside, StoreError for everything else.
        """
        data = atomic.read(self.path, LIMIT)
        if data is None:
            if self._traces():
                raise self._gone()
            return None
        try:
            sealed = parse(data)
        except Newer as newer:
            raise StoreError(
                ErrorKind.UNREADABLE,
                f"{self.path} was not opened",
                f"a later outmail wrote it (format {newer})",
                "upgrade outmail on this machine",
            ) from None
        self._compare_with_mark(sealed)
        return sealed

    def write(self, data: bytes, vault: str, generation: int, *, new_revision: bool = True) -> None:
        """Replace the file; before a new revision of the settings the one before it stays as the previous.

        Raises StoreError.
        """
        if len(data) > LIMIT:
            raise atomic.too_large(self.path, LIMIT)
        atomic.write(self.path, data, self.previous if new_revision else None)
        text = f"{vault} {generation}"
        with contextlib.suppress(StoreError):  # an older mark is harmless: it only forbids going further back
            atomic.write(self.mark, f"{text} {sha256(text.encode()).hexdigest()}\n".encode())

    def forget_previous(self) -> None:
        """Let the previous revision be the present one: with a new key the old one opens no more.

        A copy and no link: what damages the one must not damage the other. Raises StoreError.
        """
        try:
            present = self.path.read_bytes()
        except OSError as error:
            raise cannot_read(self.path, error) from error
        atomic.write(self.previous, present)

    @contextlib.contextmanager
    def lock(self, who: str, wait: float = WAIT) -> Iterator[None]:
        """Be the only writer for the block. Raises StoreError."""
        private_folder(self.folder)
        with locked(self._lock, who, wait):
            for path in (self.path, self.previous, self.mark):
                atomic.sweep(path)
            yield

    @contextlib.contextmanager
    def lock_if_possible(self) -> Iterator[None]:
        """The same for readers, who may have no right to write here and then go without."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(StoreError):
                stack.enter_context(self.lock("a reader"))
            yield

    def set_aside(self, damage: Damaged) -> StoreError:
        """Move the damaged file out of the way, under the lock; the error to raise."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        aside = self.path.with_name(f"{self.path.name}.damaged-{stamp}")
        try:
            os.rename(self.path, aside)  # noqa: PTH104 - the tests cut the power at exactly this call
            self.mark.unlink(missing_ok=True)
            atomic.sync_folder(self.folder)
        except OSError:
            aside = self.path
        kept = "" if aside == self.path else f"; it is kept as {aside}"
        return StoreError(
            ErrorKind.DAMAGED, "the settings cannot be read", f"{self.path}: {damage}{kept}", self._remedy()
        )

    def _traces(self) -> bool:
        return (
            there(self.previous) or there(self.mark) or any(self.folder.glob(f"{self.path.name}.damaged-*"))
        )

    def _gone(self) -> StoreError:
        aside = sorted(self.folder.glob(f"{self.path.name}.damaged-*"))
        why = f"{self.path} was damaged and is kept as {aside[-1]}" if aside else f"{self.path} is gone"
        return StoreError(ErrorKind.DAMAGED, "the settings cannot be read", why, self._remedy())

    def _remedy(self) -> str:
        anew = f"to begin anew: mv {shell(self.folder)} {shell(f'{self.folder}.old')}"
        if there(self.previous):
            back = f"cp -p {shell(self.previous)} {shell(self.path)} && rm -f {shell(self.mark)}"
            return f"go back to the previous revision: {back}; {anew}"
        return f"put {self.path} back from a backup and rm -f {shell(self.mark)}; {anew}"

    def _compare_with_mark(self, sealed: Sealed) -> None:
        note = atomic.read(self.mark, 4096)
        if note is None:
            return
        text, _, digest = note.decode("ascii", "replace").strip().rpartition(" ")
        vault, _, generation = text.partition(" ")
        header = sealed.header
        if sha256(text.encode()).hexdigest() != digest or not generation.isdecimal():
            why = f"{self.mark}, which says what was last saved, is damaged"
        elif vault != header.vault:
            why = f"{self.path} is another vault's file"
        elif header.generation < int(generation):
            written = f"(write {header.generation})"
            why = f"{self.path} is older {written} than what was last saved (write {generation})"
        else:
            return
        raise StoreError(
            ErrorKind.DAMAGED,
            "the settings were not opened",
            why,
            f"if you put it there on purpose: rm {shell(self.mark)}",
        )
