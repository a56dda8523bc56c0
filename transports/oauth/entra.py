"""Sign-in at Microsoft Entra by Microsoft's own library, msal, over our own connections.

msal never opens a connection, reads the environment, keeps a token or writes to a log here; what the
authority answers is judged by `answers`, since msal itself checks neither types nor id_token.
"""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, urlsplit

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.http import Answer, BlockingHttp, HttpClient
from transports.oauth import answers, browser
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, OAuthRoute, Pending
from transports.routes import HttpRoute
from transports.secret import Secret
from transports.trace import harmless

if TYPE_CHECKING:
    from types import ModuleType

OpenHttp = Callable[[HttpRoute], HttpClient]

CALL_SECONDS = 60.0
"""How long one question to the authority may take, all in all."""

SHARED_TENANTS = frozenset({"common", "organizations", "consumers"})
"""What stands for "any tenant" in Entra's addresses; an app without a person needs one of its own."""

_ADDED_BY_MSAL = frozenset({"openid", "profile", "offline_access"})  # it adds them, and refuses them
_SLOWEST = 60.0
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
        return answers.device_code(self._object(heard))

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        """See `Authority.poll`: one request. What a network or a gateway does in between ends nothing."""
        flow: dict[str, object] = {"device_code": code.device_code.reveal()}
        try:
            heard = await self._ask(
                lambda app: app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True), public=True
            )
            if heard.status == 429 or heard.status >= 500:
                return Pending(_asked_to_wait(heard, interval), f"HTTP status {heard.status}")
            data = answers.object_of(heard, self._route)
        except TransportError as exc:
            failure = exc.failure
            if failure.cause is Cause.OAUTH_SETTINGS:
                raise
            # RFC 8628, section 3.5: ask less often after a time-out.
            slower = min(interval * 2, _SLOWEST) if failure.cause is Cause.TIMED_OUT else interval
            return Pending(max(slower, interval), failure.words or failure.cause.value)
        error = data.get("error")
        if error == "authorization_pending":
            return Pending(interval)
        if error == "slow_down":
            return Pending(interval + 5)
        return self._granted(heard)

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

        await self._run(begin)
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
            raise TransportError(
                _failure(Cause.OAUTH_WRONG_STATE, "This sign-in was begun elsewhere: begin it again.")
            )
        reply = {"code": code, "state": request.state.reveal()}
        heard = await self._ask(lambda app: app.acquire_token_by_auth_code_flow(dict(flow), reply))
        return self._granted(heard, nonce=request.nonce.reveal())

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
        return self._granted(
            await self._ask(
                lambda app: app.acquire_token_by_refresh_token(text, scopes=self._scopes), public=public
            )
        )

    async def close(self) -> None:
        """Hang up."""
        client, self._client = self._client, None
        self._flows.clear()
        if client is not None:
            await client.close()

    def _granted(self, heard: Answer, nonce: str | None = None) -> Granted:
        return answers.granted(self._object(heard), self._route, nonce=nonce)

    def _object(self, heard: Answer) -> dict[str, object]:
        """The answer, where it is none of an error."""
        data = answers.object_of(heard, self._route)
        if heard.status >= 400 or "error" in data:
            raise TransportError(answers.refused(data, heard.status, self._route))
        return data

    async def _ask(self, question: Callable[[App], object], *, public: bool | None = None) -> Answer:
        """What the authority said, word for word; msal's own reading of it is not used."""
        heard, words = await self._run(question, public=public)
        if heard is None:
            raise refused_settings("library", f"msal does not take these settings: {words}")
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


@dataclass(frozen=True, slots=True)
class Page:
    """A web answer in the shape that msal reads: requests' own."""

    status_code: int
    text: str
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Never called: msal wraps every answer in a class of its own, which raises."""


class Line:
    """What msal takes for the web: our connection, and an ear that keeps the last answer.

    The authority's discovery document is answered here, from the profile's addresses: these are what
    the admin sees and may edit, and msal would go by the authority's own instead, without a word.
    """

    def __init__(self, web: BlockingHttp, document: str = "") -> None:
        self._web = web
        self._document = document
        self.heard: Answer | None = None

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """As requests has it."""
        if self._document and url.endswith("/.well-known/openid-configuration"):
            return Page(200, self._document, {})
        return self._kept(url, self._web.get(url, params=params, headers=headers))

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        """As requests has it."""
        return self._kept(url, self._web.post(url, params=params, data=data, headers=headers))

    def close(self) -> None:
        """Nothing: who opened the connection closes it."""

    def _kept(self, url: str, page: Any) -> Page:
        headers = {str(k).lower(): str(v) for k, v in page.headers.items()}
        text = str(page.text)
        status = int(page.status_code)
        self.heard = Answer(status=status, headers=headers, body=text.encode(), url=url)
        return Page(status, text, headers)


async def in_thread(
    client: HttpClient, work: Callable[[Line], str], document: str = ""
) -> tuple[Answer | None, str]:
    """The last answer that `work` heard in a thread of its own, and what it returned.

    Cancelled, it takes the connection from under the thread, which ends by that.
    """
    web = BlockingHttp(client, asyncio.get_running_loop(), CALL_SECONDS)
    line = Line(web, document)
    try:
        words = await asyncio.to_thread(work, line)
    except asyncio.CancelledError:
        web.cancel()
        raise
    return line.heard, words


def library() -> ModuleType:
    """msal, imported at first use since it takes a third of a second; mute, since it logs whole answers."""
    import msal
    import msal.exceptions

    logger = logging.getLogger("msal")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    module: ModuleType = msal
    return module


def library_errors(msal: ModuleType) -> tuple[type[Exception], ...]:
    """Everything that msal was seen to raise for an answer that it does not like."""
    own: type[Exception] = msal.exceptions.MsalError
    return (own, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)


def refused_settings(what: str, words: str) -> TransportError:
    """What the profile says cannot work: nobody is asked for it."""
    return TransportError(_failure(Cause.OAUTH_SETTINGS, words, what=what))


def _failure(cause: Cause, words: str, **facts: str) -> Failure:
    return Failure(
        StepName.TOKEN, Scope.SIGN_IN, Verdict.FIX_SETTINGS, cause, words=harmless(words), facts=facts
    )


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


def _asked_to_wait(heard: Answer, interval: float) -> float:
    """Seconds until the next question, as Retry-After has it (RFC 9110, section 10.2.3), within reason."""
    text = heard.headers.get("retry-after", "")
    return max(min(float(text), _SLOWEST), interval) if text.isascii() and text.isdigit() else interval
