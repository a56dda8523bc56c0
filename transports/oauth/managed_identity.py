"""A token for the Azure machine or service that this program runs on; there is no secret to keep.

msal finds the place to ask in the environment (IDENTITY_ENDPOINT and its kin): Azure puts it there, and
there is no other way to learn it. That place is on this machine or link-local, and no proxy is asked.
"""

from __future__ import annotations

from transports.base import Cause, TransportError
from transports.http import HttpClient, OpenHttp
from transports.oauth import answers
from transports.oauth.base import Granted, OAuthRoute
from transports.oauth.failures import refused_settings
from transports.oauth.msal_line import Line, in_thread, library, library_errors
from transports.oauth.unattended import Unattended
from transports.routes import HttpRoute, Timeouts

_SOON = 5.0
"""Seconds for each step: on Azure the answer takes milliseconds, elsewhere nobody ever answers."""

_NOBODY_THERE = frozenset(
    {Cause.NAME_NOT_FOUND, Cause.CONNECTION_REFUSED, Cause.UNREACHABLE, Cause.TIMED_OUT}
)
"""How a machine off Azure looks; who takes a connection and loses it is there, and in trouble."""


def _local(route: HttpRoute) -> HttpClient:
    """Azure's place to ask has no certificate (http://169.254.169.254)."""
    return HttpClient(route, allow_http=True)


class ManagedIdentityAuthority(Unattended):
    """See `Authority`; of its questions only `app_only` makes sense.

    The machine's own identity, or the user-assigned one whose client ID the route has.
    """

    def __init__(self, route: OAuthRoute, *, http: OpenHttp = _local) -> None:
        super().__init__("grant", "A managed identity signs in by itself: there is nobody to ask.")
        self._route = route
        times = Timeouts(resolve=_SOON, connect=_SOON, tls=_SOON, command=_SOON)
        self._client = http(HttpRoute(timeouts=times))

    async def app_only(self) -> Granted:
        """See `Authority.app_only`. Off Azure: OAUTH_SETTINGS with the fact what="no-managed-identity"."""
        route = self._route
        if len(route.scopes) != 1:
            raise refused_settings("scope", "A managed identity takes exactly one scope, as …/.default.")
        resource = route.scopes[0].removesuffix("/.default")
        granted: dict[str, object] = {}

        def work(line: Line) -> str:
            msal = library()
            who = (
                msal.UserAssignedManagedIdentity(client_id=route.client_id)
                if route.client_id
                else msal.SystemAssignedManagedIdentity()
            )
            try:
                client = msal.ManagedIdentityClient(who, http_client=line, http_cache={})
                granted.update(client.acquire_token_for_client(resource=resource))
            except library_errors(msal) as exc:
                return str(exc) if line.heard is None else type(exc).__name__
            except OSError as exc:  # Azure Arc keeps a key in a file that only its own group may read
                return str(exc)
            return ""

        try:
            heard, words = await in_thread(self._client, work)
        except TransportError as exc:
            if exc.failure.cause in _NOBODY_THERE:
                raise _no_identity("nothing answers where Azure would") from exc
            raise
        if heard is None:
            raise _no_identity(words)
        if words:
            answers.object_of(heard)
            raise _no_identity(words)
        if "access_token" not in granted:
            raise TransportError(answers.refused(granted, heard.status, route))
        return answers.granted(granted, route)

    async def close(self) -> None:
        """Hang up."""
        await self._client.close()


def _no_identity(words: str) -> TransportError:
    return refused_settings("no-managed-identity", f"This machine has no managed identity of Azure: {words}.")
