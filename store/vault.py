"""The vault: the settings on disk, encrypted; loaded, saved against what was loaded, never half.

It must never fall back to older or empty settings by itself, and never let one admin's save undo
another's unseen.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from pydantic import SecretStr

from store import codec, rekey
from store.changes import Change, compare
from store.container import Contents, Damaged, Header, Record, open_contents, render
from store.contradictions import check_whole
from store.errors import ErrorKind, StoreError, shell
from store.keys import Key, KeyFinder, KeyOptions, chosen_passphrase
from store.profiles import Settings
from store.sealing import KEY_BYTES, Unopened
from store.slots import Slot, describe, settled, unwrap, wants_passphrase, wrap
from store.tokens import orphaned
from store.vaultfile import VaultFile

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The settings as they were at one moment; revision 0 is the empty start."""

    settings: Settings
    revision: int = 0
    saved_at: datetime | None = None
    saved_by: str = ""


class SettingsChanged(StoreError):  # noqa: N818 - the name says what happened
    """Somebody else saved since these settings were read; nothing was written."""

    def __init__(self, base: Snapshot, current: Snapshot) -> None:
        self.current = current
        self.who = current.saved_by
        self.when = current.saved_at
        self.changes: list[Change] = compare(base.settings, current.settings)
        at = f" at {self.when.astimezone():%Y-%m-%d %H:%M:%S}" if self.when else ""
        fields = ", ".join(c.field for c in self.changes[:5]) or "no field that you see"
        more = f" and {len(self.changes) - 5} more" if len(self.changes) > 5 else ""
        super().__init__(
            ErrorKind.CHANGED,
            "the settings were not saved",
            f"{self.who or 'somebody'} changed them{at}: {fields}{more}",
            "load them again and make your change once more (outmail history shows both)",
        )


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What `key status` tells: how the vault is locked, and whether the key at hand opens it."""

    file: Path
    exists: bool
    locked_by: tuple[str, ...] = ()  # "key" or "passphrase"; two while a change of the key is not over
    kdf: tuple[str, ...] = ()
    source: str = ""  # of the key at hand
    revision: int = 0
    saved_at: datetime | None = None
    saved_by: str = ""
    problem: StoreError | None = None  # why it does not open


@dataclass(frozen=True, slots=True)
class Opened:
    """A vault that is open: its header, its contents and what opened it. It stays inside the store."""

    header: Header
    contents: Contents
    lock: _Unlocked


@dataclass(frozen=True, slots=True, repr=False)
class _Unlocked:
    slot: Slot
    data_key: bytes
    key: Key


class Vault:
    """The settings in one folder."""

    def __init__(self, folder: Path, keys: KeyOptions) -> None:
        self.files = VaultFile(folder)
        self.finder = KeyFinder(keys, folder)
        self._options = keys
        self._unlocked: _Unlocked | None = None
        self._mutex = threading.RLock()  # tokens are read and kept in threads

    def exists(self) -> bool:
        """Whether settings were ever saved here, readable or not."""
        return self.files.exists()

    def load(self) -> Snapshot:
        """The settings as they are on disk; needs no key where nothing was saved. Raises StoreError.

        A damaged file is moved aside, and every load from then on says how to go on, until
        somebody does it. Raises SettingsInvalid for settings that this outmail would not take.
        """
        return self._look(self._snapshot)

    def save(self, settings: Settings, base: Snapshot, who: str) -> Snapshot:
        """Keep new settings in place of those of `base`, and return them as they are now on disk.

        Raises SettingsInvalid with every problem, SettingsChanged when somebody saved since `base`
        was loaded, StoreError when they cannot be written; each time the settings are as they were.
        """
        check_whole(settings)
        with self.files.lock(who):
            self._read_key_again()
            opened = self.read_alone()
            current = self._snapshot(opened)
            if (current.revision, current.saved_at) != (base.revision, base.saved_at):
                raise SettingsChanged(base, current)
            revision = current.revision + 1
            records = codec.to_records(settings, revision)
            before = opened.contents.records if opened else {}
            gone = orphaned(before, settings)
            others = {n: r for n, r in before.items() if not codec.ours(n) and n not in gone}
            contents = Contents(revision, datetime.now(UTC), who, {**records, **others})
            if opened:
                slots = settled(opened.header.slots, opened.lock.slot)
                self.write(
                    contents, opened.header.vault, opened.header.generation + 1, slots, opened.lock.data_key
                )
            else:
                self._found(contents)
            return Snapshot(settings.model_copy(deep=True), revision, contents.saved_at, who)

    def status(self) -> KeyStatus:
        """How the vault is locked and whether the key at hand opens it; trouble is told, not raised."""
        status = self._status()
        if status.problem and status.problem.kind in {ErrorKind.WRONG_KEY, ErrorKind.DAMAGED}:
            with self.files.lock_if_possible():  # as in load: it may have been replaced while we read
                self._read_key_again()
                status = self._status()
        return status

    def _status(self) -> KeyStatus:
        known = KeyStatus(self.files.path, False)
        try:
            known = KeyStatus(self.files.path, self.exists())
            sealed = self.files.read()
            if sealed is None:
                return known
            slots = sealed.header.slots
            known = KeyStatus(
                self.files.path,
                True,
                tuple("passphrase" if wants_passphrase(s) else "key" for s in slots),
                tuple(describe(s) for s in slots),
            )
            lock = self._unlock(sealed.header)
            contents = open_contents(sealed, lock.data_key)
        except Damaged as damage:
            why = StoreError(
                ErrorKind.DAMAGED, "the settings cannot be read", str(damage), "run: outmail profile list"
            )
            return KeyStatus(known.file, known.exists, known.locked_by, known.kdf, problem=why)
        except StoreError as error:
            return KeyStatus(known.file, known.exists, known.locked_by, known.kdf, problem=error)
        return KeyStatus(
            known.file,
            True,
            known.locked_by,
            known.kdf,
            lock.key.source,
            contents.revision,
            contents.saved_at,
            contents.saved_by,
        )

    def rotate(self) -> None:
        """Lock everything with new keys; the settings and their revision stay. Raises StoreError.

        A key file of ours is replaced. A passphrase or systemd credential stays, under a new data key.
        Killed at any moment, the vault opens with the key that is then in place.
        """
        rekey.rotate(self)

    def set_passphrase(self, new: SecretStr) -> None:
        """Lock everything with this passphrase; a key file beside the vault is removed. Raises StoreError."""
        rekey.to_passphrase(self, chosen_passphrase(new))

    def set_key_file(self, path: Path | None = None) -> Path:
        """Lock everything with a key file: `path` if it is there, else a new one there, or beside the vault.

        Returns the file. Raises StoreError.
        """
        return rekey.to_key_file(self, path)

    # What follows is for the store itself.

    def records(self) -> Mapping[str, Record]:
        """Every record as it is on disk; none where nothing was saved. Raises StoreError."""
        return self._look(lambda opened: opened.contents.records if opened else {})

    def change_records(self, who: str, changed: Mapping[str, bytes | None]) -> Mapping[str, Record]:
        """Keep these records beside the settings, drop those that are None; the settings stay as they are.

        Their revision, who saved them and the previous revision stay too, so that nobody's save is
        refused because of it. Returns every record. Raises StoreError.
        """
        with self.files.lock(who):
            self._read_key_again()
            opened = self.read_alone()
            if opened is None:
                raise StoreError(
                    ErrorKind.NOT_FOUND,
                    "the sign-in was not kept",
                    f"nothing was saved in {self.files.folder} yet",
                    "save the profile first: run outmail, or outmail profile import FILE",
                )
            contents, generation = opened.contents, opened.header.generation + 1
            records = {n: r for n, r in contents.records.items() if n not in changed}
            records |= {n: Record(n, generation, plain) for n, plain in changed.items() if plain is not None}
            if records.keys() != contents.records.keys() or any(p is not None for p in changed.values()):
                self.write(
                    Contents(contents.revision, contents.saved_at, contents.saved_by, records),
                    opened.header.vault,
                    generation,
                    settled(opened.header.slots, opened.lock.slot),
                    opened.lock.data_key,
                    new_revision=False,
                )
            return records

    def read(self) -> Opened | None:
        """The vault, open; None where nothing was saved. Raises Damaged, StoreError."""
        sealed = self.files.read()
        if sealed is None:
            return None
        lock = self._unlock(sealed.header)
        return Opened(sealed.header, open_contents(sealed, lock.data_key), lock)

    def read_alone(self) -> Opened | None:
        """The same under the lock, where a damaged file can be moved aside. Raises StoreError."""
        try:
            return self.read()
        except Damaged as damage:
            raise self.files.set_aside(damage) from None
        except StoreError as error:
            if error.kind is ErrorKind.WRONG_KEY:
                self.finder.forget_answer()
            raise

    def write(
        self,
        contents: Contents,
        vault: str,
        generation: int,
        slots: tuple[Slot, ...],
        data_key: bytes,
        *,
        new_revision: bool = True,
    ) -> None:
        """Seal and replace the file, under the lock. Raises StoreError."""
        data = render(contents, vault, generation, slots, data_key)
        self.files.write(data, vault, generation, new_revision=new_revision)

    def use(self, key: Key) -> None:
        """From now on this key opens the vault."""
        self._unlocked = None
        self.finder.keep(key)

    def _look(self, at: Callable[[Opened | None], T]) -> T:
        """What is in the vault. Raises StoreError."""
        try:
            return at(self.read())
        except Damaged:
            pass
        except StoreError as error:
            if error.kind not in {ErrorKind.WRONG_KEY, ErrorKind.DAMAGED}:
                raise
        # A change of the key replaces two files; between them it looks like this. Look again, alone.
        with self.files.lock_if_possible():
            self._read_key_again()
            return at(self.read_alone())

    def _found(self, contents: Contents) -> None:
        """The first save: with the passphrase that was chosen or named, else with a new key file."""
        if self._options.new_passphrase is not None:
            key = chosen_passphrase(self._options.new_passphrase)
        else:
            key = self.finder.for_new_vault()
        data_key, vault = os.urandom(KEY_BYTES), os.urandom(16).hex()
        slot = wrap(data_key, key.secret, key.passphrase, vault)
        self.write(contents, vault, 1, (slot,), data_key)
        self.use(key)

    def _snapshot(self, opened: Opened | None) -> Snapshot:
        if opened is None:
            return Snapshot(Settings())
        contents = opened.contents
        try:
            settings = codec.from_records(contents.records)
        except Damaged as damage:
            raise self.files.set_aside(damage) from None
        return Snapshot(settings, contents.revision, contents.saved_at, contents.saved_by)

    def _unlock(self, header: Header) -> _Unlocked:
        """Find what opens one of the slots; remembered, since a passphrase costs a tenth of a second."""
        with self._mutex:
            return self._find_slot(header)

    def _find_slot(self, header: Header) -> _Unlocked:
        if self._unlocked and self._unlocked.slot in header.slots:
            return self._unlocked
        passphrases = [s for s in header.slots if wants_passphrase(s)]
        key = self.finder.find(len(passphrases) < len(header.slots), bool(passphrases))
        for slot in header.slots:
            if wants_passphrase(slot) is not key.passphrase:
                continue
            try:
                self._unlocked = _Unlocked(slot, unwrap(slot, key.secret, header.vault), key)
            except Unopened:
                continue
            except (UnsupportedAlgorithm, MemoryError) as error:
                raise _too_weak(error, slot) from None
            return self._unlocked
        raise self._wrong(key, bool(passphrases))

    def _read_key_again(self) -> None:
        with self._mutex:
            self._unlocked = self._unlocked if self._unlocked and self._unlocked.key.passphrase else None
            self.finder.forget_file()

    def _wrong(self, key: Key, passphrase: bool) -> StoreError:
        why = f"{key.source} does not open {self.files.path}"
        if passphrase and not key.passphrase:
            remedy = (
                "they are locked with a passphrase: leave the key file out (--key-file, OUTMAIL_KEY_FILE)"
            )
        elif key.passphrase and not passphrase:
            remedy = (
                "they are locked with a key file: leave the passphrase out (--passphrase-fd, "
                f"OUTMAIL_PASSPHRASE_…) so that {self.finder.beside} is used, or give --key-file FILE"
            )
        elif passphrase:
            remedy = "try the passphrase again"
        else:
            file = key.file or self.finder.beside
            remedy = f"put the right key back from a backup: install -m 600 BACKUP {shell(file)}"
        return StoreError(ErrorKind.WRONG_KEY, "the settings cannot be opened", why, remedy)


def _too_weak(error: Exception, slot: Slot) -> StoreError:
    why = "there is not enough free memory" if isinstance(error, MemoryError) else "the OpenSSL here lacks it"
    return StoreError(
        ErrorKind.UNREADABLE,
        "the settings cannot be opened",
        f"their passphrase needs {describe(slot)}, and {why}",
        "free some memory"
        if isinstance(error, MemoryError)
        else "install a cryptography package with OpenSSL 3.2",
    )
