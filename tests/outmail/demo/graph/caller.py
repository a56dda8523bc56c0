"""The independent client of these tests: httpx, with tokens that the practice authority gave out."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from outmail.demo.names import DESK
from outmail.demo.oauth.apps import APP, PERSONAL_APP
from outmail.demo.oauth.directory import GRAPH
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.oauth.visitor import post, type_code

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
EVERYTHING = ("Mail.Send", "Mail.Send.Shared", "Mail.ReadWrite", "Mail.ReadWrite.Shared", "User.Read")

MIME = (
    b"From: Practice Desk <desk@practice.test>\r\nTo: a@example.org\r\nCc: B <b@example.org>\r\n"
    b"Subject: Gr\xc3\xbc\xc3\x9fe\r\nMessage-ID: <one@practice.test>\r\nAuto-Submitted: auto-generated\r\n"
    b"Bcc: hidden@example.org,\r\n other@example.org\r\nX-Last: yes\r\n\r\n"
    b"body =3D\r\n.\r\nbcc: not a header\r\n"
)
"""Everything that a careless server would spoil."""

SEEN = MIME.replace(b"Bcc: hidden@example.org,\r\n other@example.org\r\n", b"")
"""What everybody gets."""

RECIPIENTS = ("a@example.org", "b@example.org", "hidden@example.org", "other@example.org")

DRAFT: Mapping[str, Any] = {
    "subject": "Grüße",
    "body": {"contentType": "text", "content": "hello"},
    "toRecipients": [{"emailAddress": {"name": "A, B", "address": "a@example.org"}}],
    "bccRecipients": [{"emailAddress": {"address": "hidden@example.org"}}],
}


def encoded(content: bytes = MIME) -> bytes:
    """As MIME travels."""
    return base64.b64encode(content)


async def token(tenant: PracticeTenant, *rights: str, account: str = DESK, resource: str = GRAPH) -> str:
    """A person's token with these rights, by a code that was typed."""
    scope = " ".join(f"{resource}/{right}" for right in rights or EVERYTHING)
    begun = (await post(tenant, "devicecode", {"client_id": PERSONAL_APP, "scope": scope}))[1]
    await type_code(tenant, begun["user_code"], account)
    form = {"client_id": PERSONAL_APP, "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
    return str((await post(tenant, "token", form))[1]["access_token"])


async def app_token(tenant: PracticeTenant, resource: str = GRAPH) -> str:
    """An application's own token."""
    oauth = tenant.profiles().profiles["practice-graph-app"].auth.oauth
    assert oauth is not None
    assert oauth.client_secret is not None
    form = {
        "client_id": APP,
        "client_secret": oauth.client_secret.get_secret_value(),
        "grant_type": "client_credentials",
        "scope": f"{resource}/.default",
    }
    return str((await post(tenant, "token", form))[1]["access_token"])


@dataclass
class Caller:
    """A program that has a token."""

    http: httpx.AsyncClient
    tenant: PracticeTenant

    async def ask(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        mime: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """A request to an address beneath /v1.0, with JSON or with MIME in base64."""
        url = f"{self.tenant.graph.origin}/v1.0{path}"
        if mime is not None:
            content, headers = encoded(mime), {"Content-Type": "text/plain", **(headers or {})}
        body: dict[str, Any] = {"json": json} if json is not None else {"content": content}
        return await self.http.request(method, url, headers=headers, **body)

    async def sends(self, path: str = "/me/sendMail", mime: bytes = MIME) -> int:
        """Send a mail: the status."""
        return (await self.ask("POST", path, mime=mime)).status_code

    async def drafts(self, json: object = DRAFT, path: str = "/me/messages") -> str:
        """Make a draft: its ID."""
        made = await self.ask("POST", path, json)
        assert made.status_code == 201, made.text
        return str(made.json()["id"])


@asynccontextmanager
async def calling(tenant: PracticeTenant, bearer: str = "") -> AsyncIterator[Caller]:
    """A program with this token, or with that of the desk and every right there is."""
    bearer = bearer or await token(tenant)
    trust = ssl.create_default_context(cafile=str(tenant.ca_file))
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=20, headers=headers) as http:
        yield Caller(http, tenant)


@asynccontextmanager
async def stranger(tenant: PracticeTenant) -> AsyncIterator[httpx.AsyncClient]:
    """A client without any token."""
    trust = ssl.create_default_context(cafile=str(tenant.ca_file))
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=20) as http:
        yield http


def code(answer: httpx.Response) -> tuple[int, str]:
    """The status and the service's code of a refusal."""
    error = answer.json()["error"]
    assert error["message"]
    assert error["innerError"]["request-id"] == answer.headers["request-id"]
    return answer.status_code, str(error["code"])
