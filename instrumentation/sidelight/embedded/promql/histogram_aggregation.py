"""Aggregations of vectors that have native histograms."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from sidelight.embedded.promql.aggregation import aggregate, reduce_groups
from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Frame, Index, kept
from sidelight.embedded.promql.histogram_arithmetic import (
    IncompatibleHistogramsError,
    are_compatible,
    compact,
)
from sidelight.embedded.promql.histogram_means import mean_of_histograms, sum_of_histograms
from sidelight.embedded.promql.limits import QueryUsage
from sidelight.embedded.promql.native_histogram_annotations import (
    NativeHistogramAnnotations,
    name_of,
)

HISTOGRAM_AGGREGATIONS: Final[dict[str, Callable[[Sequence[FloatHistogram]], FloatHistogram]]] = {
    "avg": mean_of_histograms,
    "sum": sum_of_histograms,
}
_OF_ANY: Final = frozenset({"count", "group"})
"""Aggregations for which a histogram is a sample as a number is."""


def as_numbers(op: str, frame: Frame, notes: NativeHistogramAnnotations) -> Frame:
    """Return the numbers that an aggregation takes; of histograms it takes only that they exist."""
    if frame.histograms is None:
        return frame
    if op in _OF_ANY:
        return Frame(frame.series, frame.values, frame.sampled)
    if frame.has_histogram.any():
        notes.ignored_in_aggregation(op)
    return frame.numbers()


def aggregate_histograms(
    op: str,
    frame: Frame,
    grouping: Grouping,
    usage: QueryUsage,
    notes: NativeHistogramAnnotations,
) -> Frame:
    """Return the sum or mean of each group; none where a group has numbers and histograms."""
    numbers = aggregate(op, frame.numbers(), grouping, usage)
    groups = frame.series.grouped(grouping)
    found = reduce_groups(groups, np.logical_or, frame.has_histogram)
    mixed = found & numbers.present
    if mixed.any():
        notes.mixed_aggregation()
    table, size = np.full(found.shape, None), 0
    for group, rows in enumerate(np.split(groups.order, groups.starts[1:])):
        for step in np.flatnonzero(found[group]).tolist():
            made = table[group, step] = _folded(op, frame, rows, step, notes)
            size += made.size if made else 0
        usage.check_samples(size)
    return Frame(groups.series, numbers.values, numbers.present & ~mixed, kept(table, ~mixed))


def _folded(
    op: str, frame: Frame, rows: Index, step: int, notes: NativeHistogramAnnotations
) -> FloatHistogram | None:
    """Compute the sum or mean of some rows; None if a number is first, or if there is none."""
    assert frame.histograms is not None  # noqa: S101 for mypy: as above
    column = frame.histograms[:, step]
    rows = rows[frame.sampled[rows, step]]
    first = column[rows[0]]
    if first is None:
        return None
    found = [one for one in column[rows] if one is not None]
    try:
        return compact(HISTOGRAM_AGGREGATIONS[op](found))
    except IncompatibleHistogramsError as error:
        others = [one is not None and not are_compatible(first, one) for one in column[rows]]
        notes.incompatible(name_of(frame.series, rows[others.index(True)]), error)
        return None
