"""Real proxies: tinyproxy (HTTP CONNECT) and microsocks (SOCKS5), each with and without a password."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.servers.process import free_port, open_folder, require, running

USERNAME = "proxyuser"
PASSWORD = "proxypass"


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """Its address, and the sign-in it wants, if it wants one."""

    url: str
    username: str | None = None
    password: str | None = None


@contextlib.contextmanager
def tinyproxy(*, password: bool) -> Iterator[RunningProxy]:
    """HTTP CONNECT to every port. With wrong credentials it answers 401, not 407."""
    program = require("tinyproxy")
    with open_folder("tinyproxy") as folder:
        port = free_port()
        lines = [
            f"Port {port}",
            "Listen 127.0.0.1",
            "Timeout 60",
            f'LogFile "{folder}/log"',
            "MaxClients 50",
            "Allow 127.0.0.1",
            "DisableViaHeader Yes",
        ]
        if password:
            lines.append(f"BasicAuth {USERNAME} {PASSWORD}")
        config = folder / "tinyproxy.conf"
        config.write_text("\n".join(lines) + "\n")
        with running([program, "-d", "-c", str(config)], folder / "out", port):
            yield _proxy(f"http://127.0.0.1:{port}", password)


@contextlib.contextmanager
def microsocks(*, password: bool) -> Iterator[RunningProxy]:
    """SOCKS5."""
    program = require("microsocks")
    with open_folder("microsocks") as folder:
        port = free_port()
        command = [program, "-i", "127.0.0.1", "-p", str(port)]
        if password:
            command += ["-u", USERNAME, "-P", PASSWORD]
        with running(command, folder / "out", port):
            yield _proxy(f"socks5://127.0.0.1:{port}", password)


def _proxy(url: str, password: bool) -> RunningProxy:
    return RunningProxy(url, USERNAME, PASSWORD) if password else RunningProxy(url)
