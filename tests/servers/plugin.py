"""The fixtures of tests/servers, one set a test process; a server starts when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import dovecot as _dovecot
from tests.servers import postfix as _postfix
from tests.servers import proxies as _proxies
from tests.servers.pki import Pki
from tests.servers.process import open_folder
from tests.servers.sink import Sink
from tests.servers.tokens import TokenMaker


@pytest.fixture(scope="session")
def pki() -> Iterator[Pki]:
    """Certificates, good and bad."""
    with open_folder("pki") as folder:
        yield Pki(folder)


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    """Where the real servers deliver."""
    found = Sink()
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def token_maker() -> TokenMaker:
    """Signs tokens that the real servers believe."""
    return TokenMaker()


@pytest.fixture(scope="session")
def dovecot(pki: Pki, sink: Sink, token_maker: TokenMaker) -> Iterator[_dovecot.Dovecot]:
    """Dovecot submission; mark the test `real`."""
    with _dovecot.dovecot(pki, sink, token_maker.trust) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(pki: Pki, dovecot: _dovecot.Dovecot, sink: Sink) -> Iterator[_postfix.Postfix]:
    """Postfix with sign-in; mark the test `real`."""
    with _postfix.postfix(pki, dovecot, sink) as server:
        yield server


@pytest.fixture(scope="session")
def http_proxy() -> Iterator[_proxies.RunningProxy]:
    """tinyproxy without a password; mark the test `real`."""
    with _proxies.tinyproxy(password=False) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def http_proxy_with_password() -> Iterator[_proxies.RunningProxy]:
    """tinyproxy with BasicAuth; mark the test `real`."""
    with _proxies.tinyproxy(password=True) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def socks_proxy() -> Iterator[_proxies.RunningProxy]:
    """microsocks without a password; mark the test `real`."""
    with _proxies.microsocks(password=False) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def socks_proxy_with_password() -> Iterator[_proxies.RunningProxy]:
    """microsocks with a password; mark the test `real`."""
    with _proxies.microsocks(password=True) as proxy:
        yield proxy
