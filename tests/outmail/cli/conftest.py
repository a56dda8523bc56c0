"""A practice tenant for the tests of the command line, and a home of each test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.outmail.cli.running import Ended, Practice, practice, run


@pytest.fixture(scope="module")
def tenant_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """One for a module: it takes a second to start."""
    started = practice(tmp_path_factory.mktemp("demo") / "home")
    try:
        yield started
    finally:
        started.process.terminate()
        assert started.process.wait(20) == 0


@pytest.fixture
def tenant(tenant_of_module: Practice) -> Practice:
    """The practice tenant, with every server well."""
    tenant_of_module.mend()
    return tenant_of_module


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    return tmp_path / "home"


@pytest.fixture
def ready(tenant: Practice, home: Path) -> Callable[..., Ended]:
    """Runs commands on a home in which the profile `support` uses the practice tenant."""
    done = run(home, "profile", "import", "-", stdin=tenant.profile())
    assert done.code == 0, done.err
    return lambda *argv, **options: run(home, *argv, **options)
