"""Series by the order of their values: the largest or smallest of each group, and sorted ones."""

import math
from typing import Final

import numpy as np

from sidelight.embedded.promql.ast import Grouping
from sidelight.embedded.promql.formatting import format_decimal
from sidelight.embedded.promql.frame import Floats, Frame, Index, LabelSets, empty_frame
from sidelight.embedded.promql.limits import execution_error

_INT64_END: Final = 2.0**63


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
