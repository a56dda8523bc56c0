"""A running practice tenant for each test, and the proof that it left nothing behind."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outmail.demo.tenant import PracticeTenant

SLOW_SECONDS = 0.05
POLL_SECONDS = 0.05


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    """A tenant; afterwards no task may be left, and the loop may not have had anything to complain about."""
    complaints: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: complaints.append(context))
    before = asyncio.all_tasks()
    async with PracticeTenant(tmp_path / "practice", SLOW_SECONDS, POLL_SECONDS) as running:
        yield running
    left = {task for task in asyncio.all_tasks() - before - {asyncio.current_task()} if not task.done()}
    assert not left
    assert not complaints


@pytest.fixture
def trust(tenant: PracticeTenant) -> ssl.SSLContext:
    """A client that trusts the practice authority and nothing else, and is strict about RFC 5280."""
    context = ssl.create_default_context(cafile=str(tenant.ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context
