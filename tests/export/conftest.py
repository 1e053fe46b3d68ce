"""What tests of formats share: a registry of the application's own."""

from typing import Any

import pytest


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry of the test's own in the place of the default one."""
    client = pytest.importorskip("prometheus_client")
    found = client.CollectorRegistry(auto_describe=True)
    monkeypatch.setattr(client, "REGISTRY", found)
    return found
