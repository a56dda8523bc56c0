"""Graph keeps the transports' contract, with the practice Graph at the other end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from outmail.demo.names import DESK
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.conftest import tenant
from tests.transports.contract import Arrived, TransportContract
from tests.transports.graphs import app_route, opened, route
from transports.base import Transport

__all__ = ["tenant"]


class _ToGraph(TransportContract):
    headers_are_added = False
    lines_end = False
    mends_line_ends = True
    sender = DESK
    author = f"Practice Desk <{DESK}>".encode()

    @pytest.fixture(autouse=True)
    def _find_the_tenant(self, tenant: PracticeTenant) -> None:
        self._tenant = tenant

    async def arrived(self, token: str) -> Arrived:
        mark = f"<{token}@example.test>".encode()
        found = next(one for one in self._tenant.graph.messages if mark in one.content)
        return Arrived(found.sender, found.recipients, found.content)

    def arrived_so_far(self, recipient: str) -> int:
        return len([one for one in self._tenant.graph.messages if recipient in one.recipients])


class TestDelegated(_ToGraph):
    @pytest.fixture
    async def way(self, tenant: PracticeTenant) -> AsyncIterator[Transport]:
        async with opened(await route(tenant)) as found:
            yield found


class TestAppOnly(_ToGraph):
    @pytest.fixture
    async def way(self, tenant: PracticeTenant) -> AsyncIterator[Transport]:
        async with opened(await app_route(tenant, DESK)) as found:
            yield found
