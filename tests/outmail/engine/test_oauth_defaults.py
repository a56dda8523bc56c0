"""What is filled in for OAuth: scopes and addresses of each provider, cloud and protocol; what is refused."""

from __future__ import annotations

import pytest

from outmail.engine.oauth_defaults import CLOUDS, filled, refused_grant
from store.profiles import Auth, Ews, Graph, OAuth, Profile, Smtp


def profile(protocol: str = "smtp", *, username: object = "desk@example.org", **oauth: object) -> Profile:
    return Profile.model_validate(
        {
            "protocol": protocol,
            "from_address": "desk@example.org",
            "smtp": Smtp(host="smtp.office365.com"),
            "ews": Ews(url="https://outlook.office365.com/EWS/Exchange.asmx"),
            "graph": Graph.model_validate({"cloud": oauth.get("cloud", "global")}),
            "auth": Auth(method="oauth", username=str(username), oauth=OAuth.model_validate(oauth)),
        }
    )


@pytest.mark.parametrize(
    ("protocol", "oauth", "scopes"),
    [
        ("smtp", {}, ("https://outlook.office365.com/SMTP.Send", "offline_access")),
        ("ews", {}, ("https://outlook.office365.com/EWS.AccessAsUser.All", "offline_access")),
        (
            "graph",
            {},
            (
                "https://graph.microsoft.com/Mail.ReadWrite",
                "https://graph.microsoft.com/Mail.Send.Shared",
                "offline_access",
            ),
        ),
        *(
            (
                "graph",
                {"cloud": cloud},
                (f"{graph}/Mail.ReadWrite", f"{graph}/Mail.Send.Shared", "offline_access"),
            )
            for cloud, graph in (
                ("us-gov", "https://graph.microsoft.us"),
                ("us-dod", "https://dod-graph.microsoft.us"),
                ("china", "https://microsoftgraph.chinacloudapi.cn"),
            )
        ),
        (
            "graph",
            {"tenant": "consumers"},  # a personal account has no right for others' mailboxes
            (
                "https://graph.microsoft.com/Mail.ReadWrite",
                "https://graph.microsoft.com/Mail.Send",
                "offline_access",
            ),
        ),
        (
            "graph",
            {"cloud": "china", "grant": "client-credentials"},
            ("https://microsoftgraph.chinacloudapi.cn/.default",),
        ),
        ("smtp", {"provider": "google"}, ("https://mail.google.com/",)),
        ("smtp", {"grant": "client-credentials"}, ("https://outlook.office365.com/.default",)),
        ("ews", {"grant": "client-credentials"}, ("https://outlook.office365.com/.default",)),
        ("graph", {"grant": "client-credentials"}, ("https://graph.microsoft.com/.default",)),
        ("graph", {"grant": "managed-identity"}, ("https://graph.microsoft.com/.default",)),
        ("smtp", {"cloud": "us-gov"}, ("https://outlook.office365.us/SMTP.Send", "offline_access")),
        ("smtp", {"cloud": "us-dod"}, ("https://outlook-dod.office365.us/SMTP.Send", "offline_access")),
        ("smtp", {"cloud": "china"}, ("https://partner.outlook.cn/SMTP.Send", "offline_access")),
        ("smtp", {"provider": "custom"}, ()),
    ],
)
def test_the_scopes_that_nobody_has_to_type(
    protocol: str, oauth: dict[str, object], scopes: tuple[str, ...]
) -> None:
    assert filled(profile(protocol, **oauth)).scopes == scopes


@pytest.mark.parametrize(
    "typed",
    [
        "Mail.ReadWrite,Mail.Send.Shared,offline_access",
        "Mail.ReadWrite, Mail.Send.Shared, offline_access",
        "Mail.ReadWrite Mail.Send.Shared  offline_access",
        ["Mail.ReadWrite,Mail.Send.Shared", "offline_access"],
    ],
)
def test_scopes_with_commas_or_spaces_and_graphs_short_names(typed: object) -> None:
    assert filled(profile("graph", scopes=typed)).scopes == (
        "https://graph.microsoft.com/Mail.ReadWrite",
        "https://graph.microsoft.com/Mail.Send.Shared",
        "offline_access",
    )


def test_gmails_scope_gets_its_slash_and_never_offline_access() -> None:
    found = filled(profile(provider="google", scopes="https://mail.google.com, offline_access"))
    assert found.scopes == ("https://mail.google.com/",)


@pytest.mark.parametrize("cloud", sorted(CLOUDS))
def test_the_addresses_of_each_cloud(cloud: str) -> None:
    found = filled(profile(cloud=cloud, tenant="example.org"))
    base = f"https://{CLOUDS[cloud].authority}/example.org/oauth2/v2.0"
    assert found.authorization_url == f"{base}/authorize"
    assert found.token_url == f"{base}/token"
    assert found.device_authorization_url == f"{base}/devicecode"
    assert found.issuer == f"https://{CLOUDS[cloud].authority}/example.org/v2.0"
    assert found.redirect_url == "http://localhost:8765"


@pytest.mark.parametrize(
    ("username", "tenant"),
    [("desk@example.org", "organizations"), ("me@outlook.com", "consumers"), ("me@HOTMAIL.com", "consumers")],
)
def test_without_a_tenant_the_account_decides(username: str, tenant: str) -> None:
    assert filled(profile(username=username)).tenant == tenant


def test_what_the_profile_says_wins() -> None:
    found = filled(
        profile(
            token_url="https://login.example.org/t/oauth2/v2.0/token",
            redirect_url="http://localhost:9999/back",
        )
    )
    assert found.token_url == "https://login.example.org/t/oauth2/v2.0/token"
    assert found.redirect_url == "http://localhost:9999/back"
    assert found.issuer == "https://login.example.org/t/v2.0"
    assert found.authorization_url.startswith("https://login.microsoftonline.com/")


def test_a_custom_cloud_and_a_custom_provider_have_no_defaults() -> None:
    for oauth in ({"provider": "custom"}, {"cloud": "custom"}):
        found = filled(profile(**oauth))
        assert (found.authorization_url, found.token_url, found.scopes, found.issuer) == ("", "", (), "")


@pytest.mark.parametrize(
    ("provider", "grant", "allowed"),
    [
        ("microsoft", "device-code", True),
        ("microsoft", "authorization-code", True),
        ("microsoft", "client-credentials", True),
        ("microsoft", "managed-identity", True),
        ("microsoft", "service-account", False),
        ("google", "device-code", False),
        ("google", "authorization-code", True),
        ("google", "client-credentials", False),
        ("google", "service-account", True),
        ("google", "managed-identity", False),
        ("custom", "device-code", True),
        ("custom", "client-credentials", True),
        ("custom", "managed-identity", False),
    ],
)
def test_each_refused_grant_has_a_reason(provider: str, grant: str, *, allowed: bool) -> None:
    reason = refused_grant(provider, grant)
    assert (not reason) is allowed
    assert allowed or reason.endswith(".")
