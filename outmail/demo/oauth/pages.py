"""The practice authority's pages for people: type a code, sign in, decline; plain HTML, no script."""

from __future__ import annotations

from html import escape

from outmail.demo.web import Response

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:32em;margin:3em auto;padding:0 1em}input,button{font:inherit}"
)
_WHO = (
    '<p><label>Account<br><input name="account" autocomplete="username" required></label></p>'
    '<p><label>Password<br><input name="password" type="password" required></label></p>'
    '<p><button name="answer" value="allow">Allow</button> '
    '<button name="answer" value="decline" formnovalidate>Decline</button></p>'
)


def device(user_code: str, told: str = "", status: int = 200) -> Response:
    """Where the person types the code; `told` is what was wrong before."""
    field = f'<p><label>Code<br><input name="user_code" value="{escape(user_code)}" required></label></p>'
    return _page("Enter the code that your program shows", _told(told) + _form(field + _WHO), status)


def sign_in(app: str, told: str = "", status: int = 200) -> Response:
    """Where the person signs in for a program; the form goes back to the address it came from."""
    asks = f"<p>{escape(app)} wants to send mail for you.</p>"
    return _page("Sign in", asks + _told(told) + _form(_WHO), status)


def said(title: str, words: str, status: int = 200) -> Response:
    """A page that ends it."""
    return _page(title, f"<p>{escape(words)}</p>", status)


def _form(fields: str) -> str:
    return f'<form method="post">{fields}</form>'


def _told(words: str) -> str:
    return f"<p><strong>{escape(words)}</strong></p>" if words else ""


def _page(title: str, body: str, status: int) -> Response:
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
        f"<style>{_STYLE}</style><body><h1>{escape(title)}</h1>{body}"
        "<p><small>outmail practice tenant: nothing here is real.</small></p></body></html>\n"
    )
    return Response(status, page.encode(), "text/html; charset=utf-8", _HEADERS)
