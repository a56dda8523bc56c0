"""Settings for the tests, with every secret planted under a mark that can be searched for."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from store.keys import KeyOptions
from store.profiles import Auth, Failover, OAuth, Profile, Proxy, Security, Server, Settings, Smtp, Tls
from store.vault import Vault

MARK = "PLANTED-7f3a"
SECRETS = [f"{MARK}-{kind}" for kind in ("password", "client", "pem", "proxy")]


def profile(host: str = "smtp.example.org", **more: object) -> Profile:
    """A profile that uses most fields and has all four secrets."""
    password, client, pem, proxy = (SecretStr(s) for s in SECRETS)
    made = Profile(
        protocol="smtp",
        sender_name="Example Help Desk",
        from_address="helpdesk@example.org",
        reply_to="desk@example.org",
        smtp=Smtp(host=host, alternates=[Server(host="b.example.org", port=465, security=Security.TLS)]),
        auth=Auth(
            method="basic",
            username="helpdesk@example.org",
            password=password,
            oauth=OAuth(client_id="0f", client_secret=client, certificate=pem, scopes=["a", "b"]),
        ),
        proxy=Proxy(url="http://proxy.example.org:3128", username="u", password=proxy),
        tls=Tls(ca_file="/etc/ssl/ca.pem"),
        failover=Failover(failback="automatic"),
    )
    return made.model_copy(update=more)


def settings(*hosts: str) -> Settings:
    """Settings with a profile a host."""
    names = hosts or ("smtp.example.org",)
    return Settings(profiles={f"p{n}": profile(host) for n, host in enumerate(names)})


def vault(folder: Path, **options: object) -> Vault:
    """A vault with no key but what is given."""
    return Vault(folder, KeyOptions(env=dict(options.pop("env", {})), **options))  # type: ignore[call-overload,arg-type]


def files(folder: Path) -> dict[str, bytes]:
    """Every file in the folder but the lock."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and not p.name.endswith(".lock")}
