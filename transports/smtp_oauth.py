"""Signing in to an SMTP server by access token: XOAUTH2 and OAUTHBEARER (RFC 7628).

A token never travels without TLS, never on an AUTH line that servers would cut, and is never recorded.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from transports.base import NOTHING, Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.routes import Bearer, ServerAddress
from transports.secret import Secret
from transports.shown import harmless, masked
from transports.smtp_capabilities import Capabilities
from transports.smtp_mechanisms import HIDDEN, LONGEST_LINE, b64, cannot, named
from transports.smtp_replies import Reply, refusal
from transports.smtp_wire import Wire
from transports.trace import OpenStep

_LONGEST_RESPONSE = 12288
"""RFC 4954, section 4, with CRLF: an authentication exchange's line."""

_LONGEST_CHALLENGE = 4096
_PIECE = 16
_ORDER = ("XOAUTH2", "OAUTHBEARER")
"""XOAUTH2 first: it is the one that Microsoft and Google document."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server's refusal, and what its challenge said before it."""

    reply: Reply
    challenge: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One sign-in on an open connection: with which server, watched by which step, each answer in time."""

    wire: Wire
    offered: Capabilities
    server: ServerAddress
    step: OpenStep
    seconds: float


async def sign_in(dialogue: Dialogue, bearer: Bearer, token: Secret) -> None:
    """Authenticate as the bearer's mailbox.

    A token that should be good and is refused is renewed once and tried once more, no more than that.
    Raises TransportError of the scope sign-in.
    """
    _check(bearer.username, token)
    usable = choose(dialogue.offered, encrypted=dialogue.wire.tls is not None)
    refused = await _try(dialogue, usable, bearer.username, token)
    if refused is None:
        return
    failure = _failure(refused)
    if failure.scope is not Scope.SIGN_IN or failure.verdict is Verdict.RETRY:
        raise TransportError(failure)
    renewed = await bearer.tokens.renewed(token)
    if renewed is None:
        raise TransportError(failure)
    _check(bearer.username, renewed)
    dialogue.step.facts["renewed"] = "yes"
    try:
        again = await _try(dialogue, usable, bearer.username, renewed)
    except TransportError as error:
        if error.failure.scope is Scope.SERVER:
            # The server hung up after its refusal: that is what there is to tell.
            raise TransportError(failure) from error
        raise
    if again is not None:
        raise TransportError(_failure(again))


def choose(offered: Capabilities, *, encrypted: bool) -> tuple[str, ...]:
    """The mechanisms to try, in order; raises TransportError where there is none that we may use."""
    names = named(offered, encrypted=encrypted)
    common = tuple(m for m in _ORDER if m in offered.mechanisms)
    if not common:
        words = f"the server offers {names}, and no sign-in by token ({' or '.join(_ORDER)})"
        raise cannot(Cause.AUTH_NO_COMMON_MECHANISM, words, mechanisms=names)
    if not encrypted:
        raise cannot(Cause.AUTH_NEEDS_TLS, f"{common[0]} would send the token unencrypted", mechanisms=names)
    return common


def response(mechanism: str, username: str, token: Secret, server: ServerAddress) -> str:
    """The client's one response, in base64: Google's XOAUTH2 protocol, or RFC 7628, section 3.1."""
    if mechanism == "XOAUTH2":
        return b64(f"user={username}\x01auth=Bearer {token.reveal()}\x01\x01")
    name = username.replace("=", "=3D").replace(",", "=2C")  # a saslname, RFC 5801, section 4
    return b64(
        f"n,a={name},\x01host={server.host}\x01port={server.port}\x01auth=Bearer {token.reveal()}\x01\x01"
    )


def _check(username: str, token: Secret) -> None:
    """What would break out of the response's fields never goes into one."""
    if not username or any(ord(c) < 32 or ord(c) == 127 or "\ud800" <= c <= "\udfff" for c in username):
        raise cannot(Cause.UNSAFE_TEXT, "the user name is empty or has control characters")
    text = token.reveal()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise cannot(Cause.UNSAFE_TEXT, "the access token has letters that no token has")
    if len(text) > _LONGEST_RESPONSE * 3 // 4 - len(username) - 300:
        raise cannot(Cause.OAUTH_NOT_STANDARD, "the access token is too long for SMTP", what="huge")


