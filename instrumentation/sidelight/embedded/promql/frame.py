"""An instant vector at every step of a query, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.errors import execution_error
from sidelight.embedded.promql.labels import LabelSets, concatenated

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SAME_LABELS: Final = "vector cannot contain metrics with the same labelset"


@dataclass(frozen=True, slots=True)
class Frame:
    """n series at s steps: ``values`` and ``present``, both n x s.

    Where ``present`` is false the series has no sample at that step, and its value is undefined.
    """

    series: LabelSets
    values: Floats
    present: Bools

    def with_values(self, values: Floats) -> "Frame":
        """Return these values, without the metric name."""
        return Frame(self.series.without_metric_name(), values, self.present)

    def without_metric_name(self) -> "Frame":
        """Return the same values, without the metric name."""
        return Frame(self.series.without_metric_name(), self.values, self.present)

    def where(self, chosen: Bools) -> "Frame":
        """Return only the chosen samples."""
        return Frame(self.series, self.values, self.present & chosen)

    def merged_per_step(self, problem: str | None = None) -> "Frame":
        """Return each label set once. `QueryError` if two of its series are present at one step."""
        first = self.series.duplicates()
        return self if first is None else _merged(self, first, problem or SAME_LABELS)

    def merged_over_all_steps(self) -> "Frame":
        """Return each label set once. `QueryError` if two of its series have any sample at all."""
        first = self.series.duplicates()
        if first is not None:
            rows = first[self.present.any(axis=1)]
            if len(np.unique(rows)) < len(rows):
                raise execution_error(SAME_LABELS)
            return _merged(self, first, SAME_LABELS)
        return self


def empty_frame(steps: int) -> Frame:
    """Return a frame without series."""
    return Frame(LabelSets([]), np.empty((0, steps)), np.empty((0, steps), bool))


def stacked_frames(parts: Sequence[Frame], steps: int) -> Frame:
    """Return the series of all frames, one after another."""
    parts = [part for part in parts if len(part.series)]
    if not parts:
        return empty_frame(steps)
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    present = np.concatenate([part.present for part in parts])
    return Frame(concatenated([part.series for part in parts]), values, present)


def _merged(frame: Frame, first: NDArray[np.intp], problem: str) -> Frame:
    kept, index = np.unique(first, return_inverse=True)
    values = frame.values[kept]
    present = frame.present[kept]
    for row in np.flatnonzero(first != np.arange(len(first))):
        into, row_present = index[row], frame.present[row]
        if (present[into] & row_present).any():
            raise execution_error(problem)
        values[into] = np.where(row_present, frame.values[row], values[into])
        present[into] |= row_present
    labels = frame.series.cached(
        "distinct", lambda: LabelSets([frame.series.labels[row] for row in kept])
    )
    return Frame(labels, values, present)
