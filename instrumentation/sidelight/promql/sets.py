"""Set operators: and, or, unless."""

from collections.abc import Hashable

import numpy as np

from sidelight.promql.frame import Bools, Frame, stacked
from sidelight.promql.limits import Budget
from sidelight.promql.pairing import rows_by_key
from sidelight.promql.series import Series
from sidelight.promql.syntax import Grouping, Matching


def combined(op: str, left: Frame, right: Frame, matching: Matching, budget: Budget) -> Frame:
    """Series of the left (and, with ``or``, of the right), by whether the other side has their key."""
    by = Grouping(matching.on, matching.labels)
    steps = left.present.shape[1]
    budget.room((len(left.series) + len(right.series)) * steps)
    if op == "and":
        return left.where(_there(right, left.series, by))
    if op == "unless":
        return left.where(~_there(right, left.series, by))
    rest = right.where(~_there(left, right.series, by))
    return stacked([left, rest], steps).unique()


def _there(frame: Frame, asking: Series, by: Grouping) -> Bools:
    """For each row that asks and each step: whether the frame has a series of its key."""
    rows = rows_by_key(frame.series, by)
    keys: dict[Hashable, int] = {key: number for number, key in enumerate(rows)}
    found = np.zeros((len(keys) + 1, frame.present.shape[1]), bool)
    for number, several in enumerate(rows.values()):
        found[number] = frame.present[several].any(axis=0)
    return found[[keys.get(key, len(keys)) for key in asking.keys(by)]]
