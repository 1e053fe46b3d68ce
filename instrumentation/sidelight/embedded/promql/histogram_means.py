"""Sums and means of several native histograms, in Prometheus's order of operations."""

from collections.abc import Sequence
from functools import reduce

from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.histogram_arithmetic import add, divide, subtract


def sum_of_histograms(histograms: Sequence[FloatHistogram]) -> FloatHistogram:
    """Return the sum of at least one. `IncompatibleHistogramsError` if there is none."""
    return reduce(add, histograms)


def mean_of_histograms(histograms: Sequence[FloatHistogram]) -> FloatHistogram:
    """Return the mean of at least one, which is updated with each of the others."""
    mean, *others = histograms
    for count, one in enumerate(others, 2):
        mean = add(mean, subtract(divide(one, count), divide(mean, count)))
    return mean
