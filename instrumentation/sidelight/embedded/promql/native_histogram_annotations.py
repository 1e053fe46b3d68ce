"""What is said about native histograms, and about numbers beside them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.frame import METRIC_NAME, Bools, LabelSets
from sidelight.embedded.promql.histogram_arithmetic import IncompatibleHistogramsError
from sidelight.embedded.promql.quoting import quote


@dataclass(frozen=True, slots=True)
class NativeHistogramAnnotations:
    """Adds to the annotations of a query; ``at`` is where the argument begins in its text."""

    annotations: Annotations
    at: int

    def of_rows(self, series: LabelSets, where: Bools, say: Callable[[str], None]) -> None:
        """Say something of the name of each series for which ``where`` (n x s) has any step."""
        for row in np.flatnonzero(where.any(axis=1)).tolist():
            say(name_of(series, row))

    def mixed_range(self, name: str) -> None:
        """A range has numbers and histograms."""
        self._warn(f"encountered a mix of histograms and floats for metric name {quote(name)}")

    def ignored_in_range(self, name: str) -> None:
        """A function of numbers has a range with histograms too."""
        text = "ignored histograms in a range containing both floats and histograms for metric name"
        self._inform(f"{text} {quote(name)}")

    def not_a_counter(self, name: str) -> None:
        """A rate is that of a gauge."""
        self._warn(f"this native histogram metric is not a counter: {quote(name)}")

    def not_a_gauge(self, name: str) -> None:
        """A difference is that of a counter."""
        self._warn(f"this native histogram metric is not a gauge: {quote(name)}")

    def incompatible(self, name: str, error: IncompatibleHistogramsError) -> None:
        """Histograms have no common buckets."""
        kind = "a mix of histograms with exponential and custom buckets schemas"
        found = kind if error.mixed else "histograms with incompatible custom buckets"
        self._warn(f"vector contains {found} for metric name {quote(name)}")

    def mixed_aggregation(self) -> None:
        """A group has numbers and histograms."""
        self._warn("encountered a mix of histograms and floats for aggregation")

    def ignored_in_aggregation(self, op: str) -> None:
        """An aggregation of numbers has histograms."""
        self._inform(f"ignored histogram in {op} aggregation")

    def incompatible_types(self, left: str, op: str, right: str) -> None:
        """An operator does not take such operands."""
        what = "incompatible sample types encountered for binary operator"
        self._inform(f"{what} {quote(op)}: {left} {op} {right}")

    def incompatible_layout(self, op: str) -> None:
        """The histograms on both sides of an operator have no common buckets."""
        self._warn(f"incompatible bucket layout encountered for binary operator {op}")

    def classic_too(self, name: str) -> None:
        """A histogram is there as a classic one and as a native one."""
        what = "vector contains a mix of classic and native histograms for metric name"
        self._warn(f"{what} {quote(name)}")

    def unknown_observations(self, function: str, effect: str) -> None:
        """A histogram has observations of NaN. The metric's name is no longer known then."""
        self._inform(f'input to {function} has NaN observations, {effect} for metric name ""')

    def _inform(self, text: str) -> None:
        self.annotations.inform(text, self.at)

    def _warn(self, text: str) -> None:
        self.annotations.warn(text, self.at)


def name_of(series: LabelSets, row: int) -> str:
    """Return the metric's name of a series; "" if it has none."""
    return series.labels[row].get(METRIC_NAME, "")
