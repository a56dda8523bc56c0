"""What an authority answered, judged by the standards: a grant, a device code, or a named failure.

Nothing of an answer is used before its types and sizes are what they must be, and no token or code
ever stands in a failure.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.http import Answer, NotJson
from transports.oauth import claims
from transports.oauth.base import DeviceCode, Granted, OAuthRoute
from transports.oauth.failures import failed
from transports.secret import Secret
from transports.shown import harmless, masked

_LONGEST_TOKEN = 64 * 1024
_LONGEST_TEXT = 2048
_DEFAULT_SECONDS = 3600.0
_LONGEST_SECONDS = 366 * 86400.0
_CLOCKS_DIFFER = 300.0
_AADSTS = re.compile(r"AADSTS(\d{4,9})")
_TRANSIENT = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
_TRANSIENT_AADSTS = frozenset(
    {"90033", "90006", "90012", "90024", "50033", "50087", "90090", "90055", "50196"}
)  # Entra's own troubles and its throttling: the same request works later
_DECLINED_CONSENT = "65004"
_SHARED = frozenset({"common", "organizations", "consumers"})
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ENTRA = re.compile(r"https://(?P<host>[^/]+)/(?P<tenant>[^/]+)/v2\.0/?")
_GOOGLE = "https://accounts.google.com"
_NEVER_MISSING = frozenset({"offline_access", "openid", "email", "profile", ".default"})
_NAMES = ("preferred_username", "upn", "email", "unique_name")


def object_of(answer: Answer) -> dict[str, object]:
    """The JSON object of an answer. Raises TransportError for a gateway's page and the like."""
    try:
        return answer.json_object()
    except NotJson:
        pass
    host = urlsplit(answer.url).netloc
    if answer.status >= 500 or answer.status == 429:
        words = f"HTTP status {answer.status} and no answer of an authority"
        raise failed(Cause.OAUTH_UNAVAILABLE, words, Verdict.RETRY, host=host, status=str(answer.status))
    kind = answer.headers.get("content-type", "").lower()
    html = "html" in kind or answer.body.lstrip()[:1] == b"<"
    what = "html" if html else "types"
    shown = "a web page" if html else "something that is no JSON object"
    raise failed(
        Cause.OAUTH_NOT_STANDARD,
        f"HTTP status {answer.status} with {shown} in place of an authority's answer",
        what=what,
        host=host,
        status=str(answer.status),
    )


def error_of(answer: Answer) -> object:
    """What an answer has as `error`: a text (RFC 6749, section 5.2), or None where it is no error's."""
    try:
        return answer.json_object().get("error")
    except NotJson:
        return None


def accepted(answer: Answer, route: OAuthRoute, *sent: Secret) -> dict[str, object]:
    """The JSON object of an answer that is no error. Raises TransportError, in which nothing `sent` shows."""
    data = object_of(answer)
    if answer.status >= 300 or "error" in data:
        raise TransportError(refused(data, answer.status, route, sent))
    return data


def granted(data: Mapping[str, object], route: OAuthRoute, *, nonce: str | None = None) -> Granted:
    """A token answer (RFC 6749, section 5.1). Raises TransportError for what is none.

    `nonce` is what an id_token must repeat, None where none was sent.
    """
    token = _token(data, "access_token")
    if token is None:
        raise _wrong("the answer has no access_token")
    kind = data.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _wrong("the token is not of the type Bearer")
    scope = data.get("scope", "")
    if isinstance(scope, list) and all(isinstance(part, str) for part in scope):
        scope = " ".join(scope)
    if not isinstance(scope, str) or len(scope) > _LONGEST_TEXT * 4:
        raise _wrong("scope is not a text")
    identity: Mapping[str, object] = {}
    if data.get("id_token") is not None:
        identity = _identity(data["id_token"], route, nonce)
    about = claims.read(token)
    scopes = tuple(scope.split())
    _check_rights(scopes, route)
    alone = route.grant in {"client-credentials", "service-account", "managed-identity"}
    refresh = None if alone else _token(data, "refresh_token")
    return Granted(
        access_token=Secret(token),
        expires_in=_seconds(data.get("expires_in"), _DEFAULT_SECONDS),
        refresh_token=Secret(refresh) if refresh else None,
        scopes=scopes,
        account="" if alone else _account(identity, about),
        claims=MappingProxyType(about),
    )


