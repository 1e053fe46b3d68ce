"""Five shapes of durations, each of 10,000 requests, whose percentiles are known exactly."""

from collections.abc import Callable, Mapping
from math import ceil, exp
from statistics import NormalDist

REQUESTS = 10_000
NORMAL = NormalDist().inv_cdf


def _two_kinds(share: float) -> float:
    """Four of five from a cache, in about 8 ms; the others in about 600 ms."""
    if share < 0.8:
        return 0.008 + 0.0008 * NORMAL(share / 0.8)
    return 0.6 + 0.06 * NORMAL((share - 0.8) / 0.2)


BY_SHARE: Mapping[str, Callable[[float], float]] = {
    "uniform": lambda share: 0.02 + 0.2 * share,
    "log-normal": lambda share: 0.04 * exp(0.8 * NORMAL(share)),
    "bimodal": _two_kinds,
    "one bucket": lambda _: 0.116,
    "heavy tail": lambda share: 0.02 * (1 - share) ** (-1 / 0.7),
}
"""How long, in seconds, a request takes that is slower than such a share of all."""
SHAPES: Mapping[str, list[int]] = {
    name: [round(found((n + 0.5) / REQUESTS) * 1e9) for n in range(REQUESTS)]
    for name, found in BY_SHARE.items()
}
"""The durations in nanoseconds, ascending."""
EDGES = {"zero": 50_000, "coarse": 600 * 10**9, "beyond": 100_000 * 10**9}
"""A duration in the zero bucket, one above 2^7 s, and one in the last bucket."""


def percentile(name: str, share: float) -> float:
    """The exact one, in seconds: what so many of the requests took at most."""
    return SHAPES[name][ceil(share * REQUESTS) - 1] / 1e9
