"""What the faces work with: the settings as they stand, saving them, and the history of both."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from outmail.engine.report import SendReport
from store.changes import Change, compare
from store.errors import StoreError
from store.history import DeliveredTo, Delivery, History
from store.keys import KeyOptions
from store.paths import Paths, locate
from store.profiles import Settings
from store.vault import Vault

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens


class Workspace:
    """One home of outmail: its vault, its history, and the settings as they were last read."""

    def __init__(self, paths: Paths, keys: KeyOptions) -> None:
        self.paths = paths
        self.vault = Vault(paths.vault, keys)
        self.history = History(paths.spool)
        self.snapshot = self.vault.load()
        self._tokens: Tokens | None = None
        self.warning = ""
        """What went wrong beside the last save: a sentence for the user, "" where all went well."""

    @classmethod
    def open(cls, home: str | None, system: bool, keys: KeyOptions) -> Workspace:
        """Find the home (contract: 'Where things are') and read the settings.

        Raises StoreError when they cannot be read; an empty home is no error.
        """
        return cls(locate(home, system), keys)

    @property
    def settings(self) -> Settings:
        """The settings as last read or saved."""
        return self.snapshot.settings

    @property
    def tokens(self) -> Tokens:
        """The sign-ins of its profiles."""
        if self._tokens is None:
            from outmail.engine.tokens import Tokens
            from store.tokens import TokenStore

            self._tokens = Tokens(TokenStore(self.vault))
        return self._tokens

    def reload(self) -> Settings:
        """Read the settings anew, and forget what was read before."""
        self.snapshot = self.vault.load()
        return self.settings

    def save(self, settings: Settings, who: str | None = None) -> list[Change]:
        """Keep new settings, and note in the history who changed which field.

        Raises SettingsInvalid with every problem, and SettingsChanged when somebody else saved
        since they were read; then nothing is kept. A history that cannot be written is no error,
        since the settings are saved by then: see `warning`.
        """
        self.warning = ""
        before = self.settings
        self.snapshot = self.vault.save(settings, self.snapshot, who or whoami())
        changes = compare(before, self.settings)
        if changes:
            try:
                self.history.record_settings(changes, who or whoami(), datetime.now(UTC))
            except StoreError as error:
                self.warning = f"the history was not written: {error.why}"
        return changes

    def record(self, name: str, envelope_from: str, report: SendReport) -> str:
        """Note in the history what became of a mail.

        Returns "" or, where the history could not be written, a sentence for the user: the mail
        itself is gone by then, so this is never an error.
        """
        delivery = Delivery(
            when=datetime.now(UTC),
            profile=name,
            message_id=report.message_id,
            sender=envelope_from,
            server=report.server,
            address=report.address,
            answer=report.answer or report.error,
            ok=report.ok,
            recipients=tuple(
                DeliveredTo(r.recipient, r.finding is None, r.answer) for r in report.recipients
            ),
        )
        try:
            self.history.record_delivery(delivery)
        except StoreError as error:
            return f"the history was not written: {error.why}"
        return ""


def whoami() -> str:
    """Who is at the keyboard, for the history: the login name, behind sudo the one before it."""
    before = os.environ.get("SUDO_USER")
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = f"uid {os.getuid()}"
    return f"{before} (as {name})" if before and before != name else name
