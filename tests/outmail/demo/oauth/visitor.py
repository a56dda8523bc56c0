"""The independent clients of these tests: a person with a browser, and msal as it comes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
import msal
import requests

from outmail.demo.names import DESK, PASSWORD
from outmail.demo.oauth.apps import PERSONAL_APP
from outmail.demo.tenant import PracticeTenant

T = TypeVar("T")

RIGHT = "https://outlook.office365.com/SMTP.Send"
REDIRECT = "http://localhost:8765"
Answer = dict[str, Any]


@asynccontextmanager
async def browser(tenant: PracticeTenant) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that trusts the practice authority alone and follows nothing by itself."""
    trust = ssl.create_default_context(cafile=str(tenant.ca_file))
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=20) as found:
        yield found


async def type_code(
    tenant: PracticeTenant,
    user_code: str,
    account: str = DESK,
    password: str = PASSWORD,
    answer: str = "allow",
) -> httpx.Response:
    """Fill in the page for codes."""
    form = {"user_code": user_code, "account": account, "password": password, "answer": answer}
    async with browser(tenant) as window:
        return await window.post(tenant.authority.device_page, data=form)


async def open_address(
    tenant: PracticeTenant, url: str, account: str = DESK, password: str = PASSWORD, answer: str = "allow"
) -> httpx.Response:
    """Open the sign-in address and fill in its page."""
    async with browser(tenant) as window:
        page = await window.get(url)
        assert "<form" in page.text, page.text
        return await window.post(url, data={"account": account, "password": password, "answer": answer})


async def post(tenant: PracticeTenant, path: str, form: Mapping[str, str]) -> tuple[int, Answer]:
    """Post a form to an endpoint of the tenant: the status and the JSON."""
    async with browser(tenant) as window:
        heard = await window.post(f"{tenant.authority.base}/oauth2/v2.0/{path}", data=dict(form))
    return heard.status_code, heard.json()


def personal(tenant: PracticeTenant) -> msal.PublicClientApplication:
    """Msal for a person's program."""
    return msal.PublicClientApplication(
        PERSONAL_APP,
        authority=tenant.authority.base,
        instance_discovery=False,
        http_client=_session(tenant),
    )


def by_itself(
    tenant: PracticeTenant, client_id: str, credential: object
) -> msal.ConfidentialClientApplication:
    """Msal for a program that signs in by itself."""
    return msal.ConfidentialClientApplication(
        client_id,
        client_credential=credential,
        authority=tenant.authority.base,
        instance_discovery=False,
        http_client=_session(tenant),
    )


async def blocking(work: Callable[[], T]) -> T:
    """Run a blocking client beside the tenant."""
    return await asyncio.to_thread(work)


def _session(tenant: PracticeTenant) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.verify = str(tenant.ca_file)
    return session
