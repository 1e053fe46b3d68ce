"""count_values: how many series of a group have each value."""

import numpy as np

from sidelight.embedded.promql.errors import failed
from sidelight.embedded.promql.frame import Frame, nothing
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.numbers import written
from sidelight.embedded.promql.series import Labels, Series
from sidelight.embedded.promql.syntax import Grouping
from sidelight.embedded.promql.windows import Index


def count_values(label: str, frame: Frame, grouping: Grouping, budget: Budget) -> Frame:
    """A series for each value in each group, with the value in this label."""
    if not label:
        raise failed('invalid label name ""')
    groups = frame.series.grouped(grouping)
    rows, steps = np.nonzero(frame.present)
    if not len(rows):
        return nothing(frame.values.shape[1])
    bits = frame.values[rows, steps].view(np.int64)  # 0 and -0 are two values, NaN is itself
    known, which = np.unique(bits, return_inverse=True)
    values = known.view(np.float64)
    pairs = groups.index[rows] * len(values) + which
    made, target = np.unique(pairs, return_inverse=True)
    budget.room(len(made) * frame.values.shape[1])
    counts = np.zeros((len(made), frame.values.shape[1]))
    np.add.at(counts, (target, steps), 1.0)
    texts = [written(value) for value in values.tolist()]
    series = _series(groups.series, made, texts, label)
    return _added_up(Frame(series, counts, counts > 0))


def _series(groups: Series, made: Index, texts: list[str], label: str) -> Series:
    def one(number: int) -> Labels:
        group, value = divmod(number, len(texts))
        return dict(sorted({**groups.labels[group], label: texts[value]}.items()))

    return Series([one(number) for number in made.tolist()])


def _added_up(frame: Frame) -> Frame:
    """Groups that differed only in the label that now has the value are one, and so is any NaN."""
    first = frame.series.same()
    if first is None:
        return frame
    kept, index = np.unique(first, return_inverse=True)
    counts = np.zeros((len(kept), frame.values.shape[1]))
    np.add.at(counts, index, frame.values)
    return Frame(Series([frame.series.labels[row] for row in kept]), counts, counts > 0)
