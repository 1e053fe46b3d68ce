"""Operators between two vectors: which series are of a pair."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from sidelight.embedded.promql.arithmetic import ARITHMETIC, operate
from sidelight.embedded.promql.errors import failed
from sidelight.embedded.promql.frame import Bools, Frame
from sidelight.embedded.promql.limits import Budget
from sidelight.embedded.promql.series import NAME, Labels, Series, shown
from sidelight.embedded.promql.syntax import Binary, Grouping, Matching
from sidelight.embedded.promql.windows import Index

Rows = Mapping[Hashable, list[int]]


@dataclass(frozen=True)
class _Pairs:
    """Rows of one side and the other; ``shared``: pairs of one key, where there are several."""

    many: Index
    one: Index
    shared: list[list[int]]


def combined(node: Binary, left: Frame, right: Frame, budget: Budget) -> Frame:
    """An arithmetic operator or a comparison, applied to each pair of series that match.

    https://prometheus.io/docs/prometheus/latest/querying/operators/#vector-matching
    """
    matching = node.matching
    turned = matching.many == "right"
    many, one = (right, left) if turned else (left, right)
    by = Grouping(matching.on, matching.labels)
    _check_one_side(many, one, by, "left" if turned else "right")
    pairs = _pairs(many.series, one.series, by, budget, many.present.shape[1])
    sides = many.values[pairs.many], one.values[pairs.one]
    a, b = reversed(sides) if turned else sides
    values, chosen = operate(node.op, a, b, truth=node.truth)
    present = many.present[pairs.many] & one.present[pairs.one]
    if chosen is not None:
        present &= chosen
    if matching.many is None:
        _check_many_side(pairs, present)
    series = _results(many.series, one.series, pairs, node)
    return Frame(series, values, present).unique(_SEVERAL if matching.many else None)


_SEVERAL = "multiple matches for labels: grouping labels must ensure unique matches"


def rows_by_key(series: Series, by: Grouping) -> Rows:
    """The rows of each key."""

    def find() -> Rows:
        found: dict[Hashable, list[int]] = defaultdict(list)
        for row, key in enumerate(series.keys(by)):
            found[key].append(row)
        return dict(found)

    return series.derived(("rows", by), find)


def _check_one_side(many: Frame, one: Frame, by: Grouping, side: str) -> None:
    """`QueryError` if two series of a key are present at one step on the side of the one."""
    rows = rows_by_key(one.series, by)
    if len(rows) == len(one.series):
        return
    both = many.present.any(axis=0) & one.present.any(axis=0)
    present = one.present & both
    clashes = [_clash(several, present) for several in rows.values() if len(several) > 1]
    found = min((one for one in clashes if one is not None), default=None)
    if found is not None:
        _, second, first = found
        a, b = one.series.labels[first], one.series.labels[second]
        raise failed(
            f"found duplicate series for the match group {_group(a, by)} on the {side} "
            f"hand-side of the operation: [{shown(b)}, {shown(a)}];many-to-many matching not "
            "allowed: matching labels must be unique on one side"
        )


def _clash(rows: list[int], present: Bools) -> tuple[int, int, int] | None:
    """The first step at which two of the rows are present, the second of these and the first."""
    there = present[rows]
    steps = np.flatnonzero(there.sum(axis=0) > 1)
    if not len(steps):
        return None
    first, second = np.flatnonzero(there[:, steps[0]])[:2]
    return int(steps[0]), rows[second], rows[first]


def _group(labels: Labels, by: Grouping) -> str:
    if by.by:
        return shown({k: v for k, v in labels.items() if k in by.labels})
    return shown({k: v for k, v in labels.items() if k not in by.labels and k != NAME})


def _pairs(many: Series, one: Series, by: Grouping, budget: Budget, steps: int) -> _Pairs:
    rows = rows_by_key(one, by)
    known = rows_by_key(many, by)
    size = sum(len(mine) * len(rows.get(key, ())) for key, mine in known.items())
    budget.room(size * steps)
    return many.derived(("pairs", by, one), lambda: _found(many, rows, by))


def _found(many: Series, rows: Rows, by: Grouping) -> _Pairs:
    left: list[int] = []
    right: list[int] = []
    shared: dict[Hashable, list[int]] = defaultdict(list)
    for row, key in enumerate(many.keys(by)):
        for other in rows.get(key, ()):
            shared[key].append(len(left))
            left.append(row)
            right.append(other)
    several = [pairs for pairs in shared.values() if len(pairs) > 1]
    return _Pairs(np.array(left, np.intp), np.array(right, np.intp), several)


def _check_many_side(pairs: _Pairs, present: Bools) -> None:
    for several in pairs.shared:
        if (present[several].sum(axis=0) > 1).any():
            raise failed(
                "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )


def _results(many: Series, one: Series, pairs: _Pairs, node: Binary) -> Series:
    drops = node.truth or node.op in ARITHMETIC
    key = ("results", one, node.matching, drops)
    return many.derived(key, lambda: _made(many, one, pairs, node.matching, drops=drops))


def _made(many: Series, one: Series, pairs: _Pairs, matching: Matching, *, drops: bool) -> Series:
    rows = zip(pairs.many.tolist(), pairs.one.tolist(), strict=True)
    return Series([_result(many.labels[m], one.labels[o], matching, drops=drops) for m, o in rows])


def _result(many: Labels, one: Labels, matching: Matching, *, drops: bool) -> Labels:
    made = dict(many)
    if drops:
        made.pop(NAME, None)
    if matching.many is None:
        made = {k: v for k, v in made.items() if (k in matching.labels) == matching.on}
    for name in matching.include:
        made.pop(name, None)
        if name in one:
            made[name] = one[name]
    return dict(sorted(made.items())) if matching.include else made
