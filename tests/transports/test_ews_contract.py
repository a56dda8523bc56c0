"""EWS keeps the transports' contract, with the practice Exchange at the other end, whoever signs in and how.

Everything asked and answered in these tests is held against Microsoft's own schemas.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from outmail.demo.names import DESK
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.conftest import tenant
from tests.servers.ews_spec import Recorder, check_all
from tests.transports.contract import Arrived, TransportContract
from tests.transports.ewses import delegated, opened, password, route
from transports.base import Transport

__all__ = ["tenant"]


class _ToExchange(TransportContract):
    headers_are_added = False
    lines_end = False
    mends_line_ends = True
    sender = DESK
    author = f"Practice Desk <{DESK}>".encode()

    @pytest.fixture(autouse=True)
    async def _find_the_tenant(self, tenant: PracticeTenant) -> AsyncIterator[None]:
        self._tenant = tenant
        with Recorder(tenant.ews) as recorded:
            yield
        check_all(recorded, refused_too=True)

    async def arrived(self, token: str) -> Arrived:
        mark = f"<{token}@example.test>".encode()
        found = [one for one in self._tenant.ews.messages if mark in one.content]
        assert len(found) == 1
        return Arrived(found[0].sender, found[0].recipients, found[0].content)

    def arrived_so_far(self, recipient: str) -> int:
        return len([one for one in self._tenant.ews.messages if recipient in one.recipients])


class TestBasic(_ToExchange):
    @pytest.fixture
    async def way(self, tenant: PracticeTenant) -> AsyncIterator[Transport]:
        async with opened(route(tenant, scheme="basic")) as found:
            yield found


class TestNtlm(_ToExchange):
    @pytest.fixture
    async def way(self, tenant: PracticeTenant) -> AsyncIterator[Transport]:
        async with opened(route(tenant, password("PRACTICE\\desk"), scheme="ntlm")) as found:
            yield found


class TestBearerWithCopies(_ToExchange):
    @pytest.fixture
    async def way(self, tenant: PracticeTenant) -> AsyncIterator[Transport]:
        async with opened(await delegated(tenant, keep_copy=True)) as found:
            yield found
