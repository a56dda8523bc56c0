"""One message handed over: MAIL FROM, RCPT TO for each recipient, DATA; and what became of each.

It must never say that a message was not taken when it may have been: between the end of the
message and its answer every loss is UNCERTAIN.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace

from transports.base import Cause, Envelope, Outcome, Receipt, Scope, StepName, TransportError, Verdict
from transports.net.failures import unreachable
from transports.routes import Timeouts
from transports.smtp_capabilities import Capabilities
from transports.smtp_commands import Transaction, mail_line, prepare, rcpt_line
from transports.smtp_replies import Reply, expect, refusal
from transports.smtp_wire import Wire
from transports.trace import OpenStep, Trace

_MUCH_TO_SAY = frozenset({552})
_TOO_LARGE = "5.3.4"
_AT_ONCE = 16 * 1024
"""Bytes of commands that are said together at most, so that neither side waits for the other to read."""


async def probe(
    wire: Wire, offered: Capabilities, sender: str, recipient: str, trace: Trace, *, timeouts: Timeouts
) -> None:
    """MAIL FROM and RCPT TO, taken back by RSET; DATA is never said.

    Raises TransportError of the step `sender` or `permission`.
    """
    async with trace.step(StepName.SENDER) as step:
        mail = mail_line(sender, offered, (rcpt_line(recipient),))
        expect(step.name, Scope.SENDER, await wire.command(mail, step, seconds=timeouts.command))
        step.detail = f"{sender or '<>'} may send"
    async with trace.step(StepName.PERMISSION) as step:
        reply = await wire.command(rcpt_line(recipient), step, seconds=timeouts.command)
        await _take_back(wire, step, timeouts)
        expect(step.name, Scope.RECIPIENT, reply)
        step.detail = f"mail to {recipient} would be taken"


async def _take_back(wire: Wire, step: OpenStep, timeouts: Timeouts) -> None:
    """RSET; a server that refuses even that changes nothing about what was proven."""
    with suppress(TransportError):
        await wire.command("RSET", step, seconds=timeouts.command)


async def send(
    wire: Wire, offered: Capabilities, envelope: Envelope, trace: Trace, *, timeouts: Timeouts
) -> Receipt:
    """Hand the message over; raises TransportError when it was taken for nobody.

    Recipients named twice get it once. When each was refused, the error carries the outcome of each.
    """
    async with trace.step(StepName.SEND) as step:
        transaction = prepare(envelope, offered)
        refused = await _begin(wire, offered, transaction, step, timeouts)
        answer = await _content(wire, transaction, step, timeouts)
        step.detail = str(answer)
        step.facts["size"] = str(len(envelope.content))
        if refused:
            step.warning = next(iter(refused.values())).failure
        outcomes = tuple(refused.get(r) or Outcome(r, str(answer)) for r, _ in transaction.recipients)
        return Receipt(str(answer), outcomes)


def _about_size(reply: Reply) -> bool:
    """Is a refusal of MAIL FROM about the announced SIZE (RFC 1870, section 6.1)?"""
    return reply.code in _MUCH_TO_SAY or reply.enhanced == _TOO_LARGE


async def _begin(
    wire: Wire, offered: Capabilities, transaction: Transaction, step: OpenStep, timeouts: Timeouts
) -> dict[str, Outcome]:
    """MAIL, RCPT for each recipient, and DATA; gives the recipients that were refused.

    Where the server knows PIPELINING they are said together (RFC 2920). Raises TransportError.
    """
    lines = [
        (StepName.SENDER, transaction.mail),
        *((StepName.PERMISSION, line) for _, line in transaction.recipients),
        (StepName.SEND, "DATA"),
    ]
    together = "PIPELINING" in offered and sum(len(line) for _, line in lines) <= _AT_ONCE
    if together:
        answers = wire.say_together(lines, step, seconds=timeouts.command)
    else:
        answers = _one_by_one(wire, lines, step, timeouts)
    async with aclosing(answers):
        failure: TransportError | None = None
        refused: dict[str, Outcome] = {}
        try:
            mail = await anext(answers)
            expect(StepName.SENDER, Scope.MESSAGE if _about_size(mail) else Scope.SENDER, mail)
            for recipient, _ in transaction.recipients:
                reply = await anext(answers)
                if not reply.good:
                    refused[recipient] = _refused(recipient, reply)
            if len(refused) == len(transaction.recipients):
                raise _nobody(list(refused.values()))
        except TransportError as error:
            failure = error
        if failure is None:
            expect(StepName.SEND, Scope.MESSAGE, await anext(answers), 354)
            return refused
        if failure.failure.scope is Scope.SERVER:
            wire.abort()  # whose answer the next one would be, nobody knows
        elif together:
            with suppress(TransportError):  # the failure itself is the one to tell
                await _hear_out(wire, answers, step, timeouts)
        elif refused:
            await _take_back(wire, step, timeouts)
    raise failure


async def _hear_out(
    wire: Wire, answers: AsyncGenerator[Reply, None], step: OpenStep, timeouts: Timeouts
) -> None:
    """A mail that nobody gets was announced whole: read what is still answered, and take it back."""
    rest = [reply async for reply in answers]
    if rest and rest[-1].code == 354:
        # The server would take a message for nobody: it gets an empty one (RFC 2920, section 3.1).
        await wire.upload(b"", b".\r\n", step, seconds=timeouts.command)
    await _take_back(wire, step, timeouts)


async def _one_by_one(
    wire: Wire, lines: Sequence[tuple[StepName, str]], step: OpenStep, timeouts: Timeouts
) -> AsyncGenerator[Reply, None]:
    for where, line in lines:
        yield await wire.command(line, step, seconds=timeouts.command, at=where)


def _refused(recipient: str, reply: Reply) -> Outcome:
    failure = refusal(StepName.PERMISSION, Scope.RECIPIENT, reply)
    if failure.scope is Scope.SERVER:
        raise TransportError(failure)  # 421 or nonsense: the conversation is over
    return Outcome(recipient, str(reply), failure)


def _nobody(outcomes: Sequence[Outcome]) -> TransportError:
    """All were refused: one failure for all, the one that may pass by itself before those that do not."""
    failures = [o.failure for o in outcomes if o.failure]
    chosen = next((f for f in failures if f.verdict is Verdict.RETRY), failures[0])
    return TransportError(chosen, tuple(outcomes))


async def _content(wire: Wire, transaction: Transaction, step: OpenStep, timeouts: Timeouts) -> Reply:
    size = len(transaction.content)
    step.said("C", f"(the message, {size} bytes)")
    reply, error, handed_over = await wire.upload(
        transaction.content, transaction.end, step, seconds=timeouts.upload(size)
    )
    if reply is not None and reply.code >= 400:
        failure = refusal(StepName.SEND, Scope.MESSAGE, reply)
        if not handed_over:
            wire.abort()  # half a message lies in the line: nothing else can be said on it
        raise TransportError(failure)
    if reply is not None and reply.good and handed_over:
        return reply
    wire.abort()
    words = f"an answer that does not fit: {reply}"
    failure = (error or unreachable(StepName.SEND, Cause.NOT_SMTP, words)).failure
    if handed_over and failure.cause is not Cause.ANSWER:
        # A 421 in place of the answer is an answer; silence, nonsense and a broken line are none.
        failure = replace(failure, scope=Scope.MESSAGE, verdict=Verdict.UNCERTAIN)
    raise TransportError(failure) from error
