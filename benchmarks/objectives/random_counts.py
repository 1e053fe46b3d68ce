"""Random counts that are the same in every run."""

from __future__ import annotations

from math import exp, sqrt
from random import Random
from statistics import NormalDist

_NORMAL = NormalDist().inv_cdf
_MANY = 20.0  # from here on a Poisson count is drawn as a rounded normal


class RandomCounts:
    """Poisson counts from one seed, by inversion: one uniform number each."""

    __slots__ = ("_uniform",)

    def __init__(self, seed: str) -> None:
        self._uniform = Random(seed).random

    def poisson(self, mean: float) -> int:
        """A count of events that happen ``mean`` times on average."""
        if mean <= 0:
            return 0
        uniform = self._uniform()
        if mean > _MANY:
            return max(0, round(mean + sqrt(mean) * _NORMAL(max(uniform, 1e-15))))
        count, share = 0, exp(-mean)
        while uniform > share and count < 100:
            uniform -= share
            count += 1
            share *= mean / count
        return count
