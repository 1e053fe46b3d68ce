"""The series of classic histograms, as buckets."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from sidelight.embedded.promql.formatting import parse_number
from sidelight.embedded.promql.frame import (
    METADATA_LABELS,
    Bools,
    Floats,
    Frame,
    Index,
    Labels,
    LabelSets,
)

BOUND: Final = "le"


@dataclass(frozen=True)
class BucketLayout:
    """The buckets of all histograms: bounds, ascending, and for each its histograms and rows."""

    series: LabelSets
    bounds: list[float]
    rows: list[tuple[Index, Index]]
    histograms: list[Labels]
    without_bound: list[int]

    def rows_of(self, number: int) -> list[int]:
        """Return the rows of one histogram."""
        pairs = (rows[histograms == number] for histograms, rows in self.rows)
        return [row for some in pairs for row in some.tolist()]


def bucket_layout(series: LabelSets) -> BucketLayout:
    """Return the buckets of series.

    Histograms of different names are separate, though the result has no metric name.
    """
    return series.cached("histograms", lambda: _layout(series))


def _layout(series: LabelSets) -> BucketLayout:
    bounds = [parse_number(labels.get(BOUND, "")) for labels in series.labels]
    rows = [row for row, bound in enumerate(bounds) if bound is not None]
    found: dict[tuple[tuple[str, str], ...], int] = {}
    by_bound: dict[float, list[tuple[int, int]]] = {}
    for row in rows:
        key = tuple((k, v) for k, v in series.labels[row].items() if k != BOUND)
        number = found.setdefault(key, len(found))
        by_bound.setdefault(bounds[row] or 0.0, []).append((number, row))
    order = sorted(by_bound)
    members = [np.array(sorted(by_bound[bound]), np.intp).T for bound in order]
    sets = [{k: v for k, v in key if k not in METADATA_LABELS} for key in found]
    without_bound = [row for row, bound in enumerate(bounds) if bound is None]
    pairs = [(one[0], one[1]) for one in members]
    return BucketLayout(LabelSets(sets), order, pairs, list(map(dict, found)), without_bound)


def bucket_counts(
    frame: Frame, histograms: Index, rows: Index, shape: tuple[int, int]
) -> tuple[Floats, Bools]:
    """Return counts and presence of one bound in each histogram; equal bounds are added."""
    if len(histograms) == shape[0] and (histograms == np.arange(shape[0])).all():
        return frame.values[rows], frame.present[rows]
    counts, present = np.zeros(shape), np.zeros(shape, bool)
    np.add.at(counts, histograms, np.where(frame.present[rows], frame.values[rows], 0.0))
    np.logical_or.at(present, histograms, frame.present[rows])
    return counts, present
