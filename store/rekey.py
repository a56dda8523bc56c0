"""Changes the key of the vault so that, killed at any moment, the vault opens with the key then in place.

Two files change, the vault and the key file, and no system replaces two at once. So the vault is
first written with both keys, then the key file is exchanged, then the old key is taken out.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from store import atomic
from store.errors import ErrorKind, StoreError, cannot_write
from store.keys import Key, key_of_text, new_key_text, read_key_file
from store.paths import there
from store.sealing import KEY_BYTES
from store.slots import wrap

if TYPE_CHECKING:
    from store.vault import Opened, Vault

WHO = "a change of the key"


def rotate(vault: Vault) -> None:
    """New data key, and a new key file where it is ours to replace. Raises StoreError."""
    with vault.files.lock(WHO):
        opened = _opened(vault)
        key = opened.lock.key
        if key.file and key.ours:
            text = new_key_text()
            _exchange(vault, opened, key_of_text(text, key.file), text)
        else:
            _exchange(vault, opened, key)


def to_passphrase(vault: Vault, new: Key) -> None:
    """Lock with a passphrase. Raises StoreError."""
    with vault.files.lock(WHO):
        _exchange(vault, _opened(vault), new)


def to_key_file(vault: Vault, path: Path | None) -> Path:
    """Lock with a key file. Raises StoreError."""
    with vault.files.lock(WHO):
        opened = _opened(vault)
        file = (path or vault.finder.beside).expanduser().absolute()
        if path is not None and there(file):
            _exchange(vault, opened, read_key_file(file))
        else:
            text = new_key_text()
            _exchange(vault, opened, key_of_text(text, file), text)
        return file


def _opened(vault: Vault) -> Opened:
    vault.finder.forget_file()
    opened = vault.read_alone()
    if opened is None:
        raise StoreError(
            ErrorKind.NOT_FOUND,
            "there is no key to change",
            f"nothing was saved in {vault.files.folder} yet",
            "set up a profile first: outmail",
        )
    return opened


def _exchange(vault: Vault, opened: Opened, new: Key, text: bytes | None = None) -> None:
    """The three writes. `text` is what the new key's file shall hold."""
    header, contents, old = opened.header, opened.contents, opened.lock.key
    data_key = os.urandom(KEY_BYTES)
    generation = header.generation + 1
    only = wrap(data_key, new.secret, new.passphrase, header.vault)
    leaving = old.file if old.file == vault.finder.beside and old.file != new.file else None
    if text is not None or leaving:
        coming = only.model_copy(update={"stage": "new"})
        going = wrap(data_key, old.secret, old.passphrase, header.vault, stage="old")
        vault.write(contents, header.vault, generation, (going, coming), data_key)
        vault.files.forget_previous()
        generation += 1
        if text is not None and new.file is not None:
            atomic.write(new.file, text)
        if leaving:
            _remove(leaving)
    vault.write(contents, header.vault, generation, (only,), data_key)
    vault.files.forget_previous()
    vault.use(new)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
        atomic.sync_folder(file.parent)
    except OSError as error:
        raise cannot_write(file, error) from error
