"""Sign-in at Microsoft Entra by Microsoft's own library, msal, over our own connections.

msal never opens a connection, reads the environment, keeps a token or writes to a log here; what the
authority answers is judged by `answers`, since msal itself checks neither types nor id_token.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from transports.base import Cause, TransportError
from transports.http import Answer, HttpClient, OpenHttp
from transports.oauth import answers, browser, polling
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, OAuthRoute, Pending
from transports.oauth.failures import failed, refused_settings
from transports.oauth.msal_line import Line, in_thread, library, library_errors
from transports.secret import Secret

SHARED_TENANTS = frozenset({"common", "organizations", "consumers"})
"""What stands for "any tenant" in Entra's addresses; an app without a person needs one of its own."""

_ADDED_BY_MSAL = frozenset({"openid", "profile", "offline_access"})  # it adds them, and refuses them
_MOST_REQUESTS = 8


class App(Protocol):
    """What is used of an msal application. Its answers are not: see `EntraAuthority._ask`."""

    def initiate_device_flow(self, scopes: list[str]) -> object: ...
    def acquire_token_by_device_flow(
        self, flow: dict[str, object], *, exit_condition: Callable[[object], bool]
    ) -> object: ...
    def initiate_auth_code_flow(
        self, scopes: list[str], *, redirect_uri: str, login_hint: str | None, prompt: str, response_mode: str
    ) -> dict[str, object]: ...
    def acquire_token_by_auth_code_flow(self, flow: dict[str, object], reply: dict[str, str]) -> object: ...
    def acquire_token_for_client(self, scopes: list[str]) -> object: ...
    def acquire_token_by_refresh_token(self, refresh_token: str, scopes: list[str]) -> object: ...


