"""The mail providers we know: choosing one, or typing an address of theirs, fills in the server's fields.

A preset only ever suggests. It must never be the reason that a setting an admin typed is refused.
"""

from __future__ import annotations

from outmail.engine.preset import Entrance, Preset, domain_of, tidy
from outmail.engine.presets_microsoft import MICROSOFT
from outmail.engine.presets_others import OTHERS
from outmail.engine.retirement import Retirement

__all__ = ["PRESETS", "Entrance", "Preset", "Retirement", "by_address", "by_host", "by_id"]

PRESETS: tuple[Preset, ...] = (*MICROSOFT, *OTHERS)
"""In the order in which a list shows them: Microsoft's services, Google's, then the others."""


def by_id(preset_id: str) -> Preset | None:
    """The preset of that id."""
    return next((p for p in PRESETS if p.id == preset_id), None)


def by_address(mail_address: str) -> Preset | None:
    """The provider that the domain of a mail address belongs to.

    A company's own domain at Microsoft or Google cannot be told from its name alone: None.
    """
    domain = domain_of(mail_address)
    return next((p for p in PRESETS if p.serves_domain(domain)), None) if domain else None


def by_host(host: str) -> Preset | None:
    """The provider that an SMTP host belongs to; upper case and a dot at the end make no difference."""
    name = tidy(host)
    return next((p for p in PRESETS if p.serves_host(name)), None) if name else None
