"""The practice authority: OAuth 2 in the shape of Microsoft Entra, over HTTPS on loopback.

It speaks RFC 6749, 7636, 7523 and 8628 as Entra does, bent by its fault; what people do stands in
`people`, what programs ask for in `programs`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from outmail.demo.oauth.directory import SHARED_NAMES, TENANT, TENANT_NAMES, Directory
from outmail.demo.oauth.faults import AUTHORITY_FAULTS, AuthorityFault
from outmail.demo.oauth.grants import DeviceSignIn, Grants, SlowDown
from outmail.demo.oauth.people import People
from outmail.demo.oauth.programs import Programs
from outmail.demo.oauth.refusals import SLOW_DOWN, Refused, as_json, as_response
from outmail.demo.oauth.tokens import Signer
from outmail.demo.pki import Certificate
from outmail.demo.web import Request, Response, WebServer, fields_of

DEVICE_PATH = "/device"
_METHODS = ("GET", "HEAD", "POST")


class PracticeAuthority(WebServer[AuthorityFault]):
    """Signs in the people and applications of a directory. `poll_seconds` is the interval of RFC 8628."""

    def __init__(
        self,
        directory: Directory,
        signer: Signer,
        tls: Mapping[Certificate, ssl.SSLContext],
        poll_seconds: float = 2.0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("authority", AUTHORITY_FAULTS, tls, self.respond)
        grants = Grants(now, poll_seconds)
        self._people = People(directory, grants)
        self._programs = Programs(directory, grants, signer, lambda: self.base, lambda: self.device_page)

    @property
    def base(self) -> str:
        """What addresses of this tenant begin with."""
        return f"{self.origin}/{TENANT}"

    @property
    def issuer(self) -> str:
        """What its tokens say in `iss`."""
        return f"{self.base}/v2.0"

    @property
    def device_page(self) -> str:
        """Where people type codes."""
        return f"{self.origin}{DEVICE_PATH}"

    def waiting(self) -> list[DeviceSignIn]:
        """The sign-ins by code that wait for somebody, oldest first."""
        return self._people.waiting()

    def decide(self, user_code: str, account: str) -> None:
        """See People.decide."""
        self._people.decide(user_code, account, self._fault)

    def browse(self, url: str, account: str) -> str:
        """See People.browse. Raises ValueError, too, for an address where nobody signs in."""
        parts = urlsplit(url)
        if not _signs_in(parts.path):
            raise ValueError(parts.path)
        return self._people.browse(fields_of(parts.query), account, self._fault)

    async def respond(self, request: Request, fault: AuthorityFault) -> Response:
        """The answer to a request."""
        if request.method not in _METHODS:
            return Response(405, b"That method means nothing here.\n", headers={"Allow": ", ".join(_METHODS)})
        tenant, _, rest = request.path.lstrip("/").partition("/")
        if request.path == DEVICE_PATH:
            return self._people.device_page(request, fault)
        if _signs_in(request.path):
            return self._people.browser_page(request, fault)
        if fault.page is not None:
            return fault.page
        try:
            if tenant.lower() not in TENANT_NAMES:
                raise Refused(90002)
            by_itself = request.form.get("grant_type") == "client_credentials"
            if by_itself and tenant.lower() in SHARED_NAMES:
                raise Refused(9001023)
            return self._for_programs(request, rest, fault)
        except Refused as refused:
            return as_response(refused)
        except SlowDown:
            return as_json({"error": SLOW_DOWN}, 400)

    def _for_programs(self, request: Request, rest: str, fault: AuthorityFault) -> Response:
        match request.method, rest:
            case "GET" | "HEAD", "v2.0/.well-known/openid-configuration":
                return as_json(self._programs.document())
            case "GET" | "HEAD", "discovery/v2.0/keys":
                return as_json(self._programs.keys())
            case "POST", "oauth2/v2.0/devicecode":
                return self._programs.device_code(request.form, fault)
            case "POST", "oauth2/v2.0/token":
                return self._programs.token(request.form, fault, f"{self.origin}{request.path}")
        return Response(404, b"There is no such page.\n")


def _signs_in(path: str) -> bool:
    """Whether people sign in there by browser."""
    tenant, _, rest = path.lstrip("/").partition("/")
    return tenant.lower() in TENANT_NAMES and rest == "oauth2/v2.0/authorize"
