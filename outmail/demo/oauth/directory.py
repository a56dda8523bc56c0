"""Who is known in the practice tenant: its people, its registered applications, and what they may ask for."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from outmail.demo.names import DOMAIN
from outmail.demo.oauth.refusals import Refused

TENANT = "7e57ab1e-0000-4000-8000-000000000001"
"""The tenant's ID, as Entra has them."""

SHARED_NAMES = frozenset({"common", "organizations"})
"""What stands in an address for whichever tenant the person belongs to; an application has none there."""

TENANT_NAMES = SHARED_NAMES | {TENANT, DOMAIN}
"""What the tenant is called in an address."""

EXCHANGE = "https://outlook.office365.com"
"""The audience of tokens for mail servers, and for Exchange Web Services."""

GRAPH = "https://graph.microsoft.com"
"""The audience of tokens for Microsoft Graph."""

_ALIASES = {"https://outlook.office.com": EXCHANGE}
_RIGHTS = {
    EXCHANGE: frozenset({"SMTP.Send", "EWS.AccessAsUser.All"}),
    GRAPH: frozenset(
        {
            "Mail.Send",
            "Mail.Send.Shared",
            "Mail.ReadWrite",
            "Mail.ReadWrite.Shared",
            "Mail.Read",
            "User.Read",
            "ExchangeMessageTrace.Read.All",
        }
    ),
}
_ROLES = {EXCHANGE: ("SMTP.SendAsApp", "full_access_as_app"), GRAPH: ("Mail.Send", "Mail.ReadWrite")}
_OPENID = frozenset({"openid", "profile", "email", "offline_access"})
_LONGEST_SCOPE = 2000


@dataclass(frozen=True, slots=True)
class App:
    """A registered application: public (a program of a person), or one with a secret or a certificate.

    `certificate` is PEM, the public part alone. A redirect address fits whatever its port is (RFC 8252, 7.3).
    """

    client_id: str
    title: str
    secret: str = ""
    certificate: str = ""
    redirects: tuple[str, ...] = ()

    @property
    def public(self) -> bool:
        """Whether it proves nothing of itself."""
        return not self.secret and not self.certificate


@dataclass(frozen=True, slots=True)
class Asked:
    """What a scope asks for: one resource, rights there, and whether the sign-in shall stay alive."""

    resource: str
    rights: tuple[str, ...]  # () for /.default
    openid: bool = False
    offline: bool = False

    @property
    def scope(self) -> str:
        """As it is granted, in full."""
        return " ".join(f"{self.resource}/{right}" for right in self.rights or (".default",))

    @property
    def granted(self) -> tuple[str, ...]:
        """What a person's token allows: with /.default everything that there is."""
        return self.rights or tuple(sorted(_RIGHTS[self.resource]))

    @property
    def roles(self) -> tuple[str, ...]:
        """What an application by itself has there."""
        return _ROLES[self.resource]


class Directory:
    """The tenant's people (mailbox to password), shared mailboxes (to who may use them), and applications."""

    def __init__(
        self, people: Mapping[str, str], shared: Mapping[str, frozenset[str]], apps: tuple[App, ...]
    ) -> None:
        self.people = MappingProxyType(dict(people))
        self._shared = MappingProxyType(dict(shared))
        self.apps = MappingProxyType({app.client_id: app for app in apps})

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """The addresses of all mailboxes, shared ones included."""
        return (*self.people, *self._shared)

    def app(self, client_id: str) -> App:
        """The application. Raises Refused (700016)."""
        if client_id not in self.apps:
            raise Refused(700016)
        return self.apps[client_id]

    def has(self, mailbox: str) -> bool:
        """Whether there is such a mailbox, a person's or a shared one."""
        return mailbox.lower() in self.people or mailbox.lower() in self._shared

    def may_use(self, account: str, mailbox: str) -> bool:
        """Whether the person may send from the mailbox: the own one, or a shared one."""
        name = mailbox.lower()
        return account.lower() == name or account.lower() in self._shared.get(name, frozenset())

    def person(self, account: str, password: str) -> str:
        """The account, as it is written here. Raises Refused (50126)."""
        name = account.strip().lower()
        known = self.people.get(name, "")
        if not hmac.compare_digest(known.encode(), password.encode()) or not known:
            raise Refused(50126)
        return name


def asked(scope: str) -> Asked:
    """What a scope asks for. Raises Refused (70011, 500011, 700022, 90014)."""
    words = scope[:_LONGEST_SCOPE].split()
    ours = [word for word in words if word not in _OPENID]
    if not ours:
        raise Refused(90014, "scope")
    resources, rights = [], []
    for word in ours:
        resource, _, right = word.rpartition("/")
        if not resource and right in _RIGHTS[GRAPH]:
            resource = GRAPH  # a right without a resource is one of Graph's
        resource = _ALIASES.get(resource, resource)
        if resource not in _RIGHTS:
            raise Refused(500011, resource or word)
        if right != ".default" and right not in _RIGHTS[resource]:
            raise Refused(70011, word)
        resources.append(resource)
        rights.append(right)
    if len(set(resources)) > 1:
        raise Refused(700022)
    named = tuple(dict.fromkeys(right for right in rights if right != ".default"))
    return Asked(resources[0], named, "openid" in words, "offline_access" in words)
