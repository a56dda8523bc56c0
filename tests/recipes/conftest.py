"""One relay for the recipes of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.recipes.places import Place, place


@pytest.fixture
def here() -> Iterator[Place]:
    """A relay, its sink and our sendmail."""
    with place() as found:
        yield found