def device_code(data: Mapping[str, object]) -> DeviceCode:
    """A device answer (RFC 8628, section 3.2). Raises TransportError for what is none."""
    code = _token(data, "device_code")
    user_code = data.get("user_code")
    # Google named it so before the standard did, and some still do.
    address = data.get("verification_uri") or data.get("verification_url")
    complete = data.get("verification_uri_complete", "")
    if code is None or not _line(user_code, 64) or not _line(address, _LONGEST_TEXT):
        raise _wrong("the answer lacks device_code, user_code or verification_uri")
    if not _web(str(address)) or (complete and not (_line(complete, _LONGEST_TEXT) and _web(str(complete)))):
        raise _wrong("the address to open does not begin with https://")
    interval = _seconds(data.get("interval"), 5.0)
    return DeviceCode(
        device_code=Secret(code),
        user_code=str(user_code),
        verification_uri=str(address),
        expires_in=_seconds(data.get("expires_in"), 900.0),
        interval=min(max(interval, 1.0), 300.0),
        verification_uri_complete=str(complete),
    )


def refused(
    data: Mapping[str, object], status: int, route: OAuthRoute, sent: Iterable[Secret] = ()
) -> Failure:
    """An error answer (RFC 6749, section 5.2) as a failure; its words are the authority's own.

    What was `sent`, and the route's secrets, show as *** there: some authorities repeat it.
    """
    known = (route.client_secret, route.service_account, route.certificate, *sent)
    secrets = [secret.reveal() for secret in known if secret]
    error = data.get("error")
    error = error if isinstance(error, str) else ""
    described = data.get("error_description")
    words = described if isinstance(described, str) and described.strip() else error
    codes = data.get("error_codes")
    aadsts = aadsts_in(words)
    if not aadsts and isinstance(codes, list) and codes and isinstance(codes[0], int):
        aadsts = str(codes[0])
    facts = {
        "host": urlsplit(route.token_url).netloc,
        "status": str(status),
        "error": harmless(masked(error, secrets), 100),
        "aadsts": aadsts,
        "suberror": harmless(masked(str(data.get("suberror") or ""), secrets), 100),
    }
    facts = {name: value for name, value in facts.items() if value}
    shown = harmless(" ".join(masked(words or f"HTTP status {status}", secrets).split()))
    if not error and status < 400:
        return failed(
            Cause.OAUTH_NOT_STANDARD, "the answer is neither a token nor an error", what="types"
        ).failure
    passing = status == 429 or status >= 500 or error in _TRANSIENT or aadsts in _TRANSIENT_AADSTS
    cause = Cause.OAUTH_REFUSED
    if declined(error, aadsts):
        cause = Cause.OAUTH_DECLINED
    elif error in {"expired_token", "code_expired"} or aadsts in {"70019", "70020"}:
        cause = Cause.OAUTH_CODE_EXPIRED
    elif passing:
        cause = Cause.OAUTH_UNAVAILABLE
    verdict = Verdict.RETRY if passing else Verdict.FIX_SETTINGS
    return Failure(StepName.TOKEN, Scope.SIGN_IN, verdict, cause, words=shown, facts=MappingProxyType(facts))


def aadsts_in(words: str) -> str:
    """The number of Entra's error in its words, as "65004"; "" where there is none."""
    number = _AADSTS.search(words)
    return number[1] if number else ""


def declined(error: str, aadsts: str) -> bool:
    """Whether the person said no, by either standard's name (RFC 6749, 4.1.2.1; RFC 8628, 3.5) or Entra's."""
    return aadsts == _DECLINED_CONSENT or (
        error in {"access_denied", "authorization_declined"} and aadsts in {"", "70000"}
    )


