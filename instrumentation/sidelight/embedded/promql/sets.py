"""Set operators: and, or, unless."""

import numpy as np

from sidelight.embedded.promql import sums
from sidelight.embedded.promql.frame import Bools, Frame, stacked
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.pairing import rows_by_key
from sidelight.embedded.promql.series import Series
from sidelight.embedded.promql.syntax import Grouping, Matching
from sidelight.embedded.promql.windows import Index


def combined(op: str, left: Frame, right: Frame, matching: Matching, budget: Budget) -> Frame:
    """Series of the left (of the right too with ``or``), as the other side has their key."""
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
    groups = frame.series.grouped(by)
    found = np.zeros((len(groups.series) + 1, frame.present.shape[1]), bool)
    if len(groups.series):
        found[:-1] = sums.by_group(groups, np.logical_or, frame.present)
    return found[asking.derived(("in", by, frame.series), lambda: _rows(frame.series, asking, by))]


def _rows(of: Series, asking: Series, by: Grouping) -> Index:
    """The group of each row that asks; the row after the last where there is none."""
    keys = {key: number for number, key in enumerate(rows_by_key(of, by))}
    return np.array([keys.get(key, len(keys)) for key in asking.keys(by)], np.intp)
