"""From a query's text to its answer."""

import numpy as np

from sidelight.promql import syntax
from sidelight.promql.errors import QueryError, wrong
from sidelight.promql.evaluation import Evaluation, check
from sidelight.promql.frame import Frame, Ints
from sidelight.promql.limits import Budget, Limits
from sidelight.promql.parsing import parse
from sidelight.promql.result import Matrix, Result, Scalar, String, Vector
from sidelight.promql.selection import Selection
from sidelight.promql.source import Source
from sidelight.promql.windows import Windows

DEFAULT = Limits()


def query(text: str, source: Source, at: int, limits: Limits = DEFAULT) -> Result:
    """The answer at one time (milliseconds), as Prometheus's ``/api/v1/query`` gives it.

    `QueryError` if there is none.
    """
    node = understood(text, limits)
    steps = np.array([at], np.int64)
    evaluation = Evaluation(Selection(source, Budget(limits)), steps, at, at)
    with np.errstate(all="ignore"):  # what is divided by zero has a value in PromQL
        return _instant(node, evaluation, at)


def query_range(  # noqa: PLR0913, PLR0917 # a query, its times and its limits
    text: str, source: Source, start: int, end: int, step: int, limits: Limits = DEFAULT
) -> Matrix:
    """The answers from ``start`` to ``end`` every ``step`` milliseconds.

    `QueryError` if there is none.
    """
    if step <= 0:
        raise wrong(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if end < start:
        raise wrong("end timestamp must not be before start time")
    budget = Budget(limits)
    budget.steps((end - start) // step)
    node = understood(text, limits)
    steps = np.arange(start, end + 1, step, dtype=np.int64)
    evaluation = Evaluation(Selection(source, budget), steps, start, end)
    with np.errstate(all="ignore"):  # as above
        return _ranged(node, evaluation)


def understood(text: str, limits: Limits = DEFAULT) -> syntax.Node:
    """The tree of a query that could be answered. `QueryError` says why another could not."""
    node = parse(text, limits)
    check(node)
    return node


def _instant(node: syntax.Node, evaluation: Evaluation, at: int) -> Result:
    match syntax.kind(node):
        case "scalar":
            return Scalar(at, float(evaluation.scalar(node)[0]))
        case "string":
            return String(at, node.value if isinstance(node, syntax.Text) else "")
        case "matrix":
            return _raw(evaluation.windows(node))
        case _:
            return _vector(evaluation.vector(node), at)


def _vector(frame: Frame, at: int) -> Vector:
    rows = np.flatnonzero(frame.present[:, 0])
    return Vector([frame.series.labels[row] for row in rows], at, frame.values[rows, 0])


def _ranged(node: syntax.Node, evaluation: Evaluation) -> Matrix:
    kind = syntax.kind(node)
    if kind == "scalar":
        values = evaluation.scalar(node)[None, :]
        return Matrix([{}], evaluation.steps, values, np.ones(values.shape, bool))
    if kind != "vector":
        shown = {"matrix": "range vector", "string": "string"}[kind]
        raise QueryError(
            "bad_data",
            f'invalid expression type "{shown}" for range query, must be Scalar or instant Vector',
        )
    frame = evaluation.vector(node)
    return _matrix(frame, evaluation.steps)


def _matrix(frame: Frame, times: Ints) -> Matrix:
    """Series that have any sample, in the order of their labels."""
    labels = frame.series.labels
    order = frame.series.derived(
        "order",
        lambda: np.array(
            sorted(range(len(labels)), key=lambda row: tuple(labels[row].items())), np.intp
        ),
    )
    rows = order[frame.present.any(axis=1)[order]]
    return Matrix([labels[row] for row in rows], times, frame.values[rows], frame.present[rows])


def _raw(found: list[Windows]) -> Matrix:
    """The samples of a range as they are, at the times of all blocks together."""
    pieces = [(one, slice(one.low[0], one.high[0])) for one in found]
    times = np.unique(np.concatenate([np.empty(0, np.int64), *(w.times[s] for w, s in pieces)]))
    rows = sum(len(one.series) for one in found)
    if found:
        found[0].budget.room(rows * len(times))
    values, present = np.zeros((rows, len(times))), np.zeros((rows, len(times)), bool)
    row = 0
    for one, part in pieces:
        here = slice(row, row + len(one.series))
        columns = np.searchsorted(times, one.times[part])
        values[here, columns] = one.values[:, part]
        present[here, columns] = True if one.valid is None else one.valid[:, part]
        row += len(one.series)
    labels = [label for one in found for label in one.series.labels]
    kept = np.flatnonzero(present.any(axis=1))
    return Matrix([labels[i] for i in kept], times, values[kept], present[kept])
