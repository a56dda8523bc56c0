"""A practice mail server: SMTP on a port of its own, for one user or for anybody, by its rules."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from outmail.demo.mailbox import Mail, Mailbox
from outmail.demo.pki import Certificate
from outmail.demo.port import PracticePort
from outmail.demo.smtp import Dialogue, Rules
from outmail.demo.smtp_faults import MailFault, possible


class PracticeServer(PracticePort[MailFault]):
    """Takes mail and keeps it in the tenant's mailbox."""

    too_many = b"421 4.7.0 Too many connections\r\n"

    def __init__(self, rules: Rules, mailbox: Mailbox, tls: Mapping[Certificate, ssl.SSLContext]) -> None:
        faults = possible(rules.security, by_token=rules.gate is not None)
        super().__init__(rules.server, rules.security, faults, tls)
        self._rules = rules
        self._mailbox = mailbox

    @property
    def username(self) -> str:
        """Who may sign in; "" where nobody signs in."""
        return self._rules.username

    @property
    def password(self) -> str:
        """The practice password; it protects nothing."""
        return self._rules.password

    @property
    def messages(self) -> tuple[Mail, ...]:
        """The mails this server took and that are still kept, oldest first."""
        return tuple(mail for mail in self._mailbox.mails if mail.server == self.name)

    def converse(self, fault: MailFault, tls: ssl.SSLContext) -> Dialogue:
        """A dialogue for a new connection."""
        return Dialogue(self._rules, fault, self._mailbox, tls)
