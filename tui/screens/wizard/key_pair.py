"""The box that makes a key pair for app-only sign-in, and shows its public part to upload.

The private key never shows: it goes into the answers, and with them sealed into the settings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.frame import Dialog
from tui.widgets.finding import pairs

if TYPE_CHECKING:
    from store.certificate import KeyPair


class KeyPairDialog(Dialog[str | None]):
    """Closes with the PEM text of the pair, or None when it shall not be used."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "copy", "Copy certificate", id="pair.copy", tooltip="Copy the public part, as PEM text"),
        Binding("enter", "use", "Use it", id="pair.use", tooltip="Take the pair into the profile"),
    ]

    def __init__(self, name: str) -> None:
        super().__init__()
        self._for = f"outmail {name}".strip()
        self._pair: KeyPair | None = None

    def heading(self) -> str:
        """What it is."""
        return "key pair for app-only sign-in"

    def body(self) -> Iterable[Widget]:
        """A word while it is made, then the public part."""
        yield VerticalScroll(Static("making a key pair …", id="pair", markup=False), can_focus=False)

    def on_mount(self) -> None:
        """Begin; it takes a moment."""
        self.run_worker(self._make(), group="pair", exclusive=True)

    async def _make(self) -> None:
        from store.certificate import make

        self._pair = pair = await asyncio.to_thread(make, self._for)
        place = self.query_one(VerticalScroll)
        await place.remove_children()
        rows = [
            ("Thumbprint", pair.thumbprint_sha1),
            ("Good until", f"{pair.until:%Y-%m-%d}; you are warned 30 days before"),
            ("Do this", "c copies the certificate. Save it as outmail.pem and upload it there:"),
            ("Where", "Entra admin center > App registrations > the app > Certificates & secrets"),
            ("Again", "outmail profile certificate NAME --show prints it once the profile is saved"),
        ]
        await place.mount_all(pairs(rows))
        await place.mount(Static("The private key stays here, encrypted.", markup=False))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing to copy or to use before it is there."""
        return self._pair is not None if action in {"copy", "use"} else True

    def action_copy(self) -> None:
        """Through the terminal (OSC 52), so that it works over SSH."""
        if self._pair:
            self.app.copy_to_clipboard(self._pair.certificate_pem)
            self.notify("The certificate went to the terminal's clipboard.", markup=False)

    def action_use(self) -> None:
        """Take it."""
        if self._pair:
            self.dismiss(self._pair.pem.get_secret_value())
