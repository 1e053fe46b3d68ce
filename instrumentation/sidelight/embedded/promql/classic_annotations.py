"""What is said about the buckets of classic histograms."""

from dataclasses import dataclass

import numpy as np

from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.frame import METRIC_NAME, Bools, Frame, Labels


@dataclass(frozen=True, slots=True)
class ClassicHistogramAnnotations:
    """Adds to the annotations of a query; ``at`` is where the buckets begin in its text."""

    annotations: Annotations
    at: int

    def bad_bounds(self, frame: Frame, rows: list[int], label: str) -> None:
        """Buckets of these rows have no bound in this label."""
        for row in rows:
            if frame.present[row].any():
                labels = frame.series.labels[row]
                name = labels.get(METRIC_NAME, "")
                self.annotations.bad_bucket_label(name, labels.get(label, ""), self.at)

    def forced(self, histograms: list[Labels], seen: Bools, forced: Bools) -> None:
        """Counts of these histograms fell at these steps, n x s.

        Prometheus knows the name only at the first step at which a histogram is there.
        """
        for number in np.flatnonzero(forced.any(axis=1)).tolist():
            first = int(seen[number].argmax())
            name = histograms[number].get(METRIC_NAME, "")
            if forced[number, first]:
                self.annotations.forced_monotonicity(name, self.at)
            if forced[number, first + 1 :].any():
                self.annotations.forced_monotonicity("", self.at)