async def _try(dialogue: Dialogue, usable: tuple[str, ...], username: str, token: Secret) -> Refused | None:
    """None when signed in. The next mechanism only where the server does not know the first (504)."""
    refused: Refused | None = None
    for mechanism in usable:
        dialogue.step.facts["mechanism"] = mechanism
        line = response(mechanism, username, token, dialogue.server)
        secrets = (token.reveal(), b64(token.reveal()), line, *_pieces(line, token))
        dialogue.wire.hide(secrets)
        refused = await _exchange(dialogue, mechanism, line, secrets)
        if refused is None:
            dialogue.step.detail = f"{username} by {mechanism}"
            return None
        if refused.reply.code != 504:
            break
    return refused


def _pieces(line: str, token: Secret) -> list[str]:
    """The token's part of the line, cut up: a server that repeats some of it shows a few letters at most.

    Without what stands before the token, which a challenge may well have in it too.
    """
    first = -(-base64.b64decode(line).index(token.reveal().encode()) // 3) * 4
    return [line[at : at + _PIECE] for at in range(first, len(line) - _PIECE + 1, _PIECE)]


async def _exchange(
    dialogue: Dialogue, mechanism: str, line: str, secrets: tuple[str, ...]
) -> Refused | None:
    step, seconds = dialogue.step, dialogue.seconds

    async def say(text: str, shown: str | None = None) -> Reply:
        return await dialogue.wire.command(text, step, seconds=seconds, shown=shown, shown_answer=HIDDEN)

    inline = f"AUTH {mechanism} {line}"
    if len(inline) + 2 <= LONGEST_LINE:
        reply = await say(inline, f"AUTH {mechanism} {HIDDEN}")
    else:
        reply = await say(f"AUTH {mechanism}")
        if reply.code == 334:
            reply = await say(line, HIDDEN)
    if reply.code == 235:
        return None
    if reply.code != 334:
        return Refused(reply)
    # The challenge says why, and must be answered before the refusal itself comes: RFC 7628, section
    # 3.2.3, has one byte 0x01 for it; XOAUTH2 has an empty line.
    words, facts = read_challenge(reply, secrets)
    step.said("S", f"({words})")
    step.facts.update(facts)
    last = await say("" if mechanism == "XOAUTH2" else "AQ==")
    if last.code == 334:
        last = await say("*")
    return None if last.code == 235 else Refused(last, words, MappingProxyType(facts))


def read_challenge(reply: Reply, secrets: tuple[str, ...] = ()) -> tuple[str, dict[str, str]]:
    """The error in a 334 (RFC 7628, section 3.2.2), for people and as facts; whatever the bytes are.

    Its base64 is never shown, in which a secret that the server repeats would not be found.
    """
    text = "".join("".join(reply.lines).split())[:_LONGEST_CHALLENGE]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        decoded = masked(raw.decode("utf-8", "replace"), secrets)
    except (binascii.Error, ValueError):
        return harmless(masked(text, secrets), 300), {}
    try:
        found = json.loads(decoded)
    except (ValueError, RecursionError):
        return harmless(decoded, 300).replace("\n", " "), {}
    if not isinstance(found, dict):
        return harmless(decoded, 300).replace("\n", " "), {}
    facts = {
        f"oauth_{name}": harmless(str(found[name]), 300).replace("\n", " ")
        for name in ("status", "scope", "schemes")
        if isinstance(found.get(name), str | int)
    }
    words = ", ".join(f"{name.removeprefix('oauth_')} {value}" for name, value in facts.items())
    return words or harmless(decoded, 300).replace("\n", " "), facts


def _failure(refused: Refused) -> Failure:
    found = refusal(StepName.AUTHENTICATE, Scope.SIGN_IN, refused.reply)
    words = f"{found.words} ({refused.challenge})" if refused.challenge else found.words
    return replace(found, words=words, facts=MappingProxyType({**found.facts, **refused.facts}))
