"""From a server's name to a connection, directly or through a proxy: the first rungs of every ladder.

It never goes around a proxy that the profile names, which alone looks up the name of a server behind it.
"""

from __future__ import annotations

import re
import socket

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.net.connect import connect
from transports.net.failures import unreachable
from transports.net.proxy import ProxyAddress, through
from transports.net.resolve import Endpoint, Resolver, is_address, resolve
from transports.routes import ProxyRoute, ServerAddress, Timeouts
from transports.trace import OpenStep, Trace

_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")


async def reach(
    server: ServerAddress, proxy: ProxyRoute | None, timeouts: Timeouts, resolver: Resolver, trace: Trace
) -> socket.socket:
    """A connection to the server: the steps resolve, proxy (where there is one) and connect.

    Raises TransportError and leaves nothing open.
    """
    if proxy is not None:
        return await _through(server, proxy, timeouts, resolver, trace)
    async with trace.step(StepName.RESOLVE) as step:
        refuse_unsafe(server.host, step.name)
        endpoints = await _look_up(server.host, server.port, resolver, timeouts, step)
    async with trace.step(StepName.CONNECT) as step:
        reached = await connect(endpoints, timeouts.connect, step.name)
        step.detail = str(reached.endpoint)
        step.facts["address"] = str(reached.endpoint)
        if reached.tried:
            step.facts["tried"] = "; ".join(reached.tried)
            step.detail += f" (not {'; not '.join(reached.tried)})"
        return reached.sock


async def _look_up(
    host: str, port: int, resolver: Resolver, timeouts: Timeouts, step: OpenStep
) -> list[Endpoint]:
    endpoints = await resolve(host, port, resolver, timeouts.resolve)
    step.facts["addresses"] = ", ".join(e.ip for e in endpoints)
    step.detail = step.facts["addresses"]
    return endpoints


async def _through(
    server: ServerAddress, route: ProxyRoute, timeouts: Timeouts, resolver: Resolver, trace: Trace
) -> socket.socket:
    async with trace.step(StepName.RESOLVE) as step:
        refuse_unsafe(server.host, step.name)
        proxy = ProxyAddress.of(route.url)
        try:
            endpoints = await _look_up(proxy.host, proxy.port, resolver, timeouts, step)
        except TransportError as error:
            words = f"the proxy's name {proxy.host}: {error.failure.words}"
            raise unreachable(step.name, Cause.PROXY_UNREACHABLE, words, error.failure.facts) from error
        if not is_address(server.host):
            step.detail = f"{server.host} is resolved by the proxy, {proxy.host}: {step.detail}"
            step.facts["resolved_by"] = "proxy"
    async with trace.step(StepName.PROXY) as step:
        sock = await through(proxy, endpoints, route, server, timeouts.proxy)
        step.detail = f"{proxy}" + (f" as {route.username}" if route.username else "")
        step.facts["proxy"] = str(proxy)
    async with trace.step(StepName.CONNECT) as step:
        step.detail = f"{server} through {proxy}"
        step.facts["address"] = str(server)
    return sock


def refuse_unsafe(text: str, step: StepName) -> None:
    """Raise TransportError for a host name that could leave the command or the line it goes into."""
    if _UNSAFE.search(text) or not text:
        raise TransportError(
            Failure(
                step,
                Scope.SERVER,
                Verdict.FIX_SETTINGS,
                Cause.UNSAFE_TEXT,
                words="a host name contains spaces or control characters, or is empty",
            )
        )
