"""The ready profiles of the practice tenant, each of which teaches something; the default one works."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from outmail.demo.ews.server import PracticeEws
from outmail.demo.graph.server import PracticeGraph
from outmail.demo.names import CHIEF, DESK, PASSWORD, SUPPORT
from outmail.demo.oauth.apps import APP, APP_WITH_CERTIFICATE, PERSONAL_APP, RegisteredApps
from outmail.demo.oauth.authority import PracticeAuthority
from outmail.demo.oauth.directory import EXCHANGE, GRAPH, TENANT
from outmail.demo.server import PracticeServer
from store.profiles import Auth, Ews, Graph, OAuth, Profile, Security, Server, Settings, Smtp, Tls

_RIGHTS = ("Mail.Send", "Mail.Send.Shared", "Mail.ReadWrite", "User.Read")
"""At Graph, of whoever signs in with the profile practice-graph."""


def ready(
    servers: Mapping[str, PracticeServer],
    authority: PracticeAuthority,
    graph: PracticeGraph,
    ews: PracticeEws,
    *,
    apps: RegisteredApps,
    ca_file: Path,
) -> Settings:
    """The profiles for these servers, which must listen already."""
    smtp = _at(servers["primary"], [Server.model_validate(_place(servers["alternate"]))])
    by_token = _at(servers["oauth"])
    tls = Tls(ca_file=str(ca_file))
    right = Auth(method="basic", username=DESK, password=SecretStr(PASSWORD))
    wrong = Auth(method="basic", username=DESK, password=SecretStr("not-" + PASSWORD))

    def profile(name: str, sender: str = DESK, **parts: object) -> Profile:
        fields = {"smtp": smtp, "auth": right, "tls": tls, **parts}
        return Profile.model_validate(
            {"protocol": "smtp", "sender_name": name, "from_address": sender, **fields}
        )

    def signing_in(name: str, mailbox: str = DESK, **oauth: object) -> Profile:
        auth = Auth(method="oauth", username=mailbox, oauth=_oauth(authority, **oauth))
        return profile(name, mailbox, smtp=by_token, auth=auth)

    def through_graph(name: str, mailbox: str, scopes: list[str], **oauth: object) -> Profile:
        auth = Auth(method="oauth", username=mailbox, oauth=_oauth(authority, scopes=scopes, **oauth))
        # Scopes in full: tokens are for Graph itself, whatever port its practice server listens on.
        place = Graph(cloud="global", endpoint=graph.origin)
        return profile(name, mailbox, protocol="graph", smtp=None, graph=place, auth=auth)

    def through_ews(name: str, mailbox: str, auth: Auth) -> Profile:
        return profile(name, mailbox, protocol="ews", smtp=None, ews=Ews(url=ews.url), auth=auth)

    return Settings(
        default="practice",
        profiles={
            "practice": profile("Practice Desk", reply_to=SUPPORT),
            "practice-wrong-password": profile("Practice Desk (wrong password)", auth=wrong),
            "practice-wrong-sender": profile("Practice Chief", sender=CHIEF),
            "practice-untrusted": profile("Practice Desk (authority not trusted)", tls=None),
            "practice-plain-relay": profile(
                "Practice Machine", smtp=_at(servers["relay"]), auth=Auth(), tls=None
            ),
            "practice-oauth": signing_in("Practice Desk"),
            "practice-oauth-shared": signing_in("Practice Support", SUPPORT),
            "practice-oauth-app": signing_in(
                "Practice Machine",
                SUPPORT,
                grant="client-credentials",
                client_id=APP,
                client_secret=SecretStr(apps.secret),
            ),
            "practice-oauth-cert": signing_in(
                "Practice Machine",
                SUPPORT,
                grant="client-credentials",
                client_id=APP_WITH_CERTIFICATE,
                certificate=apps.certificate,
            ),
            "practice-wrong-secret": signing_in(
                "Practice Machine (the secret's ID, not its value)",
                SUPPORT,
                grant="client-credentials",
                client_id=APP,
                client_secret=SecretStr(apps.secret_id),
            ),
            "practice-graph": through_graph(
                "Practice Desk",
                DESK,
                [*(f"{GRAPH}/{right}" for right in _RIGHTS), "offline_access"],
            ),
            "practice-graph-app": through_graph(
                "Practice Machine",
                SUPPORT,
                [f"{GRAPH}/.default"],
                grant="client-credentials",
                client_id=APP,
                client_secret=SecretStr(apps.secret),
            ),
            "practice-ews": through_ews("Practice Desk", DESK, right),
            "practice-ews-app": through_ews(
                "Practice Machine",
                SUPPORT,
                Auth(
                    method="oauth",
                    username=SUPPORT,
                    oauth=_oauth(
                        authority,
                        # In full, as for Graph above: the practice Exchange is nobody's known cloud.
                        scopes=[f"{EXCHANGE}/.default"],
                        grant="client-credentials",
                        client_id=APP,
                        client_secret=SecretStr(apps.secret),
                    ),
                ),
            ),
        },
    )


def _oauth(authority: PracticeAuthority, **more: object) -> OAuth:
    base = f"{authority.base}/oauth2/v2.0"
    return OAuth.model_validate(
        {
            "provider": "microsoft",
            "grant": "device-code",
            "tenant": TENANT,
            "client_id": PERSONAL_APP,
            "authorization_url": f"{base}/authorize",
            "token_url": f"{base}/token",
            "device_authorization_url": f"{base}/devicecode",
            **more,
        }
    )


def _place(server: PracticeServer) -> dict[str, object]:
    return {"host": server.host, "port": server.port, "security": Security(server.security)}


def _at(server: PracticeServer, alternates: list[Server] | None = None) -> Smtp:
    return Smtp.model_validate({**_place(server), "alternates": alternates or []})
