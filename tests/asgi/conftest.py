"""What tests of the request path share."""

import pytest

from sidelight.asgi import open_store, request_waits
from sidelight.contract import NANOSECONDS
from sidelight.extension import extension
from tests.asgi.clock import Clock
from tests.asgi.looks import Looks


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which requests are measured, which the native way would not read."""
    found = Clock()
    if extension is not None:
        monkeypatch.setattr("sidelight.asgi.lifecycle.StoreLifecycle.learn", lambda *_: None)
    for module in ("background_tasks", "fast_path", "native", "request"):
        monkeypatch.setattr(f"sidelight.asgi.{module}.monotonic_ns", found)
    return found


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """The looks at the one application of a test, which may take any time."""
    found = Looks()
    monkeypatch.setattr(open_store, "RequestWaits", found.of)
    monkeypatch.setattr(request_waits, "SHARE", 0)
    monkeypatch.setattr(request_waits, "MOST_TIME", 3600 * NANOSECONDS)
    return found
