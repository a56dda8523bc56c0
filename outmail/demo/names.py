"""What the practice tenant and its people are called; none of it is a secret."""

from __future__ import annotations

DOMAIN = "practice.test"

DESK = f"desk@{DOMAIN}"
"""The mailbox of the ready profiles."""

SUPPORT = f"support@{DOMAIN}"
"""A shared mailbox: the desk and the chief may send from it."""

CHIEF = f"chief@{DOMAIN}"
"""Somebody else, who has a mailbox too."""

PASSWORD = "open-sesame-42"  # noqa: S105 - a public password that protects nothing
"""Everybody's."""
