"""Chooses who speaks to an authority: msal for Entra's shape, the standards for everyone else.

msal and what it brings are imported only for those who need it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from transports.oauth.base import Authority, OAuthRoute

_ENTRA = {
    "token_url": "token",
    "authorization_url": "authorize",
    "device_authorization_url": "devicecode",
}


def authority(route: OAuthRoute) -> Authority:
    """The authority of a route; nothing is connected yet."""
    if route.grant == "managed-identity":
        from transports.oauth.managed_identity import ManagedIdentityAuthority

        return ManagedIdentityAuthority(route)
    if route.grant == "service-account":
        from transports.oauth.service_account import ServiceAccountAuthority

        return ServiceAccountAuthority(route)
    if route.provider == "microsoft" and has_entras_shape(route):
        from transports.oauth.entra import EntraAuthority

        return EntraAuthority(route)
    from transports.oauth.standard import StandardAuthority

    return StandardAuthority(route)


def has_entras_shape(route: OAuthRoute) -> bool:
    """Whether every address is https://HOST/TENANT/oauth2/v2.0/…, with one host and tenant."""
    bases = set()
    for name, last in _ENTRA.items():
        url: str = getattr(route, name)
        if not url and name != "token_url":
            continue
        parts = urlsplit(url)
        tenant, _, rest = parts.path.lstrip("/").partition("/")
        if parts.scheme != "https" or rest != f"oauth2/v2.0/{last}" or parts.query:
            return False
        bases.add((parts.netloc, tenant))
    return len(bases) == 1
