"""Aggregation operators, and the sums, means and quantiles that they compute."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.compensated import compensated_means, compensated_sums
from sidelight.embedded.promql.formatting import format_decimal
from sidelight.embedded.promql.frame import (
    Bools,
    Floats,
    Frame,
    Groups,
    Labels,
    LabelSets,
    empty_frame,
    exist,
)
from sidelight.embedded.promql.histogram_buckets import format_histogram
from sidelight.embedded.promql.label_names import is_label_name
from sidelight.embedded.promql.limits import QueryUsage, execution_error
from sidelight.embedded.promql.quoting import quote
from sidelight.embedded.promql.selectors import BATCH_CELLS, Index, Windows

_BATCH_ADDITIONS: Final = 20_000_000
"""Additions between two checks of the time: some 20 ms."""


def sum_over_windows(windows: Windows) -> Floats:
    """Return the sum of each window, n x s; undefined for empty windows."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        made[:, cells.steps] = compensated_sums(cells.filled(), axis=2)
    return made


def mean_over_windows(windows: Windows) -> Floats:
    """Return the mean of each window, n x s; undefined for empty windows."""
    made = np.full(windows.shape, np.nan)
    for cells in windows.cells():
        count = cells.valid.sum(axis=2)
        made[:, cells.steps] = compensated_means(
            cells.filled(), cells.valid, count, axis=2, usage=windows.usage
        )
    return made


