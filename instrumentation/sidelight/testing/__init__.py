"""A pytest plugin: what Sidelight measures, in the tests of a service.

Every pytest that has Sidelight beside it loads this module, so it imports nothing but pytest
until a test asks for the fixture.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sidelight.testing.lookup import Between, UnknownError
    from sidelight.testing.metrics import Metrics

__all__ = ["Between", "Metrics", "UnknownError", "sidelight_metrics"]

_LATER = {
    "Between": "sidelight.testing.lookup",
    "Metrics": "sidelight.testing.metrics",
    "UnknownError": "sidelight.testing.lookup",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


@pytest.fixture
def sidelight_metrics() -> Iterator["Metrics"]:
    """The metrics of the applications under test, counted from this fixture's start on."""
    # Not before a test asks for it.
    from sidelight.testing.measured_test import measuring  # noqa: PLC0415 pytest loads this in every run
    from sidelight.testing.metrics import Metrics  # noqa: PLC0415 pytest loads this in every run

    with measuring() as test:
        yield Metrics(test)
