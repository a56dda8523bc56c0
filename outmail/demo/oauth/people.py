"""The practice authority's door for people: who decides about a code, who signs in by browser, and the pages.

A redirect address that is not registered is never sent anywhere; what is wrong there is shown instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from outmail.demo.oauth import pages
from outmail.demo.oauth.directory import App, Asked, Directory, asked
from outmail.demo.oauth.faults import AuthorityFault
from outmail.demo.oauth.grants import BrowserCode, DeviceSignIn, Grants
from outmail.demo.oauth.refusals import Refused
from outmail.demo.web import Request, Response

_BLOCKED = (
    "You have no access here: error 53003. The organisation's policy blocks sign-in by a code, and the "
    "program that shows the code is not told."
)


_CHALLENGE = re.compile("[A-Za-z0-9_-]{43}")
"""A SHA-256 in base64url: RFC 7636, section 4.2."""


class People:
    """What a person does, on the pages or on the practice screen."""

    def __init__(self, directory: Directory, grants: Grants) -> None:
        self._directory = directory
        self._grants = grants

    def waiting(self) -> list[DeviceSignIn]:
        """The sign-ins by code that wait for somebody, oldest first."""
        return self._grants.waiting()

    def decide(self, user_code: str, account: str, fault: AuthorityFault) -> None:
        """Somebody typed the code and signed in as this account, or with "" declined.

        Raises Refused: 70020 for a code that nobody waits with, 53003 where codes are blocked.
        """
        found = self._grants.waits_for(user_code)
        if found is None:
            raise Refused(70020)
        if fault.blocks_codes:
            raise Refused(53003)
        if not account or fault.declines:
            found.declined = True
        else:
            found.account = account

    def browse(self, query: Mapping[str, str], account: str, fault: AuthorityFault) -> str:
        """Somebody signed in by browser as this account, or with "" declined: where the browser goes.

        Raises Refused where the request itself is wrong, which the page shows (RFC 6749, 4.1.2.1).
        """
        app, redirect = self._redirect(query)
        back = {"state": query["state"]} if "state" in query else {}
        try:
            wanted = self._browser_asks(app, query)
        except Refused as refused:
            return _with_query(redirect, {"error": refused.error, "error_description": refused.words, **back})
        if not account or fault.declines:
            declined = {"error": "access_denied", "error_description": Refused(65004).words}
            return _with_query(redirect, {**declined, **back})
        challenge, nonce = query.get("code_challenge", ""), query.get("nonce", "")
        code = self._grants.code_for(BrowserCode(app, wanted, account, redirect, challenge, nonce))
        return _with_query(redirect, {"code": code, **back})

    def device_page(self, request: Request, fault: AuthorityFault) -> Response:
        """Where a code is typed (RFC 8628, section 3.3)."""
        if request.method != "POST":
            return pages.device(request.query.get("user_code", ""))
        form = request.form
        code = form.get("user_code", "")
        try:
            account = self._who(form)
            self.decide(code, account, fault)
        except Refused as refused:
            if refused.number == 53003:
                return pages.said("You cannot get there from here", _BLOCKED, 403)
            return pages.device(code, refused.words, 400)
        words = f"You signed in as {account}." if account else "You declined."
        return pages.said("Done", f"{words} Close this window and go back to your program.")

    def browser_page(self, request: Request, fault: AuthorityFault) -> Response:
        """Where somebody signs in by browser (RFC 6749, section 3.1)."""
        query = request.query
        try:
            app, _redirect = self._redirect(query)
        except Refused as refused:
            return pages.said("This sign-in cannot begin", refused.words, 400)
        if request.method != "POST":
            return pages.sign_in(app.title)
        try:
            return Response(303, headers={"Location": self.browse(query, self._who(request.form), fault)})
        except Refused as refused:
            return pages.sign_in(app.title, refused.words, 400)

    def _who(self, form: Mapping[str, str]) -> str:
        """The account that the form signs in, "" for one that declines. Raises Refused."""
        if form.get("answer") == "decline":
            return ""
        return self._directory.person(form.get("account", ""), form.get("password", ""))

    def _redirect(self, query: Mapping[str, str]) -> tuple[App, str]:
        """Whom the answer goes to; anything wrong here is shown to the person, never sent on."""
        app = self._directory.app(query.get("client_id", ""))
        redirect = query.get("redirect_uri", "")
        if not any(_fits(redirect, known) for known in app.redirects):
            raise Refused(50011)
        return app, redirect

    def _browser_asks(self, app: App, query: Mapping[str, str]) -> Asked:
        if query.get("response_type") != "code":
            raise Refused(90014, "response_type=code")
        if app.public and (not query.get("code_challenge") or query.get("code_challenge_method") != "S256"):
            raise Refused(90014, "code_challenge")  # RFC 9700, section 2.1.1
        if "code_challenge" in query and not _CHALLENGE.fullmatch(query["code_challenge"]):
            raise Refused(501491)
        return asked(query.get("scope", ""))


def _fits(redirect: str, known: str) -> bool:
    """Whether it is the registered address, but for a loopback port (RFC 8252, section 7.3)."""
    ours = urlsplit(known)
    begins, path = re.escape(f"{ours.scheme}://{ours.netloc}"), re.escape(ours.path.rstrip("/"))
    return re.fullmatch(rf"{begins}(:[0-9]{{1,5}})?{path}/?", redirect) is not None


def _with_query(address: str, fields: Mapping[str, str]) -> str:
    return f"{address}?{urlencode(fields)}"
