"""Medians and quartiles, because noise on a shared machine has a long tail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt
from statistics import fmean, median, quantiles


@dataclass(frozen=True, slots=True)
class Summary:
    """The median, quartiles and mean of some values, and their number."""

    median: float
    low: float
    high: float
    count: int
    mean: float

    @property
    def error(self) -> float:
        """Half the 95 % interval of the median (McGill, Tukey and Larsen, 1978)."""
        return 1.57 * (self.high - self.low) / sqrt(self.count)

    def text(self, digits: int = 1) -> str:
        """``2.1 (1.9 to 2.3)``."""
        return f"{self.median:,.{digits}f} ({self.low:,.{digits}f} to {self.high:,.{digits}f})"


def summary(values: Sequence[float], most: float = inf) -> Summary:
    """The summary of at least two values; those beyond ``most`` are no part of the mean."""
    low, _, high = quantiles(values, n=4, method="inclusive")
    mean = fmean(value for value in values if abs(value) <= most)
    return Summary(median(values), low, high, len(values), mean)


def added(values: Sequence[float], bare: Sequence[float], most: float = inf) -> Summary:
    """The summary of the differences to the bare service in the same round."""
    return summary([value - base for value, base in zip(values, bare, strict=True)], most)


def kept(values: Sequence[float], bare: Sequence[float]) -> Summary:
    """The summary of the ratios to the bare service in the same round."""
    return summary([value / base for value, base in zip(values, bare, strict=True)])


def percentile(values: Sequence[float], percent: int) -> float:
    """The smallest value that ``percent`` % of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
