"""A directory for tests that read files, and a service for tests that read pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from sidelight.store.directory import Directory
from tests.store.driving import shared


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Directory]:
    """A directory as an operator would name it, open."""
    found = shared(tmp_path / "store")
    yield found
    found.close()


@pytest.fixture
def app(registry: Any) -> FastAPI:
    """A service without routes, and a registry of its own."""
    found = FastAPI(openapi_url=None)
    found.add_middleware(SidelightMiddleware)
    return found
