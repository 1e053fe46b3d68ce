"""What tests of the request path share."""

import pytest

from tests.asgi.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which exchanges are measured."""
    found = Clock()
    for module in ("background_tasks", "fast_path", "middleware", "request"):
        monkeypatch.setattr(f"sidelight.asgi.{module}.monotonic_ns", found)
    return found