class EntraAuthority:
    """One of Entra's authorities, or one of its shape, for one route (see `Authority`).

    Each question gets an msal application of its own: msal answers a repeated request from memory for
    60 s after an error, and an admin who has just mended the portal must not see that.
    """

    def __init__(
        self,
        route: OAuthRoute,
        *,
        http: OpenHttp = HttpClient,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._route = route
        self._open_http = http
        self._now = now
        self._client: HttpClient | None = None
        self._flows: dict[Secret, dict[str, object]] = {}  # msal's own part of a browser sign-in, by state
        self._scopes = [s for s in route.scopes if s not in _ADDED_BY_MSAL]

    async def device_code(self) -> DeviceCode:
        """See `Authority.device_code`; msal knows the device flow only for public clients."""
        heard = await self._ask(lambda app: app.initiate_device_flow(scopes=self._scopes), public=True)
        return answers.device_code(answers.accepted(heard, self._route))

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        """See `Authority.poll`: one request. What a network or a gateway does in between ends nothing."""
        flow: dict[str, object] = {"device_code": code.device_code.reveal()}
        return await polling.once(
            lambda: self._ask(
                lambda app: app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True), public=True
            ),
            lambda heard: self._granted(heard, code.device_code),
            interval,
            self._now,
        )

    async def browser_request(self) -> BrowserRequest:
        """See `Authority.browser_request`; nobody is asked for it."""
        made: dict[str, object] = {}

        def begin(app: App) -> None:
            # msal would rather have the answer POSTed, which nobody could paste.
            warnings.filterwarnings("ignore", message="response_mode='form_post'", module=r"msal\.")
            made.update(
                app.initiate_auth_code_flow(
                    self._scopes,
                    redirect_uri=self._route.redirect_url,
                    login_hint=self._route.account or None,
                    prompt="select_account",
                    response_mode="query",
                )
            )

        _, words = await self._run(begin)
        if not made:
            raise _not_taken(words)
        url, state = str(made["auth_uri"]), Secret(str(made["state"]))
        while len(self._flows) >= _MOST_REQUESTS:
            del self._flows[next(iter(self._flows))]
        self._flows[state] = made
        return BrowserRequest(
            url=url,
            redirect_url=self._route.redirect_url,
            state=state,
            verifier=Secret(str(made["code_verifier"])),
            # As it stands in the address, and so in the id_token: msal keeps what it is a hash of.
            nonce=Secret(parse_qs(urlsplit(url).query)["nonce"][0]),
        )

    async def redeem(self, request: BrowserRequest, answer: str) -> Granted:
        """See `Authority.redeem`."""
        code = browser.parse(answer, request, self._route.issuer)
        flow = self._flows.get(request.state)
        if flow is None:
            raise failed(Cause.OAUTH_WRONG_STATE, "This sign-in was begun elsewhere: begin it again.")
        reply = {"code": code, "state": request.state.reveal()}
        heard = await self._ask(lambda app: app.acquire_token_by_auth_code_flow(dict(flow), reply))
        return self._granted(heard, Secret(code), request.verifier, nonce=request.nonce.reveal())

    async def app_only(self) -> Granted:
        """See `Authority.app_only`: client credentials (RFC 6749, section 4.4), by secret or certificate."""
        route = self._route
        if not route.client_secret and not route.certificate:
            raise refused_settings("no-secret", "App-only sign-in needs a client secret or a certificate.")
        if _tenant(route).lower() in SHARED_TENANTS:
            raise refused_settings("tenant", "App-only sign-in needs the organisation's own tenant ID.")
        if len(self._scopes) != 1 or not self._scopes[0].endswith("/.default"):
            raise refused_settings(
                "scope",
                "App-only sign-in takes exactly one scope, and it ends in /.default: "
                "https://outlook.office365.com/.default",
            )
        return self._granted(
            await self._ask(lambda app: app.acquire_token_for_client(scopes=self._scopes), public=False)
        )

    async def refresh(self, refresh_token: Secret) -> Granted:
        """See `Authority.refresh`."""
        text = refresh_token.reveal()
        # As the client that the token was given to: a device sign-in is a public client's.
        public = True if self._route.grant == "device-code" else None
        heard = await self._ask(
            lambda app: app.acquire_token_by_refresh_token(text, scopes=self._scopes), public=public
        )
        return self._granted(heard, refresh_token)

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        self._flows.clear()
        if client is not None:
            await client.close()

    def _granted(self, heard: Answer, *sent: Secret, nonce: str | None = None) -> Granted:
        return answers.granted(answers.accepted(heard, self._route, *sent), self._route, nonce=nonce)

    async def _ask(self, question: Callable[[App], object], *, public: bool | None = None) -> Answer:
        """What the authority said, word for word; msal's own reading of it is not used."""
        heard, words = await self._run(question, public=public)
        if heard is None:
            raise _not_taken(words)
        return heard

    async def _run(
        self, question: Callable[[App], object], *, public: bool | None = None
    ) -> tuple[Answer | None, str]:
        route = self._route
        document = _document(route)
        if self._client is None:
            self._client = self._open_http(route.http)

        def work(line: Line) -> str:
            msal = library()
            credential = None if public else self._credential()
            kind = msal.ConfidentialClientApplication if credential else msal.PublicClientApplication
            try:
                question(
                    kind(
                        route.client_id,
                        client_credential=credential,
                        authority=_base(route),
                        instance_discovery=False,
                        azure_region=False,  # None would mean: whatever MSAL_FORCE_REGION says
                        http_client=line,
                        http_cache={},
                    )
                )
            except library_errors(msal) as exc:
                # It raises for much that the authority says, in words that may hold a token or an
                # address. The answer itself is at hand, and is judged instead.
                return type(exc).__name__
            return ""

        return await in_thread(self._client, work, document)

    def _credential(self) -> str | dict[str, str] | None:
        """What msal takes as client_credential. With the certificate itself it signs by PS256."""
        if self._route.certificate:
            from transports.oauth import client_key

            try:
                pair = client_key.read(self._route.certificate.reveal(), self._now())
            except ValueError as exc:
                raise refused_settings("certificate", str(exc)) from None
            return {"private_key": pair.private_key.reveal(), "public_certificate": pair.certificate}
        return self._route.client_secret.reveal() if self._route.client_secret else None


def _not_taken(words: str) -> TransportError:
    return refused_settings("library", f"msal does not take these settings: {words}")


def _tenant(route: OAuthRoute) -> str:
    parts = urlsplit(route.token_url)
    tenant = parts.path.split("/")[1] if "/" in parts.path else ""
    if parts.scheme != "https" or not parts.hostname or not tenant:
        raise refused_settings(
            "token-url", "The token URL must be of Entra's shape: https://HOST/TENANT/oauth2/v2.0/token"
        )
    return tenant


def _base(route: OAuthRoute) -> str:
    """What msal calls the authority: https://HOST/TENANT."""
    return f"https://{urlsplit(route.token_url).netloc}/{_tenant(route)}"


def _document(route: OAuthRoute) -> str:
    """The route's addresses as a discovery document (OpenID Connect Discovery 1.0, section 3)."""
    base = _base(route)
    return json.dumps(
        {
            "issuer": route.issuer or f"{base}/v2.0",
            "authorization_endpoint": route.authorization_url or f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": route.token_url,
            "device_authorization_endpoint": route.device_authorization_url
            or f"{base}/oauth2/v2.0/devicecode",
        }
    )
