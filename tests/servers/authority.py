"""A real OAuth authority for the tests, npm's oidc-provider, and a person who uses its pages by HTTP."""

from __future__ import annotations

import contextlib
import html
import json
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from store import certificate
from tests.servers.pki import Pki
from tests.servers.process import free_port, missing, open_folder, require, running

TENANT = "11111111-2222-3333-4444-555555555555"
APP_MAILBOX = "shared@example.test"
_OIDC = Path(__file__).with_name("oidc")
_FORM = re.compile(r'<form[^>]*action="([^"]*)"[^>]*>(.*?)</form>', re.S)
_INPUT = re.compile(r"<input[^>]*>", re.S)


@dataclass(frozen=True, slots=True)
class RunningAuthority:
    """Where it is, who may ask it for tokens, and the key that checks them."""

    base: str  # https://localhost:PORT/TENANT
    ca_file: Path
    public_key: str  # PEM, of the tokens
    app_pem: str  # key and certificate of the client app-certificate
    log: Path

    @property
    def issuer(self) -> str:
        """What its tokens say in `iss`."""
        return f"{self.base}/v2.0"

    def requests(self, path: str) -> int:
        """How often a path that ends so was asked for."""
        return sum(line.endswith(path) for line in self.log.read_text().splitlines())


@contextlib.contextmanager
def authority(
    pki: Pki, *, access_seconds: int = 3600, device_seconds: int = 900, padding: int = 1400
) -> Iterator[RunningAuthority]:
    """Started for the block; mark the test `real`."""
    node = require("node")
    if not (_OIDC / "node_modules").is_dir():
        missing(f"oidc-provider (npm ci --prefix {_OIDC.relative_to(_OIDC.parents[2])})")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pair = certificate.make("outmail test", 30)
    port = free_port()
    with open_folder("authority") as folder:
        signing_key = folder / "signing.pem"
        signing_key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        settings = folder / "settings.json"
        settings.write_text(
            json.dumps(
                {
                    "port": port,
                    "tenant": TENANT,
                    "certificate": str(pki.good.pem),
                    "signingKey": str(signing_key),
                    "clientCertificate": pair.certificate_pem,
                    "accessSeconds": access_seconds,
                    "deviceSeconds": device_seconds,
                    "padding": padding,
                    "appMailbox": APP_MAILBOX,
                }
            )
        )
        log = folder / "out"
        with running([node, str(_OIDC / "authority.mjs"), str(settings)], log, port):
            yield RunningAuthority(
                f"https://localhost:{port}/{TENANT}",
                pki.ca_file,
                key.public_key()
                .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
                .decode(),
                pair.pem.get_secret_value(),
                log,
            )


class Person:
    """Somebody with a browser on another device; any name and password is good."""

    def __init__(self, login: str, ca_file: Path) -> None:
        self._login = login
        self._context = ssl.create_default_context(cafile=str(ca_file))

    def approve(self, verification_uri: str, user_code: str) -> None:
        """Open the device page, type the code, sign in and consent."""
        with self._browser(follow=True) as browser:
            page = browser.get(verification_uri)
            action, fields = _forms(page.text)[0]
            page = browser.post(action, data={**fields, "user_code": user_code})
            for _ in range(10):
                forms = _forms(page.text)
                if not forms:
                    assert "success" in page.text.lower(), page.text[:500]
                    return
                action, fields = forms[0]
                if "user_code" in fields:
                    fields["confirm"] = "yes"
                page = browser.post(str(page.url.join(action)), data=self._filled(fields))
        raise AssertionError("the pages never end")

    def authorize(self, url: str, stop: str) -> str:
        """Open the sign-in address; where the browser would end (it begins with `stop`), not fetched."""
        with self._browser(follow=False) as browser:
            page = browser.get(url)
            for _ in range(20):
                if page.is_redirect:
                    address = str(page.url.join(page.headers["location"]))
                    if address.startswith(stop):
                        return address
                    page = browser.get(address)
                    continue
                action, fields = _forms(page.text)[0]
                page = browser.post(str(page.url.join(action)), data=self._filled(fields))
        raise AssertionError("the pages never end")

    def _browser(self, *, follow: bool) -> httpx.Client:
        return httpx.Client(verify=self._context, follow_redirects=follow, timeout=20, trust_env=False)

    def _filled(self, fields: dict[str, str]) -> dict[str, str]:
        return {**fields, "login": self._login, "password": "any"} if "login" in fields else fields


def _forms(page: str) -> list[tuple[str, dict[str, str]]]:
    found = []
    for action, body in _FORM.findall(page):
        fields = {}
        for tag in _INPUT.findall(body):
            name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
            if name:
                fields[name[1]] = html.unescape(value[1]) if value else ""
        found.append((html.unescape(action), fields))
    return found