def _identity(token: object, route: OAuthRoute, nonce: str | None) -> Mapping[str, object]:
    """The id_token's claims (OpenID Connect Core 1.0, section 3.1.3.7).

    It came over TLS from the authority itself, which stands in for its signature (point 6 there).
    """
    found = claims.everything(token) if isinstance(token, str) else {}
    if not found:
        raise _wrong("the id_token is none", what="id_token")
    audience = found.get("aud")
    if route.client_id not in (audience if isinstance(audience, list) else [audience]):
        raise _wrong("the id_token is for another client", what="id_token")
    until = found.get("exp")
    if not isinstance(until, int | float) or until < time.time() - _CLOCKS_DIFFER:
        raise _wrong("the id_token has ended, or this machine's clock is wrong", what="id_token")
    if nonce is not None and found.get("nonce") != nonce:
        raise _wrong("the id_token belongs to another sign-in (nonce)", what="id_token")
    issuer = found.get("iss")
    if not isinstance(issuer, str) or not same_issuer(issuer, route.issuer):
        raise failed(
            Cause.OAUTH_WRONG_ISSUER,
            f"the id_token is of {harmless(str(issuer), 200)}, not of {route.issuer}",
            expected=route.issuer,
            got=harmless(str(issuer), 200),
        )
    return found


def same_issuer(issuer: str, expected: str) -> bool:
    """Whether `iss` names the authority that was asked; True where it is not known what it calls itself ("").

    Entra names the tenant by its ID, however it was asked for; Google leaves out the scheme at times.
    """
    if not expected or issuer.rstrip("/") == expected.rstrip("/"):
        return True
    if expected == _GOOGLE:
        return issuer == _GOOGLE.removeprefix("https://")
    theirs, ours = _ENTRA.fullmatch(issuer), _ENTRA.fullmatch(expected)
    if theirs is None or ours is None or theirs["host"].lower() != ours["host"].lower():
        return False
    tenant, wanted = theirs["tenant"].lower(), ours["tenant"].lower()
    return tenant == wanted or bool(
        _GUID.fullmatch(tenant) and (wanted in _SHARED or not _GUID.fullmatch(wanted))
    )


def _account(identity: Mapping[str, object], about: Mapping[str, str]) -> str:
    for source in (identity, about):
        for name in _NAMES:
            value = source.get(name)
            if isinstance(value, str) and value.strip():
                return harmless(value.strip(), 320).replace("\n", " ")
    return ""


def _check_rights(scopes: tuple[str, ...], route: OAuthRoute) -> None:
    """Google lets a person untick the right to send; the sign-in works, and no mail would go."""
    if not scopes or route.grant in {"managed-identity", "client-credentials"}:
        return
    given = {_right(scope) for scope in scopes}
    wanted = [s for s in route.scopes if _right(s) not in _NEVER_MISSING]
    missing = [s for s in wanted if _right(s) not in given]
    # Graph's rights contain one another; one of those that were asked for can send.
    if missing and (len(missing) == len(wanted) or route.provider == "google"):
        raise failed(
            Cause.SCOPE_MISSING,
            f"signed in, but without the right to {' '.join(missing)}",
            missing=" ".join(missing),
            granted=harmless(" ".join(scopes), 500),
        )


def _right(scope: str) -> str:
    """A scope without its resource: Entra answers under the other name of the same host."""
    parts = urlsplit(scope)
    return (parts.path.rstrip("/").rpartition("/")[2] or parts.netloc or scope).lower()


def _token(data: Mapping[str, object], name: str) -> str | None:
    value = data.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_TOKEN:
        raise _wrong(f"{name} is not a text of a reasonable length")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise _wrong(f"{name} has letters that no token has")
    return value


def _seconds(value: object, default: float) -> float:
    """A number of seconds; some authorities write it as a text."""
    if value is None or isinstance(value, bool):
        return default
    try:
        found = float(value) if isinstance(value, int | float | str) else default
    except (ValueError, OverflowError):
        return default
    return min(max(found, 0.0), _LONGEST_SECONDS) if math.isfinite(found) else default


def _line(value: object, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _web(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


def _wrong(words: str, what: str = "types") -> TransportError:
    return failed(Cause.OAUTH_NOT_STANDARD, words, what=what)
