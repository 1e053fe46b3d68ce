"""Several series to one: sum, avg, min, max, count, group, stddev, stdvar, quantile."""

from collections.abc import Callable
from typing import Final

import numpy as np

from sidelight.embedded.promql import sums
from sidelight.embedded.promql.frame import Bools, Floats, Frame
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.quantiles import quantiles
from sidelight.embedded.promql.series import Groups
from sidelight.embedded.promql.syntax import Grouping


def aggregated(op: str, frame: Frame, grouping: Grouping, budget: Budget) -> Frame:
    """One series for each group, present where any of the group's is."""
    groups = frame.series.grouped(grouping)
    if not len(frame.series):
        return Frame(groups.series, frame.values, frame.present)
    values = AGGREGATIONS[op](groups, frame, budget)
    return Frame(groups.series, values, _counted(groups, frame.present) > 0)


def quantile(share: Floats, frame: Frame, grouping: Grouping, budget: Budget) -> Frame:
    """A quantile of each group, at each step of its own share."""
    groups = frame.series.grouped(grouping)
    if not len(frame.series):
        return Frame(groups.series, frame.values, frame.present)
    values = np.empty((len(groups.series), frame.values.shape[1]))
    for number, rows in enumerate(np.split(groups.order, groups.starts[1:])):
        budget.check()
        values[number] = quantiles(frame.values[rows], frame.present[rows], share)
    return Frame(groups.series, values, _counted(groups, frame.present) > 0)


def _counted(groups: Groups, present: Bools) -> Floats:
    return sums.by_group(groups, np.add, present.astype(np.int32))


def _sum(groups: Groups, frame: Frame, budget: Budget) -> Floats:
    return sums.over_groups(groups, frame.values, frame.present, budget)


def _average(groups: Groups, frame: Frame, budget: Budget) -> Floats:
    count = _counted(groups, frame.present)
    mean = _sum(groups, frame, budget) / count
    if np.isinf(mean).any():  # the sum may be beyond what a float holds, where the mean is not
        scale = 2.0**-64
        again = (
            sums.over_groups(groups, frame.values * scale, frame.present, budget) / count / scale
        )
        mean = np.where(np.isinf(mean), again, mean)
    return mean


def _smallest(groups: Groups, frame: Frame, _: Budget) -> Floats:
    return sums.by_group(groups, np.fmin, np.where(frame.present, frame.values, np.nan))


def _largest(groups: Groups, frame: Frame, _: Budget) -> Floats:
    return sums.by_group(groups, np.fmax, np.where(frame.present, frame.values, np.nan))


def _count(groups: Groups, frame: Frame, _: Budget) -> Floats:
    return _counted(groups, frame.present).astype(float)


def _one(groups: Groups, frame: Frame, _: Budget) -> Floats:
    return np.ones((len(groups.series), frame.values.shape[1]))


def _variance(groups: Groups, frame: Frame, budget: Budget) -> Floats:
    count = _counted(groups, frame.present)
    mean = _sum(groups, frame, budget) / count
    apart = np.where(frame.present, frame.values - mean[groups.index], 0.0)
    return sums.by_group(groups, np.add, apart * apart) / count


def _deviation(groups: Groups, frame: Frame, budget: Budget) -> Floats:
    return np.sqrt(_variance(groups, frame, budget))


AGGREGATIONS: Final[dict[str, Callable[[Groups, Frame, Budget], Floats]]] = {
    "sum": _sum,
    "avg": _average,
    "min": _smallest,
    "max": _largest,
    "count": _count,
    "group": _one,
    "stdvar": _variance,
    "stddev": _deviation,
}
