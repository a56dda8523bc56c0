"""The kinds of values that settings are made of: each looked at by itself, and refused with a sentence.

None may hold a character that could leave its header or SMTP command (CR, LF, NUL).
"""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import date, datetime
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

import email_validator
import idna
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LONGEST = 1000
"""Characters of one setting at most: a name or an address has some fifty."""


def one_line(text: str) -> str:
    """Refuse control characters: they could end a header or an SMTP command and begin another."""
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in text):
        raise ValueError("must not contain line breaks or control characters")
    return text


def address(text: str) -> str:
    """An address of RFC 5321 or 6531, as "ops@example.org"; local names such as root@localhost pass.

    A domain in letters beyond ASCII becomes its ASCII form, which every server understands.
    """
    one_line(text)
    # The library refuses names kept for tests and single machines (localhost, .test, .local);
    # on a server they are everyday addresses. Emptying its list is the way it documents.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        found = email_validator.validate_email(
            text.strip(),
            check_deliverability=False,
            allow_smtputf8=True,
            globally_deliverable=False,
            test_environment=True,
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"is not a mail address: {str(error).rstrip('.')}") from error
    return found.ascii_email or found.normalized


def host(text: str) -> str:
    """A host name or an IPv4 or IPv6 address; international names become their ASCII form."""
    name = one_line(text).strip().rstrip(".")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        found = str(ipaddress.ip_address(bare))
    except ValueError:
        found = ""
    if found:
        # The library takes anything as the name of an interface, spaces and commands too.
        if not re.fullmatch(r"[^%]+(%[A-Za-z0-9._-]{1,15})?", found):
            raise ValueError("is not an IP address: after % stands the name of a network interface")
        return found
    if not name:
        raise ValueError("must not be empty")
    if re.fullmatch(r"[\d.]+", name):
        raise ValueError("is not an IP address: four numbers from 0 to 255 are needed")
    try:
        ascii_name = name if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"is not a host name: {error}") from error
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(
        re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", label) for label in labels
    ):
        wrong = "give the name alone, without " + (
            "a scheme or path" if "/" in name else "a port" if ":" in name else "spaces or symbols"
        )
        raise ValueError(f"is not a host name: {wrong}")
    return ascii_name.lower()


def _url(text: str, schemes: tuple[str, ...]) -> str:
    one_line(text)
    shown = " or ".join(f"{s}://" for s in schemes)
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is not an address that starts with {shown}: {error}") from error
    if parts.scheme not in schemes or not parts.hostname or " " in text.strip():
        raise ValueError(f"must be an address that starts with {shown}")
    if parts.username or parts.password:
        raise ValueError("must not contain a user name or password: they have fields of their own")
    host(parts.hostname)
    if port == 0:
        raise ValueError("has port 0, where nothing can listen")
    return text.strip()


def web_url(text: str) -> str:
    """An https address (http is for a redirect on this machine only, and has its own check)."""
    return _url(text, ("https",))


EWS_PATH = "/EWS/Exchange.asmx"
"""Where Exchange answers, unless something before it changed the path."""


def ews_url(text: str) -> str:
    """Where Exchange Web Services are, from what people copy: a host name, an origin, or the whole URL."""
    given = one_line(text).strip()
    parts = urlsplit(web_url(given if "://" in given else f"https://{given}"))
    name = host(parts.hostname or "")
    origin = f"https://[{name}]" if ":" in name else f"https://{name}"
    if parts.port is not None:
        origin += f":{parts.port}"
    path = parts.path.rstrip("/")
    if path.lower() in {"", "/ews", EWS_PATH.lower()}:
        path = EWS_PATH
    if parts.query or parts.fragment or not path.lower().endswith(".asmx"):
        raise ValueError(f"must end in {EWS_PATH}, as {origin}{EWS_PATH}")
    return origin + path


def redirect(text: str) -> str:
    """A redirect URL as registered with the provider: https, or http on localhost (RFC 8252)."""
    url = _url(text, ("http", "https"))
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("may use http:// only for localhost; elsewhere it must be https://")
    return url


def proxy_url(text: str) -> str:
    """An HTTP CONNECT or SOCKS5 proxy, as "http://proxy.example.org:3128"."""
    url = _url(text, ("http", "socks5"))
    parts = urlsplit(url)
    if parts.path not in {"", "/"} or parts.query:
        raise ValueError("must end after the port")
    if parts.port is None:
        raise ValueError("needs a port, as in http://proxy.example.org:3128")
    return url.rstrip("/")


def setting(text: str) -> str:
    """A line of a length that a person types."""
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    return one_line(text)


def file_path(text: str) -> str:
    """Where a file is, from the root: a service does not run in the folder where its settings were typed."""
    path = setting(text).strip()
    if path.startswith("~/"):
        path = os.path.expanduser(path)  # noqa: PTH111 - a Path would tidy the text
    if not path.startswith("/"):
        raise ValueError("must be the whole path, as /etc/ssl/private-ca.pem")
    return path


def split_scopes(given: object) -> object:
    """Scopes as people copy them: one text with commas or spaces, or a list of such texts."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list) and all(isinstance(part, str) for part in given):
        return [scope for part in given for scope in re.split(r"[,\s]+", part) if scope]
    return given


def day(given: object) -> object:
    """A date as 2027-01-31; a bare number, which could mean seconds, is none."""
    if isinstance(given, str):
        given = given.strip()
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
            raise ValueError("must be a date as 2027-01-31")
    elif isinstance(given, datetime) or not isinstance(given, date):
        raise ValueError("must be a date as 2027-01-31")
    return given


OneLine = Annotated[str, AfterValidator(setting)]
Address = Annotated[str, AfterValidator(address)]
Host = Annotated[str, AfterValidator(host)]
EwsUrl = Annotated[str, AfterValidator(ews_url)]
WebUrl = Annotated[str, AfterValidator(web_url)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class Part(BaseModel):
    """A table of the settings; a field that it does not know is a mistake.

    `HIDDEN` names fields that are text and are shown to nobody all the same: a hash, an address that
    lets in whoever knows it.
    """

    HIDDEN: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", validate_default=False, hide_input_in_errors=True)
