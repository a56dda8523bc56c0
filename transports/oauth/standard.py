"""Sign-in at any authority by the letter of the standards: Google, and every provider of one's own.

oauthlib writes the requests, our web client carries them, and `answers` judges what comes back.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode

import jwt
from oauthlib.oauth2 import BackendApplicationClient, WebApplicationClient

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.http import Answer, HttpClient
from transports.oauth import answers, browser
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, OAuthRoute, Pending
from transports.oauth.client_key import read as read_key
from transports.routes import HttpRoute
from transports.secret import Secret

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_JSON = {"Accept": "application/json"}
_SLOWEST = 60.0
_ASSERTION_SECONDS = 300


class StandardAuthority:
    """One authority for one route (see `Authority`)."""

    def __init__(self, route: OAuthRoute, *, http: Callable[[HttpRoute], HttpClient] = HttpClient) -> None:
        self._route = route
        self._http = http(route.http)

    async def device_code(self) -> DeviceCode:
        """See `Authority.device_code` (RFC 8628, section 3.1)."""
        url = self._needed(self._route.device_authorization_url, "device authorization address")
        form = {"client_id": self._route.client_id, "scope": " ".join(self._scopes())}
        return answers.device_code(self._object(await self._post(url, {**form, **self._credentials(url)})))

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        """See `Authority.poll` (RFC 8628, section 3.4)."""
        url = self._token_url()
        form = {
            "grant_type": _DEVICE_GRANT,
            "device_code": code.device_code.reveal(),
            "client_id": self._route.client_id,
        }
        try:
            heard = await self._post(url, {**form, **self._credentials(url)})
            if heard.status == 429 or heard.status >= 500:
                return Pending(_asked_to_wait(heard, interval), f"HTTP status {heard.status}")
            data = answers.object_of(heard, self._route)
        except TransportError as error:
            failure = error.failure
            if failure.cause is Cause.OAUTH_SETTINGS:
                raise
            slower = min(interval * 2, _SLOWEST) if failure.cause is Cause.TIMED_OUT else interval
            return Pending(max(slower, interval), failure.words or str(failure.cause))
        if data.get("error") == "authorization_pending":
            return Pending(interval)
        if data.get("error") == "slow_down":
            return Pending(interval + 5)
        return self._granted(heard)

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
        return self._granted(await self._post(url, {**form, **self._credentials(url)}), nonce)

    async def app_only(self) -> Granted:
        """See `Authority.app_only`: client credentials (RFC 6749, section 4.4)."""
        route = self._route
        if not route.client_secret and not route.certificate:
            raise _settings("no-secret", "App-only sign-in needs a client secret or a certificate.")
        url = self._token_url()
        body = BackendApplicationClient(route.client_id).prepare_request_body(
            scope=list(route.scopes) or None, include_client_id=True
        )
        credentials = urlencode(self._credentials(url))
        return self._granted(await self._send(url, f"{body}&{credentials}"))

    async def refresh(self, refresh_token: Secret) -> Granted:
        """See `Authority.refresh`; without a scope, which means the same rights (RFC 6749, section 6)."""
        url = self._token_url()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token.reveal(),
            "client_id": self._route.client_id,
        }
        return self._granted(await self._post(url, {**form, **self._credentials(url)}))

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
            raise _settings("url", f"The profile has no {what}.")
        return url

    def _credentials(self, url: str) -> dict[str, str]:
        """Who the client is: its certificate (RFC 7523, 2.2), its secret (RFC 6749, 2.3.1), or none."""
        route = self._route
        if route.certificate:
            return {"client_assertion_type": _ASSERTION, "client_assertion": _assertion(route, url)}
        return {"client_secret": route.client_secret.reveal()} if route.client_secret else {}

    async def _post(self, url: str, form: Mapping[str, str]) -> Answer:
        return await self._http.request("POST", url, form=form, headers=_JSON)

    async def _send(self, url: str, body: str) -> Answer:
        headers = {**_JSON, "Content-Type": "application/x-www-form-urlencoded"}
        return await self._http.request("POST", url, content=body.encode(), headers=headers)

    def _granted(self, heard: Answer, nonce: str | None = None) -> Granted:
        return answers.granted(self._object(heard), self._route, nonce=nonce)

    def _object(self, heard: Answer) -> dict[str, object]:
        data = answers.object_of(heard, self._route)
        if heard.status >= 300 or "error" in data:
            raise TransportError(answers.refused(data, heard.status, self._route))
        return data


def _assertion(route: OAuthRoute, url: str) -> str:
    if route.certificate is None:
        raise _settings("certificate", "The profile has no certificate.")
    try:
        pair = read_key(route.certificate.reveal(), datetime.now(UTC))
    except ValueError as error:
        raise _settings("certificate", str(error)) from None
    now = int(time.time())
    return jwt.encode(
        {
            "iss": route.client_id,
            "sub": route.client_id,
            "aud": url,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + _ASSERTION_SECONDS,
        },
        pair.private_key.reveal(),
        algorithm="RS256",
    )


def _settings(what: str, words: str) -> TransportError:
    return TransportError(
        Failure(
            StepName.TOKEN,
            Scope.SIGN_IN,
            Verdict.FIX_SETTINGS,
            Cause.OAUTH_SETTINGS,
            words=words,
            facts={"what": what},
        )
    )


def _asked_to_wait(heard: Answer, interval: float) -> float:
    """Seconds until the next question, as Retry-After has it (RFC 9110, 10.2.3), within reason."""
    text = heard.headers.get("retry-after", "").strip()
    seconds = 0.0
    if text.isascii() and text.isdigit():
        seconds = float(text[:6])
    elif text:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            seconds = 0.0
    return max(min(seconds, _SLOWEST), interval)
