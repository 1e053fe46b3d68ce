"""A directory for tests that read files."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidelight.store.directory import Directory
from tests.store.driving import shared


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Directory]:
    """A directory as an operator would name it, open."""
    found = shared(tmp_path / "store")
    yield found
    found.close()
