"""A tree, evaluated at all steps at once."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from sidelight.embedded.promql import pairing, sets, syntax
from sidelight.embedded.promql.aggregation import AGGREGATIONS, aggregated
from sidelight.embedded.promql.aggregation import quantile as quantile_of
from sidelight.embedded.promql.arithmetic import operate
from sidelight.embedded.promql.counting import count_values
from sidelight.embedded.promql.errors import unsupported
from sidelight.embedded.promql.frame import Floats, Frame, Ints
from sidelight.embedded.promql.functions import FUNCTIONS, SCALARS
from sidelight.embedded.promql.ranking import best
from sidelight.embedded.promql.selection import Selection
from sidelight.embedded.promql.windows import Samples, Windows

SETS: Final = frozenset({"and", "or", "unless"})


class Evaluation:
    """Expressions at ``steps``, s in number; ``start`` and ``end`` are those of the whole query."""

    def __init__(self, selection: Selection, steps: Ints, start: int, end: int) -> None:
        self.selection = selection
        self.budget = selection.budget
        self.steps = steps
        self.start = start
        self.end = end

    def vector(self, node: syntax.Node) -> Frame:
        """An instant vector at each step."""
        self.budget.room(len(self.steps))
        return self._VECTORS[type(node)](self, node)

    def scalar(self, node: syntax.Node) -> Floats:
        """A number at each step."""
        self.budget.room(len(self.steps))
        match node:
            case syntax.Number():
                return np.full(len(self.steps), node.value)
            case syntax.Negative():
                return -self.scalar(node.expr)
            case syntax.Binary():
                left, right = self.scalars([node.left, node.right])
                return operate(node.op, left, right, truth=node.truth)[0]
            case syntax.Call():
                return SCALARS[node.name](self, node)
            case _:
                raise TypeError(node)

    def scalars(self, nodes: Sequence[syntax.Node]) -> list[Floats]:
        """Of each node a number at each step; those before it wait for the last."""
        found: list[Floats] = []
        for node in nodes:
            with self.budget.holding(len(found) * len(self.steps)):
                found.append(self.scalar(node))
        return found

    def windows(self, node: syntax.Node) -> list[Windows]:
        """The samples before each step, block by block."""
        match node:
            case syntax.Range():
                ends = self.moments(node.selector)
                starts = ends - node.range
                blocks = self.selection.samples(node.selector.matchers, starts, ends)
            case syntax.Subquery():
                ends = self.moments(node)
                starts = ends - node.range
                with self.budget.holding(len(self.steps) + len(starts) + len(ends)):
                    blocks = self._subquery(node, int(starts.min()), int(ends.max()))
            case _:
                raise TypeError(node)
        return [Windows(one, starts, ends, self.budget) for one in blocks]

    def moments(self, node: syntax.Selector | syntax.Subquery) -> Ints:
        """The times that a selector looks at, for each step."""
        if node.at is None:
            return self.steps - node.offset
        ends = {"start": self.start, "end": self.end}
        at = node.at if isinstance(node.at, int) else ends[node.at]
        return np.full_like(self.steps, at - node.offset)

    def _subquery(self, node: syntax.Subquery, after: int, until: int) -> list[Samples]:
        """Its steps are multiples of its step, whatever the query's own are."""
        first = (after // node.step + 1) * node.step
        size = max(0, (until - first) // node.step + 1)
        self.budget.subquery(size)
        if not size:
            return []
        steps = first + node.step * np.arange(size, dtype=np.int64)
        frame = Evaluation(self.selection, steps, self.start, self.end).vector(node.expr)
        if not len(frame.series):
            return []
        valid = None if frame.present.all() else frame.present
        return [Samples(frame.series, steps, frame.values, valid)]

    def _selector(self, node: syntax.Selector) -> Frame:
        return self.selection.newest(node.matchers, self.moments(node))

    def _call(self, node: syntax.Call) -> Frame:
        return FUNCTIONS[node.name](self, node)

    def _negative(self, node: syntax.Negative) -> Frame:
        frame = self.vector(node.expr)
        return frame.with_values(-frame.values).unique_in_all()

    def _binary(self, node: syntax.Binary) -> Frame:
        left, right = syntax.kind(node.left), syntax.kind(node.right)
        if left == right == "vector":
            sides = self._vectors(node)
            if node.op in SETS:
                return sets.combined(node.op, *sides, node.matching, self.budget)
            return pairing.combined(node, *sides, self.budget)
        if left == "vector":
            frame = self.vector(node.left)
            with self.budget.holding(frame.values.size):
                number = self.scalar(node.right)
            return self._with_scalar(node, frame, frame.values, number)
        number = self.scalar(node.left)
        with self.budget.holding(number.size):
            frame = self.vector(node.right)
        return self._with_scalar(node, frame, number, frame.values)

    def _vectors(self, node: syntax.Binary) -> tuple[Frame, Frame]:
        left = self.vector(node.left)
        with self.budget.holding(left.values.size):
            return left, self.vector(node.right)

    def _with_scalar(self, node: syntax.Binary, frame: Frame, left: Floats, right: Floats) -> Frame:
        """A comparison keeps the vector's values, on whichever side it is, and its name."""
        values, chosen = operate(node.op, left, right, truth=node.truth)
        if chosen is not None:
            return frame.where(chosen)
        return frame.with_values(values).unique()

    def _aggregate(self, node: syntax.Aggregate) -> Frame:
        frame = self.vector(node.expr)
        if node.op in AGGREGATIONS:
            return aggregated(node.op, frame, node.grouping, self.budget)
        return self._AGGREGATES[node.op](self, node, frame)

    def _best(self, node: syntax.Aggregate, frame: Frame) -> Frame:
        k = self._share(node, frame)
        return best(frame, k, node.grouping, largest=node.op == "topk")

    def _quantile(self, node: syntax.Aggregate, frame: Frame) -> Frame:
        return quantile_of(self._share(node, frame), frame, node.grouping, self.budget)

    def _share(self, node: syntax.Aggregate, frame: Frame) -> Floats:
        with self.budget.holding(frame.values.size):
            return self.scalar(_param(node))

    def _count_values(self, node: syntax.Aggregate, frame: Frame) -> Frame:
        param = _param(node)
        label = param.value if isinstance(param, syntax.Text) else ""
        return count_values(label, frame, node.grouping, self.budget)

    _VECTORS: Final[dict[type, Callable[["Evaluation", Any], Frame]]] = {
        syntax.Selector: _selector,
        syntax.Call: _call,
        syntax.Negative: _negative,
        syntax.Binary: _binary,
        syntax.Aggregate: _aggregate,
    }
    _AGGREGATES: Final[dict[str, Callable[["Evaluation", syntax.Aggregate, Frame], Frame]]] = {
        "topk": _best,
        "bottomk": _best,
        "quantile": _quantile,
        "count_values": _count_values,
    }
    CALLS: Final = frozenset({*FUNCTIONS, *SCALARS})
    AGGREGATES: Final = frozenset({*AGGREGATIONS, *_AGGREGATES})


def _param(node: syntax.Aggregate) -> syntax.Node:
    if node.param is None:
        raise TypeError(node)
    return node.param


def check(node: syntax.Node) -> None:
    """Refuse by name what is not done here, before anything is evaluated."""
    match node:
        case syntax.Call() if node.name not in Evaluation.CALLS:
            raise unsupported(f"the function {node.name}()")
        case syntax.Aggregate() if node.op not in Evaluation.AGGREGATES:
            raise unsupported(f"the aggregation {node.op}()")
    for inner in syntax.children(node):
        check(inner)
