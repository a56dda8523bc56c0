"""How many requests to the OAuth authority a mail costs while its token is good."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from outmail.demo.tenant import PracticeTenant
from outmail.engine.sample import sample
from outmail.engine.signin import SignIn
from outmail.engine.tokens import Tokens
from store.tokens import MemoryShelf

MAILS = 50


async def count() -> int:
    """Sign in once, send the mails one by one, and count what the authority was asked for meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        async with PracticeTenant(Path(folder) / "practice") as tenant:
            name, tokens = "practice-oauth-app", Tokens(MemoryShelf())
            profile = tenant.profiles().profiles[name]
            await SignIn(name, profile, tokens, lambda _event: None).run()
            before = tenant.authority.asked
            assert before > 0, "the sign-in itself asks"
            for _ in range(MAILS):
                report = await sample(
                    name, profile, "a@practice.test", watch=lambda _progress: None, tokens=tokens
                )
                assert report.ok
            return tenant.authority.asked - before


if __name__ == "__main__":
    requests = asyncio.run(count())
    told = "met" if requests == 0 else "MISSED"
    print(f"requests to the authority, {MAILS} mails with a good token: {requests}, goal 0: {told}")
    sys.exit(requests != 0)
