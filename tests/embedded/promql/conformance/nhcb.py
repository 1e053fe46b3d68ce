"""Classic histograms as native ones with custom bounds, as ``load_with_nhcb`` adds them."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from sidelight.embedded.promql.float_histogram import (
    CUSTOM_BOUNDS,
    FloatHistogram,
    listed_buckets,
)
from sidelight.embedded.promql.formatting import parse_number
from tests.embedded.promql.conformance.series_line import SeriesLine, Value

_PARTS: Final = ("_bucket", "_count", "_sum")
LabelPairs = tuple[tuple[str, str], ...]
Parts = dict[float | str, Sequence[Value]]
"""The values of the buckets by their bound, and those of ``_count`` and ``_sum``."""


def with_custom_bounds(lines: Sequence[SeriesLine]) -> Iterator[SeriesLine]:
    """Yield a native histogram for each classic one."""
    found: dict[LabelPairs, Parts] = defaultdict(dict)
    for labels, values, _ in lines:
        name = labels.get("__name__", "")
        part = next((one for one in _PARTS if name.endswith(one)), None)
        bound = parse_number(labels.get("le", ""))
        if part and (part != "_bucket" or bound is not None):
            native = {**labels, "__name__": name.removesuffix(part)}
            native.pop("le", None)
            key = tuple(sorted(native.items()))
            found[key][bound if part == "_bucket" and bound is not None else part] = values
    for key, parts in found.items():
        length = max(map(len, parts.values()))
        yield SeriesLine(dict(key), [_histogram(parts, at) for at in range(length)])


def _histogram(parts: Parts, at: int) -> FloatHistogram | None:
    now = {part: values[at] for part, values in parts.items() if at < len(values)}
    counts = {part: value for part, value in now.items() if isinstance(value, float)}
    bounds = sorted(part for part in counts if isinstance(part, float))
    if not counts:
        return None
    total = counts.get("_count", counts.get(bounds[-1], 0.0) if bounds else 0.0)
    ends = [one for one in bounds if one < math.inf]
    below = [0.0, *(counts[one] for one in ends), total]
    inside = [high - low for low, high in pairwise(below)]
    return FloatHistogram(
        CUSTOM_BOUNDS,
        total,
        counts.get("_sum", 0.0),
        positive=listed_buckets(enumerate(inside)),
        bounds=tuple(ends),
    )
