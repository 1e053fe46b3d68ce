"""What is evaluated, as a result."""

import numpy as np

from sidelight.embedded.promql import syntax
from sidelight.embedded.promql.errors import wrong
from sidelight.embedded.promql.evaluation import Evaluation
from sidelight.embedded.promql.frame import Bools, Frame, Ints
from sidelight.embedded.promql.result import Matrix, Result, Scalar, String, Vector
from sidelight.embedded.promql.windows import Windows


def instant(node: syntax.Node, evaluation: Evaluation, at: int) -> Result:
    """The answer at one time, of whatever type the expression is."""
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
    return Vector([frame.series.labels[row] for row in rows.tolist()], at, frame.values[rows, 0])


def ranged(node: syntax.Node, evaluation: Evaluation) -> Matrix:
    """The answers at all steps."""
    kind = syntax.kind(node)
    if kind == "scalar":
        values = evaluation.scalar(node)[None, :]
        return Matrix([{}], evaluation.steps, values, np.ones(values.shape, bool))
    if kind != "vector":
        shown = {"matrix": "range vector", "string": "string"}[kind]
        raise wrong(
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
    there: Bools = np.asarray(frame.present.any(axis=1))
    rows = order[there[order]]
    return Matrix(
        [labels[row] for row in rows.tolist()], times, frame.values[rows], frame.present[rows]
    )


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
        present[here, columns] = _valid(one, part)
        row += len(one.series)
    labels = [label for one in found for label in one.series.labels]
    kept = np.flatnonzero(present.any(axis=1))
    return Matrix([labels[row] for row in kept.tolist()], times, values[kept], present[kept])


def _valid(windows: Windows, part: slice) -> Bools:
    if windows.valid is None:
        return np.ones(windows.values[:, part].shape, bool)
    return windows.valid[:, part]
