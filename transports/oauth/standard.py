"""Sign-in at any authority by the letter of the standards: Google, and every provider of one's own.

oauthlib writes the requests, our web client carries them, and `answers` judges what comes back.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote_plus

import jwt
from oauthlib.oauth2 import WebApplicationClient

from transports.http import Answer, HttpClient, OpenHttp
from transports.oauth import answers, browser, polling
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, OAuthRoute, Pending
from transports.oauth.client_key import read as read_key
from transports.oauth.failures import refused_settings
from transports.secret import Secret

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JSON = {"Accept": "application/json"}
_ASSERTION_SECONDS = 300
_UNKNOWN = "invalid_client"


class StandardAuthority:
    """One authority for one route (see `Authority`)."""

    def __init__(
        self,
        route: OAuthRoute,
        *,
        http: OpenHttp = HttpClient,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._route = route
        self._http = http(route.http)
        self._now = now
        self._by_header = False  # how this authority wants to know the client: see `_post`

    async def device_code(self) -> DeviceCode:
        """See `Authority.device_code` (RFC 8628, section 3.1)."""
        url = self._needed(self._route.device_authorization_url, "device authorization address")
        form = {"client_id": self._route.client_id, "scope": " ".join(self._scopes())}
        return answers.device_code(answers.accepted(await self._post(url, form), self._route))

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        """See `Authority.poll` (RFC 8628, section 3.4)."""
        url = self._token_url()
        form = {
            "grant_type": _DEVICE_GRANT,
            "device_code": code.device_code.reveal(),
            "client_id": self._route.client_id,
        }
        return await polling.once(
            lambda: self._post(url, form),
            lambda heard: self._granted(heard, code.device_code),
            interval,
            self._now,
        )

    async def browser_request(self) -> BrowserRequest:
        """See `Authority.browser_request`; nobody is asked for it."""
        route = self._route
        state, verifier, nonce = browser.new_secret(), browser.new_secret(), browser.new_secret()
        scopes = self._scopes()
        more: dict[str, str] = {}
        if "openid" in scopes:
            more["nonce"] = nonce.reveal()
        if "@" in route.account:
            more["login_hint"] = route.account
        if route.provider == "google":
            # Only so does Google give a refresh token, also to who has consented before.
            more |= {"access_type": "offline", "prompt": "consent"}
        elif {"openid", "offline_access"} <= set(scopes):
            # Without it, offline_access is to be ignored (OpenID Connect Core 1.0, section 11).
            more["prompt"] = "consent"
        url = WebApplicationClient(route.client_id).prepare_request_uri(
            self._needed(route.authorization_url, "authorization address"),
            redirect_uri=route.redirect_url,
            scope=list(scopes),
            state=state.reveal(),
            code_challenge=browser.challenge(verifier),
            code_challenge_method="S256",
            **more,
        )
        return BrowserRequest(url, route.redirect_url, state, verifier, nonce)

    async def redeem(self, request: BrowserRequest, answer: str) -> Granted:
        """See `Authority.redeem` (RFC 6749, section 4.1.3, and RFC 7636, section 4.5)."""
        code = browser.parse(answer, request, self._route.issuer)
        url = self._token_url()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": request.redirect_url,
            "code_verifier": request.verifier.reveal(),
            "client_id": self._route.client_id,
        }
        nonce = request.nonce.reveal() if "openid" in self._scopes() else None
        return self._granted(await self._post(url, form), Secret(code), request.verifier, nonce=nonce)

    async def app_only(self) -> Granted:
        """See `Authority.app_only`: client credentials (RFC 6749, section 4.4)."""
        route = self._route
        if not route.client_secret and not route.certificate:
            raise refused_settings("no-secret", "App-only sign-in needs a client secret or a certificate.")
        form = {"grant_type": "client_credentials", "client_id": route.client_id}
        if route.scopes:
            form["scope"] = " ".join(route.scopes)
        return self._granted(await self._post(self._token_url(), form))

    async def refresh(self, refresh_token: Secret) -> Granted:
        """See `Authority.refresh`; without a scope, which means the same rights (RFC 6749, section 6)."""
        url = self._token_url()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.reveal(),
            "client_id": self._route.client_id,
        }
        return self._granted(await self._post(url, form), refresh_token)

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()

    def _scopes(self) -> tuple[str, ...]:
        scopes = self._route.scopes
        if self._route.provider != "google" or self._route.grant == "device-code":
            return scopes
        # Neither is sensitive, and only so does Google say who signed in.
        return (*scopes, *(s for s in ("openid", "email") if s not in scopes))

    def _token_url(self) -> str:
        return self._needed(self._route.token_url, "token address")

    def _needed(self, url: str, what: str) -> str:
        if not url:
            raise refused_settings("url", f"The profile has no {what}.")
        return url

    def _credentials(self, url: str) -> dict[str, str]:
        """Who the client is: its certificate (RFC 7523, 2.2), its secret (RFC 6749, 2.3.1), or none."""
        route = self._route
        if route.certificate:
            assertion = _assertion(route.client_id, route.certificate, url, self._now())
            return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
        return {"client_secret": route.client_secret.reveal()} if route.client_secret else {}

    async def _post(self, url: str, form: Mapping[str, str]) -> Answer:
        """One request as this client.

        A secret goes into the body, which Google and Entra document. The standard has authorities take
        it in a header (RFC 6749, section 2.3.1), and some insist: one that does not know the client by
        its body is asked once more, and by header from then on.
        """
        heard = await self._send(url, form, by_header=self._by_header)
        if self._by_header or self._route.certificate or not self._route.client_secret:
            return heard
        if answers.error_of(heard) != _UNKNOWN:
            return heard
        again = await self._send(url, form, by_header=True)
        self._by_header = answers.error_of(again) != _UNKNOWN
        return again if self._by_header else heard

    async def _send(self, url: str, form: Mapping[str, str], *, by_header: bool) -> Answer:
        if by_header:
            return await self._http.request("POST", url, form=form, headers={**_JSON, **_basic(self._route)})
        return await self._http.request("POST", url, form={**form, **self._credentials(url)}, headers=_JSON)

    def _granted(self, heard: Answer, *sent: Secret, nonce: str | None = None) -> Granted:
        return answers.granted(answers.accepted(heard, self._route, *sent), self._route, nonce=nonce)


def _basic(route: OAuthRoute) -> dict[str, str]:
    """HTTP Basic with both parts encoded as in a form (RFC 6749, section 2.3.1 and appendix B)."""
    secret = route.client_secret.reveal() if route.client_secret else ""
    pair = f"{quote_plus(route.client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"}


def _assertion(client_id: str, certificate: Secret, url: str, now: datetime) -> str:
    try:
        pair = read_key(certificate.reveal(), now)
    except ValueError as error:
        raise refused_settings("certificate", str(error)) from None
    seconds = int(now.timestamp())
    return jwt.encode(
        {
            "iss": client_id,
            "sub": client_id,
            "aud": url,
            "jti": str(uuid.uuid4()),
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + _ASSERTION_SECONDS,
        },
        pair.private_key.reveal(),
        algorithm="RS256",
    )
