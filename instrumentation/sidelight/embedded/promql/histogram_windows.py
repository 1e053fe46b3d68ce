"""Windows of native histograms, from each of which one histogram is computed."""

from collections.abc import Callable, Sequence

import numpy as np

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Bools, Frame, Histograms, exist
from sidelight.embedded.promql.histogram_arithmetic import IncompatibleHistogramsError
from sidelight.embedded.promql.native_histogram_annotations import (
    NativeHistogramAnnotations,
    name_of,
)
from sidelight.embedded.promql.range_windows import Windows

Samples = Sequence[FloatHistogram]
OfWindow = Callable[[int, int], FloatHistogram]
"""Computes a result from the samples between two positions."""


def without_mixed(
    windows: Windows, numbers: Frame, chosen: Bools, notes: NativeHistogramAnnotations
) -> tuple[Frame, Bools]:
    """Drop windows with numbers and histograms; return the rest of the numbers and ``chosen``."""
    mixed = windows.present() & windows.of_histograms.present()
    notes.of_rows(windows.series, mixed, notes.mixed_range)
    return numbers.where(~mixed), chosen & ~mixed


def computed(
    windows: Windows,
    chosen: Bools,
    of_row: Callable[[Samples], OfWindow],
    notes: NativeHistogramAnnotations,
) -> Histograms:
    """Compute a histogram for each of the chosen windows, n x s; None where there is none."""
    assert windows.histograms is not None  # noqa: S101 for mypy: as in every function here
    table, size = np.full(windows.shape, None), 0
    for row in np.flatnonzero(chosen.any(axis=1)).tolist():
        places = np.flatnonzero(exist(windows.histograms[row]))
        low, high = (places.searchsorted(ends).tolist() for ends in (windows.low, windows.high))
        compute = of_row(windows.histograms[row][places].tolist())
        for step in np.flatnonzero(chosen[row]).tolist():
            try:
                made = table[row, step] = compute(low[step], high[step])
                size += made.size
            except IncompatibleHistogramsError as error:
                notes.incompatible(name_of(windows.series, row), error)
        windows.usage.check_samples(size)
    return table
