"""Microsoft's library msal, kept on our own line: it opens no connection, and logs and remembers nothing.

msal blocks, so it works in a thread; what the authority said to it is kept here word for word, since
msal's own reading of it is not to be relied on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from transports.http import Answer, HttpClient
from transports.http_blocking import BlockingAnswer, BlockingHttp

if TYPE_CHECKING:
    from types import ModuleType

CALL_SECONDS = 60.0
"""How long one question to the authority may take, all in all."""

_DISCOVERY = "/.well-known/openid-configuration"


class Line(BlockingHttp):
    """What msal takes for the web: our connection.

    The authority's discovery document is answered here, from the profile's addresses: these are what
    the admin sees and may edit, and msal would go by the authority's own instead, without a word.
    """

    def __init__(self, client: HttpClient, document: str) -> None:
        super().__init__(client, asyncio.get_running_loop(), CALL_SECONDS)
        self._document = document

    def get(
        self,
        url: str,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> BlockingAnswer:
        """As requests has it."""
        if self._document and url.endswith(_DISCOVERY):
            return BlockingAnswer(200, self._document, {})
        return super().get(url, params, headers)


async def in_thread(
    client: HttpClient, work: Callable[[Line], str], document: str = ""
) -> tuple[Answer | None, str]:
    """The last answer that `work` heard in a thread of its own, and what it returned.

    Cancelled, it takes the connection from under the thread, which ends by that.
    """
    line = Line(client, document)
    try:
        words = await asyncio.to_thread(work, line)
    except asyncio.CancelledError:
        line.cancel()
        raise
    return line.heard, words


def library() -> ModuleType:
    """msal, imported at first use since it takes a third of a second; mute, since it logs whole answers."""
    import msal
    import msal.exceptions

    logger = logging.getLogger("msal")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    module: ModuleType = msal
    return module


def library_errors(msal: ModuleType) -> tuple[type[Exception], ...]:
    """Everything that msal was seen to raise for an answer that it does not like."""
    own: type[Exception] = msal.exceptions.MsalError
    return (own, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError)
