"""The practice tenant for the wizard's tests: real servers on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outmail.demo.tenant import PracticeTenant


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    """Its slow server is slow enough to be cancelled."""
    async with PracticeTenant(tmp_path / "tenant", slow_seconds=30) as running:
        yield running
