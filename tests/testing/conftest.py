"""The fixture under test, whether or not this pytest has found the plugin by itself."""

import gc

import pytest

from sidelight.testing import sidelight_metrics

__all__ = ["sidelight_metrics"]


@pytest.fixture(autouse=True)
def nothing_left() -> None:
    """No request of an earlier test is still to be ended, and counted, by the collector."""
    gc.collect()