def reduce_windows(windows: Windows, what: np.ufunc, values: Floats, nothing: float) -> Floats:
    """Apply ``what`` (fmax, fmin) to each window, n x s; undefined for empty windows."""
    n = len(values)
    padded = np.concatenate([values, np.full((n, 1), nothing)], axis=1)
    bounds = np.stack([windows.low, windows.high], axis=1).ravel()
    work = int((windows.high - windows.low).sum()) + len(bounds)
    size = max(1, _BATCH_ADDITIONS // max(work, 1))
    parts = []
    for row in range(0, n, size):
        windows.usage.check_time()
        parts.append(what.reduceat(padded[row : row + size], bounds, axis=1)[:, ::2])
    return np.concatenate(parts) if parts else np.empty(windows.shape)


@dataclass(frozen=True)
class _GroupCells:
    """Groups of one size at some steps: ``values`` and ``present``, both k x m x c."""

    groups: Index
    steps: slice
    values: Floats
    present: Bools

    def filled(self) -> Floats:
        """Return the values, 0 where a sample is absent."""
        return np.where(self.present, self.values, 0.0)


def _group_cells(groups: Groups, frame: Frame, usage: QueryUsage) -> Iterator[_GroupCells]:
    """Yield all groups, those of one size at a time, at some steps at a time."""
    sizes = np.diff(groups.starts, append=len(groups.order))
    for size in np.unique(sizes).tolist():
        chosen = np.flatnonzero(sizes == size)
        rows = groups.order[groups.starts[chosen][:, None] + np.arange(size)]
        width = max(1, BATCH_CELLS // rows.size)
        for first in range(0, frame.values.shape[1], width):
            usage.check_time()
            steps = slice(first, first + width)
            values, present = frame.values[:, steps][rows], frame.present[:, steps][rows]
            yield _GroupCells(chosen, steps, values, present)


def reduce_groups(groups: Groups, what: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
    """Apply ``what`` to each group, g x s."""
    made: NDArray[Any] = what.reduceat(values[groups.order], groups.starts, axis=0)
    return made


def quantiles(values: Floats, present: Bools, q: Floats) -> Floats:
    """Return a quantile of the present values in each column (n x s); NaN if there are none.

    It is interpolated between two values; NaN counts as less than every number. A ``q`` below 0
    gives -Inf, a ``q`` above 1 +Inf. ``q`` has s values, or one for all columns.
    """
    size = present.sum(axis=0)
    order, unknown = _sorted_columns(values, present)
    rank = q * (size - 1)
    low = np.clip(np.floor(np.nan_to_num(rank)), 0, np.maximum(size - 1, 0)).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(size - 1, 0))
    weight = rank - np.floor(rank)
    made = _value_at(order, low, unknown) * (1 - weight) + _value_at(order, high, unknown) * weight
    made = np.where(q < 0, -np.inf, np.where(q > 1, np.inf, made))
    return np.where((size == 0) | np.isnan(q), np.nan, made)


def _sorted_columns(values: Floats, present: Bools) -> tuple[Floats, Floats]:
    """Sort each column, NaN first (as -Inf) and absent values last; count the NaN of each."""
    unknown = np.isnan(values) & present
    order = np.where(present, np.where(unknown, -np.inf, values), np.inf)
    order.sort(axis=0)
    return order, unknown.sum(axis=0)


def _value_at(order: Floats, position: np.ndarray, unknown: Floats) -> Floats:
    column = np.arange(order.shape[1])
    return np.where(position < unknown, np.nan, order[position, column])


def aggregate(op: str, frame: Frame, grouping: Grouping, usage: QueryUsage) -> Frame:
    """Return one series for each group, present where any series of the group is."""
    groups = frame.series.grouped(grouping)
    if not len(frame.series):
        return Frame(groups.series, frame.values, frame.present)
    values = AGGREGATIONS[op](groups, frame, usage)
    return Frame(groups.series, values, _count_present(groups, frame.present) > 0)


def quantile_of_groups(q: Floats, frame: Frame, grouping: Grouping, usage: QueryUsage) -> Frame:
    """Return a quantile of each group; ``q`` has a value for each step."""
    groups = frame.series.grouped(grouping)
    if not len(frame.series):
        return Frame(groups.series, frame.values, frame.present)
    values = np.empty((len(groups.series), frame.values.shape[1]))
    for number, rows in enumerate(np.split(groups.order, groups.starts[1:])):
        usage.check_time()
        values[number] = quantiles(frame.values[rows], frame.present[rows], q)
    return Frame(groups.series, values, _count_present(groups, frame.present) > 0)


def _count_present(groups: Groups, present: Bools) -> Floats:
    return reduce_groups(groups, np.add, present.astype(np.int32))


def _sum(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    made = np.empty((len(groups.series), frame.values.shape[1]))
    for cells in _group_cells(groups, frame, usage):
        made[cells.groups, cells.steps] = compensated_sums(cells.filled(), axis=1)
    return made


def _avg(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    made = np.empty((len(groups.series), frame.values.shape[1]))
    for cells in _group_cells(groups, frame, usage):
        count = cells.present.sum(axis=1)
        made[cells.groups, cells.steps] = compensated_means(
            cells.filled(), cells.present, count, axis=1, usage=usage
        )
    return made


def _min(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return reduce_groups(groups, np.fmin, np.where(frame.present, frame.values, np.nan))


def _max(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return reduce_groups(groups, np.fmax, np.where(frame.present, frame.values, np.nan))


def _count(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return _count_present(groups, frame.present).astype(float)


def _group(groups: Groups, frame: Frame, _: QueryUsage) -> Floats:
    return np.ones((len(groups.series), frame.values.shape[1]))


def _stdvar(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    """The mean is updated with each value (Welford), without compensation, as in Prometheus."""
    made = np.empty((len(groups.series), frame.values.shape[1]))
    for cells in _group_cells(groups, frame, usage):
        count, mean, squares = np.zeros((3, len(cells.groups), cells.values.shape[2]))
        for values, present in zip(
            *(np.moveaxis(one, 1, 0) for one in (cells.values, cells.present)), strict=True
        ):
            usage.check_time()
            count += present
            delta = np.where(present, values - mean, 0.0)
            mean += delta / np.maximum(count, 1)
            squares += delta * np.where(present, values - mean, 0.0)
        made[cells.groups, cells.steps] = squares / count
    return made


def _stddev(groups: Groups, frame: Frame, usage: QueryUsage) -> Floats:
    return np.sqrt(_stdvar(groups, frame, usage))


AGGREGATIONS: Final[dict[str, Callable[[Groups, Frame, QueryUsage], Floats]]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
    "stdvar": _stdvar,
    "stddev": _stddev,
}


def count_values(label: str, frame: Frame, grouping: Grouping, usage: QueryUsage) -> Frame:
    """Return a series for each value in each group, with the value in this label."""
    if not is_label_name(label):
        raise execution_error(f"invalid label name {quote(label)}")
    groups = frame.series.grouped(grouping)
    rows, steps = np.nonzero(frame.sampled)
    if not len(rows):
        return empty_frame(frame.values.shape[1])
    texts, which = _distinct_values(frame, rows, steps)
    pairs = groups.index[rows] * len(texts) + which
    made, target = np.unique(pairs, return_inverse=True)
    usage.check_samples(len(made) * frame.values.shape[1])
    counts = np.zeros((len(made), frame.values.shape[1]))
    np.add.at(counts, (target, steps), 1.0)
    series = _value_labels(groups.series, made, texts, label)
    return _merge_equal_labels(Frame(series, counts, counts > 0))


def _distinct_values(frame: Frame, rows: Index, steps: Index) -> tuple[list[str], Index]:
    """Return the distinct values of samples as texts, and for each sample which one it has."""
    bits = frame.values[rows, steps].view(np.int64)  # 0 and -0 differ, and NaN equals itself
    distinct, which = np.unique(bits, return_inverse=True)
    texts = [format_decimal(value) for value in distinct.view(np.float64).tolist()]
    if frame.histograms is not None:
        found, known = frame.histograms[rows, steps], dict[str, int]()
        for at in np.flatnonzero(exist(found)).tolist():
            which[at] = known.setdefault(format_histogram(found[at]), len(texts) + len(known))
        texts += known
    return texts, which


def _value_labels(groups: LabelSets, made: Index, texts: list[str], label: str) -> LabelSets:
    def one(number: int) -> Labels:
        group, value = divmod(number, len(texts))
        return dict(sorted({**groups.labels[group], label: texts[value]}.items()))

    return LabelSets([one(number) for number in made.tolist()])


def _merge_equal_labels(frame: Frame) -> Frame:
    """Merge groups that differed only in the label that now has the value, and all kinds of NaN."""
    first = frame.series.duplicates()
    if first is None:
        return frame
    kept, index = np.unique(first, return_inverse=True)
    counts = np.zeros((len(kept), frame.values.shape[1]))
    np.add.at(counts, index, frame.values)
    return Frame(LabelSets([frame.series.labels[row] for row in kept]), counts, counts > 0)


_INT64_END = 2.0**63


def top_or_bottom(frame: Frame, k: Floats, grouping: Grouping, *, largest: bool) -> Frame:
    """Return at each step the k largest or smallest of each group; NaN is last.

    Of equal values the earlier series is taken. At a single step the series are sorted too.
    """
    if not len(frame.series) or (k < 1).all():
        return empty_frame(len(k))
    _check_k(k, frame)
    groups = frame.series.grouped(grouping)
    sizes = np.diff(groups.starts, append=len(frame.series))
    if sizes.max() <= k.min() and len(k) > 1:
        return frame
    order = _ranked(frame, groups.index, largest=largest)
    rank = np.arange(len(order)) - np.repeat(groups.starts, sizes)
    kept = rank[:, None] < np.floor(k)
    if len(k) == 1:
        return select_rows(frame, order[kept[:, 0], 0])
    chosen = np.empty_like(frame.present)
    np.put_along_axis(chosen, order, kept, axis=0)
    return frame.where(chosen)


def _check_k(k: Floats, frame: Frame) -> None:
    bad = np.flatnonzero(~(np.abs(k) < _INT64_END) & frame.present.any(axis=0))
    if len(bad):
        value = float(k[bad[0]])
        shown = repr(value) if math.isfinite(value) else format_decimal(value)
        raise execution_error(f"Scalar value {shown} overflows int64")


def _ranked(frame: Frame, group: Index, *, largest: bool) -> Index:
    """Return at each step the rows, group by group, the best first; NaN and absent ones last."""
    values = np.where(frame.present, frame.values, np.nan)
    keys = [-values if largest else values]
    if (np.isnan(frame.values) & frame.present).any():
        keys.append(np.where(frame.present, np.isnan(values).astype(float), 2.0))
    keys.append(np.broadcast_to(group[:, None].astype(float), values.shape))
    return np.lexsort(keys, axis=0)


def sort_by_value(frame: Frame, *, descending: bool) -> Frame:
    """Sort the series by value (sort, sort_desc) if there is a single step."""
    if frame.values.shape[1] != 1:
        return frame
    values = frame.values[:, 0]
    return select_rows(frame, np.argsort(-values if descending else values, kind="stable"))


def select_rows(frame: Frame, rows: Index) -> Frame:
    """Return only these rows, in this order."""
    series = LabelSets([frame.series.labels[row] for row in rows])
    return Frame(series, frame.values[rows], frame.present[rows])
