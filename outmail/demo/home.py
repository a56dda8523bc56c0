"""Puts the practice profiles into a home, encrypted; other profiles there stay as they are."""

from __future__ import annotations

from pathlib import Path

from outmail.demo.tenant import PracticeTenant
from store.keys import KeyOptions
from store.paths import locate
from store.profiles import Settings
from store.vault import Snapshot, Vault

WHO = "practice tenant"
"""Who saved the settings, as the history and the next admin see it."""


def prepare_home(tenant: PracticeTenant, home: Path, keys: KeyOptions | None = None) -> Snapshot:
    """Save the tenant's profiles into `home`; blocks while the key is derived and the disk is written.

    A default profile that was chosen before stays the default. Raises StoreError when the home
    cannot be read or written.
    """
    vault = Vault(locate(str(home)).vault, keys or KeyOptions())
    before = vault.load()
    return vault.save(_with_practice(before.settings, tenant.profiles()), before, WHO)


def _with_practice(settings: Settings, practice: Settings) -> Settings:
    return settings.model_copy(
        update={
            "default": settings.default or practice.default,
            "profiles": {**settings.profiles, **practice.profiles},
        }
    )
