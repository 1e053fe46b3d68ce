"""A quantile of one histogram, searched by halves: it matters where a count is NaN."""

import math
from collections.abc import Sequence

from sidelight.embedded.promql.numbers import nearly

Bucket = tuple[float, float]
"""Upper bound and count of it and all below."""


def bisected(share: float, buckets: Sequence[Bucket]) -> float:
    """The quantile of buckets in ascending order, of which some have NaN for a count."""
    if len(buckets) < 2 or buckets[-1][0] != math.inf:  # noqa: PLR2004 # the last one and another
        return math.nan
    counts = _lifted([count for _, count in buckets])
    if counts[-1] == 0:
        return math.nan
    rank = share * counts[-1]
    place = _first(counts[:-1], rank)
    bound = buckets[place][0]
    if place == len(buckets) - 1:
        return buckets[place - 1][0]
    if place == 0 and bound <= 0:
        return bound
    begin, under = (buckets[place - 1][0], counts[place - 1]) if place else (0.0, 0.0)
    here = counts[place] - under
    return begin + (bound - begin) * ((rank - under) / here) if here else math.nan


def _lifted(counts: list[float]) -> list[float]:
    made = counts[:1]
    highest = counts[0]
    for count in counts[1:]:
        if not (count < highest or nearly(count, highest)):
            highest = count
        made.append(highest)
    return made


def _first(counts: list[float], rank: float) -> int:
    low, high = 0, len(counts)
    while low < high:
        middle = (low + high) // 2
        if counts[middle] >= rank:
            high = middle
        else:
            low = middle + 1
    return low
