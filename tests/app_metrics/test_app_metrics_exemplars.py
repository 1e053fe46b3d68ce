"""Exemplars of the application's metrics that OpenMetrics allows."""

import pytest

from sidelight.app_metrics.families import AppFamily
from sidelight.app_metrics.validation import exportable


@pytest.mark.parametrize(("length", "kept"), [(127, True), (128, True), (129, False)])
def test_an_exemplar_has_128_characters_at_most(length: int, kept: bool) -> None:  # noqa: FBT001 a case
    """An exemplar whose label names and values have more than 128 characters is left out."""
    key = ("_total", ())
    traced = (("id", "x" * (length - 2)),)
    family = AppFamily("orders", "counter", "", "", "", {key: 1.0}, {key: (traced, 1.0, None)})
    (found,) = exportable(family)
    assert bool(found.exemplars) == kept
