"""Quantiles of a few numbers, as `quantile` and `quantile_over_time` take them."""

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats


def quantiles(values: Floats, present: Bools, share: Floats) -> Floats:
    """The quantile of each column of ``values`` (n x s), of those present; NaN if none is.

    Between two values it is interpolated; NaN counts as less than every number. A ``share`` below
    0 gives -Inf, one over 1 +Inf. ``share`` has s values, or one for all.
    """
    size = present.sum(axis=0)
    order, unknown = _sorted(values, present)
    rank = share * (size - 1)
    low = np.clip(np.floor(np.nan_to_num(rank)), 0, np.maximum(size - 1, 0)).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(size - 1, 0))
    weight = rank - np.floor(rank)
    made = _at(order, low, unknown) * (1 - weight) + _at(order, high, unknown) * weight
    made = np.where(share < 0, -np.inf, np.where(share > 1, np.inf, made))
    return np.where((size == 0) | np.isnan(share), np.nan, made)


def _sorted(values: Floats, present: Bools) -> tuple[Floats, Floats]:
    """Columns in order, NaN first (as -Inf), absent last; and how many NaN each has."""
    unknown = np.isnan(values) & present
    order = np.where(present, np.where(unknown, -np.inf, values), np.inf)
    order.sort(axis=0)
    return order, unknown.sum(axis=0)


def _at(order: Floats, place: np.ndarray, unknown: Floats) -> Floats:
    column = np.arange(order.shape[1])
    return np.where(place < unknown, np.nan, order[place, column])
