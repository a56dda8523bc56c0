"""The practice authority's door for programs: a device code, a token, and where everything is.

It never believes a client that did not prove what its registration asks for.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping

import jwt
from cryptography import x509

from outmail.demo.oauth.directory import App, Asked, Directory, asked
from outmail.demo.oauth.faults import AuthorityFault, Moment
from outmail.demo.oauth.grants import DEVICE_SECONDS, Grants
from outmail.demo.oauth.refusals import Refused, as_json
from outmail.demo.oauth.tokens import Signer
from outmail.demo.web import Response

ACCESS_SECONDS = 3600.0

_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Programs:
    """What programs ask for; `base` is what the tenant's addresses begin with. All methods raise Refused."""

    def __init__(
        self,
        directory: Directory,
        grants: Grants,
        signer: Signer,
        base: Callable[[], str],
        device_page: Callable[[], str],
    ) -> None:
        self._directory = directory
        self._grants = grants
        self._signer = signer
        self._base = base
        self._device_page = device_page

    def document(self) -> dict[str, object]:
        """OpenID Connect Discovery 1.0, section 3, and RFC 8414, section 2."""
        base = self._base()
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code",
                "refresh_token",
                "client_credentials",
                _DEVICE_GRANT,
            ],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "private_key_jwt"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "subject_types_supported": ["pairwise"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
        }

    def device_code(self, form: Mapping[str, str], fault: AuthorityFault) -> Response:
        """RFC 8628, section 3.2; Entra has no verification_uri_complete."""
        app = self._directory.app(form.get("client_id", ""))
        seconds = DEVICE_SECONDS if fault.device_seconds is None else fault.device_seconds
        begun = self._grants.by_device(app, asked(form.get("scope", "")), seconds)
        address = self._device_page()
        return as_json(
            {
                "device_code": begun.device_code,
                "user_code": begun.user_code,
                "verification_uri": address,
                "expires_in": int(seconds),
                "interval": int(begun.interval) or 1,
                "message": f"Open {address} and enter the code {begun.user_code}.",
            }
        )

    def token(self, form: Mapping[str, str], fault: AuthorityFault, url: str) -> Response:
        """RFC 6749, section 3.2."""
        app = self._directory.app(form.get("client_id", ""))
        _prove(app, form, url)
        match form.get("grant_type", ""):
            case "authorization_code":
                _refuse(fault, Moment.BROWSER)
                code = self._grants.redeemed(
                    form.get("code", ""), app, form.get("redirect_uri", ""), form.get("code_verifier", "")
                )
                return self._granted(app, code.asked, code.account, fault, code.nonce)
            case grant if grant == _DEVICE_GRANT:
                _refuse(fault, Moment.POLL)
                device = self._grants.polled(form.get("device_code", ""), app, slow_once=fault.slow_down)
                return self._granted(app, device.asked, device.account, fault, by_code=True)
            case "refresh_token":
                _refuse(fault, Moment.REFRESH)
                kept = self._grants.refreshed(form.get("refresh_token", ""), app)
                if kept.by_code and fault.blocks_codes:
                    raise Refused(53003)  # Entra remembers how a sign-in began
                return self._granted(app, kept.asked, kept.account, fault, by_code=kept.by_code)
            case "client_credentials":
                if app.secret:
                    _refuse(fault, Moment.APP)
                wanted = asked(form.get("scope", ""))
                if wanted.rights:
                    raise Refused(1002012)
                if app.public:
                    raise Refused(7000218)
                return self._granted(app, wanted, "", fault)
        raise Refused(70003)

    def keys(self) -> dict[str, object]:
        """RFC 7517."""
        return self._signer.keys()

    def _granted(
        self,
        app: App,
        wanted: Asked,
        account: str,
        fault: AuthorityFault,
        nonce: str = "",
        *,
        by_code: bool = False,
    ) -> Response:
        """RFC 6749, section 5.1. With account "" the application itself has signed in."""
        seconds = fault.access_seconds or ACCESS_SECONDS
        issuer = f"{self._base()}/v2.0"
        answer: dict[str, object] = {
            "token_type": "Bearer",
            "scope": wanted.scope,
            "expires_in": int(seconds),
            "ext_expires_in": int(seconds),
            "access_token": self._signer.access(issuer, app, account, wanted, seconds),
        }
        if account and wanted.offline:
            answer["refresh_token"] = self._grants.refresh_token(app, wanted, account, by_code=by_code)
        if account and wanted.openid:
            answer["id_token"] = self._signer.identity(issuer, app, account, nonce, seconds)
        return as_json(answer)


def _refuse(fault: AuthorityFault, moment: Moment) -> None:
    if moment in fault.refusals:
        raise Refused(fault.refusals[moment])


def _prove(app: App, form: Mapping[str, str], url: str) -> None:
    """The application proves that it is itself (RFC 6749, 2.3.1; RFC 7523, 2.2). Raises Refused."""
    secret, assertion = form.get("client_secret", ""), form.get("client_assertion", "")
    if app.public:
        if secret or assertion:
            raise Refused(700025)
        return
    if not secret and not assertion:
        raise Refused(7000218)
    if app.secret and not hmac.compare_digest(secret.encode(), app.secret.encode()):
        raise Refused(7000215)
    if app.certificate:
        if form.get("client_assertion_type") != _ASSERTION:
            raise Refused(700027)
        try:
            key = x509.load_pem_x509_certificate(app.certificate.encode()).public_key()
            jwt.decode(
                assertion,
                key,  # type: ignore[arg-type]  # an RSA key: the tenant made it
                algorithms=["RS256", "PS256"],
                audience=url,
                issuer=app.client_id,
                subject=app.client_id,
                options={"require": ["exp", "iss", "sub", "aud", "jti"]},
                leeway=300,
            )
        except jwt.PyJWTError:
            raise Refused(700027) from None
