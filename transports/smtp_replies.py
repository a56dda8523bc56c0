"""What a server's answer means: its code, its enhanced code, its words, and the verdict on them.

RFC 5321, section 4.2 for the codes, RFC 3463 for the enhanced ones. No network code here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.shown import harmless

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)")
_LONGEST_WORDS = 1000

_SIGN_IN_CODES = frozenset({530, 534, 535, 538})
"""RFC 4954, section 6: authentication required, too weak, refused, encryption required."""

_SIGN_IN_ENHANCED = frozenset({"5.7.8", "5.7.9", "5.7.11", "5.7.14", "5.7.57", "5.7.139"})
"""The same as enhanced codes; 5.7.57 and 5.7.139 are Exchange Online's."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the server, its lines joined; `words` are without codes and control characters."""

    code: int
    lines: tuple[str, ...]

    @property
    def enhanced(self) -> str | None:
        """RFC 3463's status code of the first line, as "5.7.139", if there is one that fits the code."""
        found = _ENHANCED.match(self.lines[0]) if self.lines else None
        return found[1] if found and found[1][0] == str(self.code)[0] else None

    @property
    def words(self) -> str:
        """The text of all lines as one; an enhanced code repeated on later lines is left out."""
        enhanced = self.enhanced
        kept = [
            line.removeprefix(enhanced).strip() if enhanced and place else line
            for place, line in enumerate(self.lines)
        ]
        return harmless(" ".join(k for k in kept if k).replace("\n", " "), _LONGEST_WORDS)

    @property
    def good(self) -> bool:
        """2xx: done."""
        return 200 <= self.code < 300

    def __str__(self) -> str:
        return f"{self.code} {self.words}".rstrip()


def refusal(step: StepName, scope: Scope, reply: Reply) -> Failure:
    """A 4xx or 5xx (or an answer that does not fit the question) as a failure.

    421 is the server's whoever is asked about (it closes the connection); 530, 534, 535, 538 and
    their enhanced kin are the sign-in's; everything else concerns what was asked about.
    """
    code, enhanced = reply.code, reply.enhanced
    if code == 421:
        scope, verdict = Scope.SERVER, Verdict.RETRY
    elif 400 <= code < 500:
        verdict = Verdict.RETRY
    elif code < 400:
        # 2xx where 3xx was due, or the reverse: not a refusal, and nothing to build on.
        return Failure(
            step,
            Scope.SERVER,
            Verdict.RETRY,
            Cause.NOT_SMTP,
            code,
            enhanced,
            f"an answer that does not fit: {reply}",
        )
    elif code in _SIGN_IN_CODES or enhanced in _SIGN_IN_ENHANCED or scope is Scope.SIGN_IN:
        scope, verdict = Scope.SIGN_IN, Verdict.FIX_SETTINGS
    elif scope is Scope.SERVER or (scope is Scope.SENDER and _about_rights(enhanced)):
        verdict = Verdict.FIX_SETTINGS
    else:
        verdict = Verdict.REJECT
    return Failure(step, scope, verdict, Cause.ANSWER, code, enhanced, str(reply))


def _about_rights(enhanced: str | None) -> bool:
    """5.7.x to MAIL FROM: this sign-in may not use this sender, which only an admin can change."""
    return bool(enhanced and enhanced.startswith("5.7."))


def expect(step: StepName, scope: Scope, reply: Reply, *codes: int) -> Reply:
    """The reply, if it is one of `codes` (any 2xx without codes); else raises TransportError."""
    if reply.code in codes or (not codes and reply.good):
        return reply
    raise TransportError(refusal(step, scope, reply))
