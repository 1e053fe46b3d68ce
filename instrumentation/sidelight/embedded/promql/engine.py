"""A query's text is parsed and evaluated, and the answer is put into one of four result types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.ast import Node, StringLiteral, value_type
from sidelight.embedded.promql.evaluator import Evaluator, check_supported
from sidelight.embedded.promql.frame import Bools, Frame, Ints, LabelSets, empty_frame
from sidelight.embedded.promql.histogram_counts import selector_of_counts
from sidelight.embedded.promql.limits import QueryLimits, QueryUsage, bad_data
from sidelight.embedded.promql.parser import parse
from sidelight.embedded.promql.range_windows import Windows
from sidelight.embedded.promql.selectors import SelectorCache
from sidelight.embedded.promql.storage import Source

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number; ``time`` is in milliseconds since the epoch."""

    time: int
    value: float


@dataclass(frozen=True, slots=True)
class String:
    """One string."""

    time: int
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """Series with one value each: n label sets and n values, in the order of the answer.

    ``histograms``: n native histograms, None for series with a number; or None without any. The
    value of a series with a histogram is NaN.
    """

    labels: Sequence[Labels]
    time: int
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series with values at times: n label sets, t times, n x t values.

    Where ``present`` (n x t) is false there is no number. ``histograms``: n x t native histograms,
    None where there is none; or None without any. Every series has a number or a histogram.
    """

    labels: Sequence[Labels]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]
    histograms: NDArray[np.object_] | None = None


Result = Scalar | String | Vector | Matrix


DEFAULT_LIMITS = QueryLimits()


def instant_query(
    text: str,
    source: Source,
    at: int,
    limits: QueryLimits = DEFAULT_LIMITS,
    annotations: Annotations | None = None,
) -> Result:
    """Answer a query at one time (milliseconds), as Prometheus's ``/api/v1/query`` does.

    Infos and warnings are added to ``annotations``. `QueryError` if there is no answer.
    """
    node = checked_query(text, limits)
    steps = np.array([at], np.int64)
    cache = SelectorCache(source, QueryUsage(limits), selector_of_counts(node))
    evaluator = Evaluator(cache, annotations or Annotations(), steps, at, at)
    with np.errstate(all="ignore"):  # division by zero has a value in PromQL
        return _instant(node, evaluator, at)


def range_query(  # noqa: PLR0913, PLR0917 # the parameters of the HTTP API
    text: str,
    source: Source,
    start: int,
    end: int,
    step: int,
    limits: QueryLimits = DEFAULT_LIMITS,
    annotations: Annotations | None = None,
) -> Matrix:
    """Answer a query from ``start`` to ``end`` every ``step`` milliseconds, as `instant_query`."""
    if step <= 0:
        raise bad_data(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    usage = QueryUsage(limits)
    usage.check_points((end - start) // step)
    node = checked_query(text, limits)
    steps = start + step * np.arange(max(0, (end - start) // step + 1), dtype=np.int64)
    if not len(steps):
        return _matrix(empty_frame(0), steps)
    cache = SelectorCache(source, usage, selector_of_counts(node))
    evaluator = Evaluator(cache, annotations or Annotations(), steps, start, end)
    with np.errstate(all="ignore"):  # as above
        return _ranged(node, evaluator)


def checked_query(text: str, limits: QueryLimits = DEFAULT_LIMITS) -> Node:
    """Return the tree of a query that is supported. `QueryError` otherwise."""
    node = parse(text, limits)
    check_supported(node)
    return node


def _instant(node: Node, evaluator: Evaluator, at: int) -> Result:
    """Return the result at one time; its type is that of the expression."""
    match value_type(node):
        case "scalar":
            return Scalar(at, float(evaluator.scalar(node)[0]))
        case "string":
            return String(at, node.value if isinstance(node, StringLiteral) else "")
        case "matrix":
            return _raw(evaluator.windows(node))
        case _:
            return _vector(evaluator.vector(node), at)


def _vector(frame: Frame, at: int) -> Vector:
    rows = np.flatnonzero(frame.sampled[:, 0])
    labels = [frame.series.labels[row] for row in rows.tolist()]
    if frame.histograms is None:
        return Vector(labels, at, frame.values[rows, 0])
    values = np.where(frame.present[rows, 0], frame.values[rows, 0], np.nan)
    return Vector(labels, at, values, frame.histograms[rows, 0])


def _ranged(node: Node, evaluator: Evaluator) -> Matrix:
    """Return the results at all steps."""
    kind = value_type(node)
    if kind == "scalar":
        values = evaluator.scalar(node)[None, :]
        return Matrix([{}], evaluator.steps, values, np.ones(values.shape, bool))
    if kind != "vector":
        shown = {"matrix": "range vector", "string": "string"}[kind]
        raise bad_data(
            f'invalid expression type "{shown}" for range query, must be Scalar or instant Vector',
        )
    frame = evaluator.vector(node)
    return _matrix(frame, evaluator.steps)


def _matrix(frame: Frame, times: Ints) -> Matrix:
    """Return the series that have any sample, sorted by their labels."""
    labels = frame.series.labels
    order = frame.series.cached(
        "order",
        lambda: np.array(
            sorted(range(len(labels)), key=lambda row: tuple(labels[row].items())), np.intp
        ),
    )
    nonempty: Bools = np.asarray(frame.sampled.any(axis=1))
    rows = order[nonempty[order]]
    table = None if frame.histograms is None else frame.histograms[rows]
    chosen = [labels[row] for row in rows.tolist()]
    return Matrix(chosen, times, frame.values[rows], frame.present[rows], table)


def _raw(ranges: list[Windows]) -> Matrix:
    """Return the samples of a range selector, at the times of all blocks together."""
    pieces = [(one, slice(one.low[0], one.high[0])) for one in ranges]
    times = np.unique(np.concatenate([np.empty(0, np.int64), *(w.times[s] for w, s in pieces)]))
    rows = sum(len(one.series) for one in ranges)
    if ranges:
        ranges[0].usage.check_samples(rows * len(times))
    values, present = np.zeros((rows, len(times))), np.zeros((rows, len(times)), bool)
    some = any(one.histograms is not None for one in ranges)
    table = np.full(present.shape, None) if some else None
    row = 0
    for one, part in pieces:
        here = slice(row, row + len(one.series))
        columns = np.searchsorted(times, one.times[part])
        values[here, columns] = one.values[:, part]
        present[here, columns] = _valid(one, part)
        if table is not None and one.histograms is not None:
            table[here, columns] = one.histograms[:, part]
        row += len(one.series)
    series = LabelSets([label for one in ranges for label in one.series.labels])
    return _matrix(Frame(series, values, present, table), times)


def _valid(windows: Windows, part: slice) -> Bools:
    if windows.valid is None:
        return np.ones(windows.values[:, part].shape, bool)
    return windows.valid[:, part]
