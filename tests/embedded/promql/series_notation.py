"""Samples and answers as short texts, in the notation of promtool's unit tests.

``x{a="b"} 1 2+3x2 _x2 NaN stale``: values every 10 seconds from the time 0; ``2+3x2`` is 2 5 8,
``_`` no sample, ``stale`` a staleness marker.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.engine import (
    Matrix,
    Scalar,
    String,
    Vector,
    instant_query,
    range_query,
)
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.promql.frame import Labels
from sidelight.embedded.promql.limits import QueryLimits
from sidelight.embedded.promql.storage import (
    ABSENT_BITS,
    STALE_BITS,
    LabelMatcher,
    SampleBlock,
    Source,
)
from tests.embedded.promql.sample_blocks import matched

EVERY = 10_000
"""Milliseconds between samples."""
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_RUN = re.compile(r"(-?[\d.]+)([+-][\d.]+)?x(\d+)")


class WrittenSeries:
    """A source of the series in a text; ``late`` milliseconds are added to the times."""

    def __init__(self, text: str, late: int = 0) -> None:
        lines = [line.strip() for line in text.strip().splitlines()]
        self.labels = [_labels(line.rpartition("}")[0] or line.split()[0]) for line in lines]
        rows = [list(_bits(line.rpartition("}")[2].split()[-_cells(line) :])) for line in lines]
        size = max(map(len, rows))
        padded = [row + [ABSENT_BITS] * (size - len(row)) for row in rows]
        self.values = np.array(padded, np.int64).view(np.float64)
        self.times = np.arange(size, dtype=np.int64) * EVERY + late

    def select(self, matchers: Sequence[LabelMatcher], after: int, until: int) -> list[SampleBlock]:
        rows = matched(matchers, self.labels)
        low, high = np.searchsorted(self.times, (after, until), side="right")
        bits = self.values.view(np.int64)[rows, low:high]
        chosen = [self.labels[row] for row in rows]
        return [SampleBlock(chosen, self.times[low:high], bits.copy().view(np.float64))]


def _cells(line: str) -> int:
    return len(line.rpartition("}")[2].split()) - (0 if "}" in line else 1)


def _labels(text: str) -> Labels:
    name, _, inside = text.partition("{")
    named = {"__name__": name.strip()} if name.strip() else {}
    return {**named, **dict(_LABEL.findall(inside))}


def _bits(words: Sequence[str]) -> Iterator[int]:
    for word in words:
        if word[0] == "_":
            yield from [ABSENT_BITS] * int(word[2:] or 1)
        elif word == "stale":
            yield STALE_BITS
        elif run := _RUN.fullmatch(word):
            first, step, times = float(run[1]), float(run[2] or 0), int(run[3])
            yield from (_of(first + step * i) for i in range(times + 1))
        else:
            yield _of(float(word))


def _of(value: float) -> int:
    return int(np.float64(value).view(np.int64))


def instant(
    text: str, source: Source, at: float = 0, limits: QueryLimits | None = None
) -> dict[str, float]:
    """Return the value of each series at this second; a scalar's under "scalar"."""
    result = instant_query(text, source, int(at * 1000), limits or QueryLimits())
    if isinstance(result, Scalar):
        return {"scalar": result.value}
    assert isinstance(result, Vector), result
    values = dict(zip(map(series, result.labels), result.values.tolist(), strict=True))
    assert len(values) == len(result.labels), "a series twice"
    return values


def ranged(
    text: str, source: Source, start: float, end: float, step: float
) -> dict[str, dict[float, float]]:
    """Return the values of each series by second."""
    first, last, width = (int(one * 1000) for one in (start, end, step))
    return _of_matrix(range_query(text, source, first, last, width))


def raw(text: str, source: Source, at: float) -> dict[str, dict[float, float]]:
    """Return the samples of a range selector at this second."""
    result = instant_query(text, source, int(at * 1000))
    assert isinstance(result, Matrix), result
    return _of_matrix(result)


def string(text: str) -> str:
    """Return the value of a query for a string."""
    result = instant_query(text, WrittenSeries("x 1"), 0)
    assert isinstance(result, String), result
    return result.value


def number(text: str, at: float = 0) -> float:
    """Return the value of a query for a scalar or one series, without any sample."""
    (value,) = instant(text, WrittenSeries("none_such _"), at).values()
    return value


def _of_matrix(matrix: Matrix) -> dict[str, dict[float, float]]:
    found = {}
    for row, labels in enumerate(matrix.labels):
        times, values = points(matrix, row)
        found[series(labels)] = dict(zip((times / 1000).tolist(), values.tolist(), strict=True))
    return found


def points(matrix: Matrix, row: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return times and values of one series."""
    there = matrix.present[row]
    return matrix.times[there], matrix.values[row][there]


def samples(result: Vector | Matrix, row: int) -> Iterator[tuple[int, float | FloatHistogram]]:
    """Yield times (ms), and numbers or histograms, of one series."""
    table = result.histograms
    if isinstance(result, Vector):
        found = None if table is None else table[row]
        yield result.time, float(result.values[row]) if found is None else found
        return
    for at, time in enumerate(result.times.tolist()):
        if result.present[row, at]:
            yield time, float(result.values[row, at])
        elif table is not None and table[row, at] is not None:
            yield time, table[row, at]


def series(labels: Labels) -> str:
    """Return a series in PromQL's notation."""
    inside = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()) if k != "__name__")
    return labels.get("__name__", "") + (f"{{{inside}}}" if inside else "")
