"""What tests of the request path share."""

import pytest

from sidelight.extension import extension
from tests.asgi.clock import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which requests are measured, which the native way would not read."""
    found = Clock()
    if extension is not None:
        monkeypatch.setattr("sidelight.asgi.lifecycle.StoreLifecycle.learn", lambda *_: None)
    for module in ("background_tasks", "fast_path", "native", "request"):
        monkeypatch.setattr(f"sidelight.asgi.{module}.monotonic_ns", found)
    return found
