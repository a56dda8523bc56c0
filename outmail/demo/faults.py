"""What is common to the faults of all practice servers: down, silent, a wrong certificate; what is unknown.

A fault changes how a server behaves for new connections; it never touches what was taken before.
"""

from __future__ import annotations

from dataclasses import dataclass

from outmail.demo.pki import Certificate

WELL = "none"
"""The id of the fault that is none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to be broken, of a server of any kind; `description` is a sentence for people.

    One that does not listen refuses connections; one that does not greet takes them and says nothing.
    """

    id: str
    description: str
    listens: bool = True
    greets: bool = True
    certificate: Certificate = Certificate.GOOD


class UnknownFault(ValueError):  # noqa: N818 - says what it is
    """A server or a fault that does not exist, or that has no meaning there; the text is for people."""

    def __init__(self, words: str, known: tuple[str, ...]) -> None:
        super().__init__(words)
        self.known = known
