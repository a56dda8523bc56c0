"""`outmail history --trace`: asks the service that took a mail where it is now.

A mail that cannot be asked about is shown all the same; why stands on stderr.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.exits import Exit, of_failure
from outmail.engine.proof import Proof, prove
from transports.base import TransportError

if TYPE_CHECKING:
    from outmail.engine.workspace import Workspace
    from store.history import Delivery


def proofs(workspace: Workspace, mails: Sequence[Delivery | None]) -> tuple[list[Proof | None], Exit]:
    """One for each mail, None where there is none or its service could not be asked; and the exit code."""
    return asyncio.run(_ask(workspace, mails))


async def _ask(workspace: Workspace, mails: Sequence[Delivery | None]) -> tuple[list[Proof | None], Exit]:
    found: list[Proof | None] = []
    code = Exit.OK
    for mail in mails:
        if mail is None:
            found.append(None)
            continue
        try:
            found.append(await prove(workspace.settings, mail, workspace.tokens, datetime.now(UTC)))
        except TransportError as error:
            from outmail.diagnosis.match import diagnose
            from outmail.engine.wiring import context

            profile = workspace.settings.profiles[mail.profile]
            finding = diagnose(error.failure, context(mail.profile, profile))
            say.error(f"{mail.message_id} was not traced", finding.title, finding.remedy)
            found.append(None)
            code = of_failure(error.failure)
    return found, code
