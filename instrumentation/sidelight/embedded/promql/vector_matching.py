"""Operators between two instant vectors: which series of the two sides match.

https://prometheus.io/docs/prometheus/latest/querying/operators/#vector-matching
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from sidelight.embedded.promql.aggregation import reduce_groups
from sidelight.embedded.promql.ast import BinaryExpr, Grouping, VectorMatching
from sidelight.embedded.promql.elementwise import ARITHMETIC, operate
from sidelight.embedded.promql.frame import (
    METADATA_LABELS,
    METRIC_NAME,
    Bools,
    Frame,
    Index,
    Labels,
    LabelSets,
    format_labels,
    stacked_frames,
)
from sidelight.embedded.promql.histogram_operators import with_histogram_results
from sidelight.embedded.promql.limits import QueryUsage, execution_error
from sidelight.embedded.promql.native_histogram_annotations import NativeHistogramAnnotations

Rows = Mapping[Hashable, list[int]]


@dataclass(frozen=True)
class _Pairs:
    """Rows of the sides; ``shared``: the pairs of each key that has several."""

    many: Index
    one: Index
    shared: list[list[int]]


def match_and_operate(
    node: BinaryExpr,
    left: Frame,
    right: Frame,
    usage: QueryUsage,
    notes: NativeHistogramAnnotations,
) -> Frame:
    """Apply an arithmetic operator or a comparison to each pair of series that match."""
    matching = node.matching
    swapped = matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    by = Grouping(matching.on, matching.labels)
    _check_one_side(many, one, by, "left" if swapped else "right")
    pairs = _pairs(many.series, one.series, by, usage, many.present.shape[1])
    sides = _taken(many, pairs.many), _taken(one, pairs.one)
    a, b = reversed(sides) if swapped else sides
    series = _results(many.series, one.series, pairs, node)
    made = _operate(node, a, b, series)
    if a.histograms is not None or b.histograms is not None:
        made = with_histogram_results(
            node.op, a, b, made, usage, notes, return_bool=node.return_bool
        )
    if matching.many is None:
        _check_many_side(pairs, made.sampled)
    return made.merged_per_step(_NOT_UNIQUE if matching.many else None)


def _taken(frame: Frame, rows: Index) -> Frame:
    table = None if frame.histograms is None else frame.histograms[rows]
    return Frame(frame.series, frame.values[rows], frame.present[rows], table)


def _operate(node: BinaryExpr, left: Frame, right: Frame, series: LabelSets) -> Frame:
    """Operate on pairs of numbers."""
    values, chosen = operate(node.op, left.values, right.values, return_bool=node.return_bool)
    present = left.present & right.present
    return Frame(series, values, present if chosen is None else present & chosen)


_NOT_UNIQUE = "multiple matches for labels: grouping labels must ensure unique matches"


def rows_by_key(series: LabelSets, by: Grouping) -> Rows:
    """Return the rows of each key."""

    def find() -> Rows:
        found: dict[Hashable, list[int]] = defaultdict(list)
        for row, key in enumerate(series.keys(by)):
            found[key].append(row)
        return dict(found)

    return series.cached(("rows", by), find)


def _check_one_side(many: Frame, one: Frame, by: Grouping, side: str) -> None:
    """Raise `QueryError` if two series of one key are present at one step on the "one" side."""
    rows = rows_by_key(one.series, by)
    if len(rows) == len(one.series):
        return
    present = one.sampled & many.sampled.any(axis=0)
    clashes = [_clash(several, present) for several in rows.values() if len(several) > 1]
    found = min((one for one in clashes if one is not None), default=None)
    if found is not None:
        _, second, first = found
        a, b = one.series.labels[first], one.series.labels[second]
        raise execution_error(
            f"found duplicate series for the match group {_group(a, by)} on the {side} "
            f"hand-side of the operation: [{format_labels(b)}, {format_labels(a)}];"
            "many-to-many matching not allowed: matching labels must be unique on one side"
        )


def _clash(rows: list[int], present: Bools) -> tuple[int, int, int] | None:
    """Return the first step at which two of the rows are present, then the second and the first."""
    both = present[rows]
    steps = np.flatnonzero(both.sum(axis=0) > 1)
    if not len(steps):
        return None
    first, second = np.flatnonzero(both[:, steps[0]])[:2]
    return int(steps[0]), rows[second], rows[first]


def _group(labels: Labels, by: Grouping) -> str:
    if by.by:
        return format_labels({k: v for k, v in labels.items() if k in by.labels})
    return format_labels(
        {k: v for k, v in labels.items() if k not in by.labels and k != METRIC_NAME}
    )


def _pairs(many: LabelSets, one: LabelSets, by: Grouping, usage: QueryUsage, steps: int) -> _Pairs:
    rows = rows_by_key(one, by)
    many_rows = rows_by_key(many, by)
    size = sum(len(of_key) * len(rows.get(key, ())) for key, of_key in many_rows.items())
    usage.check_samples(size * steps)
    return many.cached(("pairs", by, one), lambda: _find_pairs(many, rows, by))


def _find_pairs(many: LabelSets, rows: Rows, by: Grouping) -> _Pairs:
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
            raise execution_error(
                "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )


def _results(many: LabelSets, one: LabelSets, pairs: _Pairs, node: BinaryExpr) -> LabelSets:
    drops = node.op in ARITHMETIC
    key = ("results", one, node.matching, drops)
    made = many.cached(key, lambda: _result_labels(many, one, pairs, node.matching, drops=drops))
    return made.without_metadata() if node.return_bool else made


def _result_labels(
    many: LabelSets, one: LabelSets, pairs: _Pairs, matching: VectorMatching, *, drops: bool
) -> LabelSets:
    rows = zip(pairs.many.tolist(), pairs.one.tolist(), strict=True)
    return LabelSets(
        [_labels_of_pair(many.labels[m], one.labels[o], matching, drops=drops) for m, o in rows]
    )


def _labels_of_pair(many: Labels, one: Labels, matching: VectorMatching, *, drops: bool) -> Labels:
    made = dict(many)
    if drops:
        made = {k: v for k, v in made.items() if k not in METADATA_LABELS}
    if matching.many is None:
        made = {k: v for k, v in made.items() if (k in matching.labels) == matching.on}
    for name in matching.include:
        made.pop(name, None)
        if name in one:
            made[name] = one[name]
    return dict(sorted(made.items())) if matching.include else made


def set_operation(
    op: str, left: Frame, right: Frame, matching: VectorMatching, usage: QueryUsage
) -> Frame:
    """Return series of the left side, with ``or`` also of the right, by the other side's keys."""
    by = Grouping(matching.on, matching.labels)
    steps = left.present.shape[1]
    usage.check_samples((len(left.series) + len(right.series)) * steps)
    if op == "and":
        return left.where(_has_key(right, left.series, by))
    if op == "unless":
        return left.where(~_has_key(right, left.series, by))
    rest = right.where(~_has_key(left, right.series, by))
    return stacked_frames([left, rest], steps).merged_per_step()


def _has_key(frame: Frame, of: LabelSets, by: Grouping) -> Bools:
    """Return for each row of ``of`` and each step whether the frame has its key."""
    groups = frame.series.grouped(by)
    found = np.zeros((len(groups.series) + 1, frame.present.shape[1]), bool)
    if len(groups.series):
        found[:-1] = reduce_groups(groups, np.logical_or, frame.sampled)
    return found[of.cached(("in", by, frame.series), lambda: _rows(frame.series, of, by))]


def _rows(other: LabelSets, of: LabelSets, by: Grouping) -> Index:
    """Return the group of each row of ``of``; where there is none, the number after the last."""
    keys = {key: number for number, key in enumerate(rows_by_key(other, by))}
    return np.array([keys.get(key, len(keys)) for key in of.keys(by)], np.intp)
