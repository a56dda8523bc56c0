"""Signing in to an SMTP server: PLAIN, LOGIN and CRAM-MD5 (RFC 4954, RFC 4616, RFC 2195).

No password travels unencrypted unless the admin said so for that profile, and none is ever
recorded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from transports.base import Cause, Scope, StepName
from transports.routes import Login
from transports.smtp_capabilities import Capabilities
from transports.smtp_mechanisms import HIDDEN, LONGEST_LINE, b64, cannot, named
from transports.smtp_replies import Reply, expect
from transports.smtp_wire import Wire
from transports.trace import OpenStep

_REVEALING = frozenset({"PLAIN", "LOGIN"})


async def sign_in(wire: Wire, offered: Capabilities, login: Login, step: OpenStep, seconds: float) -> None:
    """Authenticate, each answer within `seconds`; raises TransportError of the scope sign-in."""
    for text in (login.username, login.password.reveal()):
        if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
            raise cannot(Cause.UNSAFE_TEXT, "user name and password must be valid Unicode without NUL")
    encrypted = wire.tls is not None
    usable = choose(offered, login, encrypted=encrypted)
    wire.hide(_renderings(login))
    for place, mechanism in enumerate(usable):
        step.facts["mechanism"] = mechanism
        reply = await _exchange(wire, mechanism, login, step, seconds)
        last = place == len(usable) - 1
        if reply.code == 504 and not last:
            continue  # offered, and yet not known: the next one. A 535 is never repeated: accounts get locked
        expect(StepName.AUTHENTICATE, Scope.SIGN_IN, reply, 235)
        break
    step.detail = f"{login.username} by {step.facts['mechanism']}" + ("" if encrypted else ", unencrypted")


def choose(offered: Capabilities, login: Login, *, encrypted: bool) -> tuple[str, ...]:
    """The mechanisms to try, in order; raises TransportError where there is none that we may use."""
    names = named(offered, encrypted=encrypted)
    order = ("PLAIN", "LOGIN", "CRAM-MD5") if encrypted else ("CRAM-MD5", "PLAIN", "LOGIN")
    wanted = order if login.mechanism == "auto" else (login.mechanism.upper(),)
    common = tuple(m for m in wanted if m in offered.mechanisms)
    if not common:
        raise cannot(
            Cause.AUTH_NO_COMMON_MECHANISM,
            f"the server offers {names}; we can use {', '.join(wanted)}",
            mechanisms=names,
        )
    if encrypted or login.insecure_without_tls:
        return common
    harmless = tuple(m for m in common if m not in _REVEALING)
    if not harmless:
        raise cannot(
            Cause.AUTH_NEEDS_TLS,
            f"{common[0]} would send the password unencrypted",
            mechanisms=names,
        )
    return harmless


def _plain(login: Login) -> str:
    return b64(f"\0{login.username}\0{login.password.reveal()}")


def _renderings(login: Login) -> tuple[str, ...]:
    """Every form in which the password is about to travel."""
    password = login.password.reveal()
    return (password, b64(password), _plain(login))


async def _exchange(wire: Wire, mechanism: str, login: Login, step: OpenStep, seconds: float) -> Reply:
    match mechanism:
        case "PLAIN":
            return await _auth_plain(wire, login, step, seconds)
        case "LOGIN":
            return await _auth_login(wire, login, step, seconds)
        case _:
            return await _auth_cram_md5(wire, login, step, seconds)


async def _start(wire: Wire, line: str, step: OpenStep, seconds: float, shown: str | None = None) -> Reply:
    return await wire.command(line, step, seconds=seconds, shown=shown, shown_answer=HIDDEN)


async def _respond(wire: Wire, response: str, step: OpenStep, seconds: float) -> Reply:
    return await wire.command(response, step, seconds=seconds, shown=HIDDEN, shown_answer=HIDDEN)


async def _auth_plain(wire: Wire, login: Login, step: OpenStep, seconds: float) -> Reply:
    response = _plain(login)
    line = f"AUTH PLAIN {response}"
    if len(line) + 2 <= LONGEST_LINE:
        reply = await _start(wire, line, step, seconds, f"AUTH PLAIN {HIDDEN}")
    else:
        reply = await _start(wire, "AUTH PLAIN", step, seconds)
    if reply.code == 334:
        reply = await _respond(wire, response, step, seconds)
    return await _finish(wire, reply, step, seconds)


async def _auth_login(wire: Wire, login: Login, step: OpenStep, seconds: float) -> Reply:
    reply = await _start(wire, "AUTH LOGIN", step, seconds)
    for text in (login.username, login.password.reveal()):
        if reply.code != 334:
            return reply
        reply = await _respond(wire, b64(text), step, seconds)
    return await _finish(wire, reply, step, seconds)


async def _auth_cram_md5(wire: Wire, login: Login, step: OpenStep, seconds: float) -> Reply:
    reply = await _start(wire, "AUTH CRAM-MD5", step, seconds)
    if reply.code != 334:
        return reply
    try:
        challenge = base64.b64decode(reply.lines[0].strip(), validate=True)
    except (binascii.Error, ValueError):
        return await _finish(wire, reply, step, seconds)
    digest = hmac.new(login.password.reveal().encode(), challenge, hashlib.md5).hexdigest()
    response = b64(f"{login.username} {digest}")
    wire.hide([response, digest])
    return await _finish(wire, await _respond(wire, response, step, seconds), step, seconds)


async def _finish(wire: Wire, reply: Reply, step: OpenStep, seconds: float) -> Reply:
    """Cancel (RFC 4954, section 4) where the server asks on after everything was said."""
    if reply.code == 334:
        return await wire.command("*", step, seconds=seconds, shown_answer=HIDDEN)
    return reply
