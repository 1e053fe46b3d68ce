"""An instant vector at every step of a query, as one table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.errors import failed
from sidelight.embedded.promql.series import Series, joined

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

SAME_LABELS: Final = "vector cannot contain metrics with the same labelset"


@dataclass(frozen=True, slots=True)
class Frame:
    """n series at s steps: ``values`` and ``present``, both n x s.

    Where ``present`` is false the series has no sample at that step, and the value means nothing.
    """

    series: Series
    values: Floats
    present: Bools

    def with_values(self, values: Floats) -> "Frame":
        """Other values, and no metric's name any more."""
        return Frame(self.series.without_name(), values, self.present)

    def nameless(self) -> "Frame":
        """No metric's name any more."""
        return Frame(self.series.without_name(), self.values, self.present)

    def where(self, chosen: Bools) -> "Frame":
        """Only the samples that are chosen."""
        return Frame(self.series, self.values, self.present & chosen)

    def unique(self, problem: str | None = None) -> "Frame":
        """Each label set once. `QueryError` if two series of one are present at one step."""
        first = self.series.same()
        return self if first is None else _merged(self, first, problem or SAME_LABELS)

    def unique_in_all(self) -> "Frame":
        """The frame, if no two series of one label set have samples, whenever."""
        first = self.series.same()
        if first is not None:
            rows = first[self.present.any(axis=1)]
            if len(np.unique(rows)) < len(rows):
                raise failed(SAME_LABELS)
            return _merged(self, first, SAME_LABELS)
        return self


def nothing(steps: int) -> Frame:
    """No series."""
    return Frame(Series([]), np.empty((0, steps)), np.empty((0, steps), bool))


def stacked(parts: Sequence[Frame], steps: int) -> Frame:
    """The series of all, one after another."""
    parts = [part for part in parts if len(part.series)]
    if not parts:
        return nothing(steps)
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    present = np.concatenate([part.present for part in parts])
    return Frame(joined([part.series for part in parts]), values, present)


def _merged(frame: Frame, first: NDArray[np.intp], problem: str) -> Frame:
    kept, index = np.unique(first, return_inverse=True)
    values = frame.values[kept]
    present = frame.present[kept]
    for row in np.flatnonzero(first != np.arange(len(first))):
        into, there = index[row], frame.present[row]
        if (present[into] & there).any():
            raise failed(problem)
        values[into] = np.where(there, frame.values[row], values[into])
        present[into] |= there
    labels = frame.series.derived(
        "distinct", lambda: Series([frame.series.labels[row] for row in kept])
    )
    return Frame(labels, values, present)
