"""The largest or smallest series of each group, and series in order of their values."""

import math

import numpy as np

from sidelight.embedded.promql.errors import failed
from sidelight.embedded.promql.frame import Floats, Frame, nothing
from sidelight.embedded.promql.numbers import written
from sidelight.embedded.promql.series import Series
from sidelight.embedded.promql.syntax import Grouping
from sidelight.embedded.promql.windows import Index

_BIGGEST = 2.0**63


def best(frame: Frame, k: Floats, grouping: Grouping, *, largest: bool) -> Frame:
    """At each step the k best of each group (topk, bottomk): NaN last, the earlier of equals.

    At a single step the rows are put in order too.
    """
    if not len(frame.series) or (k < 1).all():
        return nothing(len(k))
    _check(k, frame)
    groups = frame.series.grouped(grouping)
    sizes = np.diff(groups.starts, append=len(frame.series))
    if sizes.max() <= k.min() and len(k) > 1:
        return frame
    order = _ordered(frame, groups.index, largest=largest)
    rank = np.arange(len(order)) - np.repeat(groups.starts, sizes)
    kept = rank[:, None] < np.floor(k)
    if len(k) == 1:
        return taken(frame, order[kept[:, 0], 0])
    chosen = np.empty_like(frame.present)
    np.put_along_axis(chosen, order, kept, axis=0)
    return frame.where(chosen)


def _check(k: Floats, frame: Frame) -> None:
    bad = np.flatnonzero(~(np.abs(k) < _BIGGEST) & frame.present.any(axis=0))
    if len(bad):
        value = float(k[bad[0]])
        shown = repr(value) if math.isfinite(value) else written(value)
        raise failed(f"Scalar value {shown} overflows int64")


def _ordered(frame: Frame, group: Index, *, largest: bool) -> Index:
    """At each step the rows, group by group, the best first; NaN and then absent ones last."""
    values = np.where(frame.present, frame.values, np.nan)
    keys = [-values if largest else values]
    if (np.isnan(frame.values) & frame.present).any():
        keys.append(np.where(frame.present, np.isnan(values).astype(float), 2.0))
    keys.append(np.broadcast_to(group[:, None].astype(float), values.shape))
    return np.lexsort(keys, axis=0)


def in_order(frame: Frame, *, falling: bool) -> Frame:
    """By value at a single step (sort, sort_desc); over many steps there is no order."""
    if frame.values.shape[1] != 1:
        return frame
    values = frame.values[:, 0]
    return taken(frame, np.argsort(-values if falling else values, kind="stable"))


def taken(frame: Frame, rows: Index) -> Frame:
    """These rows only, in this order."""
    series = Series([frame.series.labels[row] for row in rows])
    return Frame(series, frame.values[rows], frame.present[rows])
