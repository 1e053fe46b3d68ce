"""The evaluation of a query's tree, at all steps at once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from sidelight.embedded.promql.aggregation import (
    AGGREGATIONS,
    aggregate,
    quantile_of_groups,
)
from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.ast import (
    AggregateExpr,
    BinaryExpr,
    FunctionCall,
    MatrixSelector,
    Node,
    NumberLiteral,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorSelector,
    children,
    value_type,
)
from sidelight.embedded.promql.elementwise import operate
from sidelight.embedded.promql.frame import Floats, Frame, Ints
from sidelight.embedded.promql.functions import SCALAR_FUNCTIONS, VECTOR_FUNCTIONS
from sidelight.embedded.promql.histogram_aggregation import (
    HISTOGRAM_AGGREGATIONS,
    aggregate_histograms,
    as_numbers,
)
from sidelight.embedded.promql.histogram_operators import negative_histograms, operate_with_scalar
from sidelight.embedded.promql.histogram_resets import without_reset_hints
from sidelight.embedded.promql.limits import unsupported
from sidelight.embedded.promql.native_histogram_annotations import NativeHistogramAnnotations
from sidelight.embedded.promql.range_windows import RangeSamples, Windows
from sidelight.embedded.promql.ranking import top_or_bottom
from sidelight.embedded.promql.selectors import SelectorCache
from sidelight.embedded.promql.value_counts import count_values
from sidelight.embedded.promql.vector_matching import match_and_operate, set_operation

SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


class Evaluator:
    """Evaluates expressions at ``steps``; ``start`` and ``end`` are those of the whole query."""

    def __init__(
        self,
        selector_cache: SelectorCache,
        annotations: Annotations,
        steps: Ints,
        start: int,
        end: int,
    ) -> None:
        self.selector_cache = selector_cache
        self.annotations = annotations
        self.usage = selector_cache.usage
        self.steps = steps
        self.start = start
        self.end = end

    def vector(self, node: Node) -> Frame:
        """Evaluate an instant vector at each step."""
        self.usage.check_samples(len(self.steps))
        return self._BY_TYPE[type(node)](self, node)

    def scalar(self, node: Node) -> Floats:
        """Evaluate a scalar at each step."""
        self.usage.check_samples(len(self.steps))
        match node:
            case NumberLiteral():
                return np.full(len(self.steps), node.value)
            case UnaryExpr():
                return -self.scalar(node.expr)
            case BinaryExpr():
                left, right = self.scalars([node.left, node.right])
                return operate(node.op, left, right, return_bool=node.return_bool)[0]
            case FunctionCall():
                return SCALAR_FUNCTIONS[node.name](self, node)
            case _:
                raise TypeError(node)

    def scalars(self, nodes: Sequence[Node]) -> list[Floats]:
        """Evaluate several scalars; the first ones are held while the others are evaluated."""
        found: list[Floats] = []
        for node in nodes:
            with self.usage.hold(len(found) * len(self.steps)):
                found.append(self.scalar(node))
        return found

    def windows(self, node: Node) -> list[Windows]:
        """Return the samples before each step, block by block."""
        match node:
            case MatrixSelector():
                ends = self.selected_times(node.selector)
                starts = ends - node.range
                blocks = self.selector_cache.in_ranges(node.selector, starts, ends)
            case SubqueryExpr():
                ends = self.selected_times(node)
                starts = ends - node.range
                with self.usage.hold(len(self.steps) + len(starts) + len(ends)):
                    blocks = self._subquery(node, int(starts.min()), int(ends.max()))
            case _:
                raise TypeError(node)
        return [Windows(one, starts, ends, self.usage) for one in blocks]

    def selected_times(self, node: VectorSelector | SubqueryExpr) -> Ints:
        """Return the time that a selector selects for each step."""
        if node.at is None:
            return self.steps - node.offset
        ends = {"start": self.start, "end": self.end}
        at = node.at if isinstance(node.at, int) else ends[node.at]
        return np.full_like(self.steps, at - node.offset)

    def _subquery(self, node: SubqueryExpr, after: int, until: int) -> list[RangeSamples]:
        """Evaluate a subquery at multiples of its own step."""
        first = (after // node.step + 1) * node.step
        size = max(0, (until - first) // node.step + 1)
        self.usage.check_subquery(size)
        if not size:
            return []
        steps = first + node.step * np.arange(size, dtype=np.int64)
        frame = Evaluator(
            self.selector_cache, self.annotations, steps, self.start, self.end
        ).vector(node.expr)
        if not len(frame.series):
            return []
        valid = None if frame.present.all() else frame.present
        table = None if frame.histograms is None else without_reset_hints(frame.histograms)
        return [RangeSamples(frame.series, steps, frame.values, valid, table)]

    def _selector(self, node: VectorSelector) -> Frame:
        return self.selector_cache.at_instants(node, self.selected_times(node))

    def _call(self, node: FunctionCall) -> Frame:
        return VECTOR_FUNCTIONS[node.name](self, node)

    def _negative(self, node: UnaryExpr) -> Frame:
        frame = self.vector(node.expr)
        opposite = negative_histograms(frame.histograms, self.usage)
        made = replace(frame.without_metadata(), values=-frame.values, histograms=opposite)
        return made.merged_over_all_steps()

    def _binary(self, node: BinaryExpr) -> Frame:
        left, right = value_type(node.left), value_type(node.right)
        if left == right == "vector":
            sides = self._vectors(node)
            if node.op in SET_OPERATORS:
                return set_operation(node.op, *sides, node.matching, self.usage)
            return match_and_operate(node, *sides, self.usage, self._notes(node.start))
        if left == "vector":
            frame = self.vector(node.left)
            with self.usage.hold(frame.values.size):
                number = self.scalar(node.right)
            return self._with_scalar(node, frame, number, swapped=False)
        number = self.scalar(node.left)
        with self.usage.hold(number.size):
            frame = self.vector(node.right)
        return self._with_scalar(node, frame, number, swapped=True)

    def _vectors(self, node: BinaryExpr) -> tuple[Frame, Frame]:
        left = self.vector(node.left)
        with self.usage.hold(left.values.size):
            return left, self.vector(node.right)

    def _with_scalar(
        self, node: BinaryExpr, frame: Frame, number: Floats, *, swapped: bool
    ) -> Frame:
        """Operate on a vector and a scalar; a comparison keeps the vector's values and name."""
        left, right = (number, frame.values) if swapped else (frame.values, number)
        values, chosen = operate(node.op, left, right, return_bool=node.return_bool)
        table = operate_with_scalar(
            node.op, frame, number, self.usage, self._notes(node.start), swapped=swapped
        )
        if chosen is not None:
            return frame.numbers().where(chosen)
        return replace(frame.with_values(values), histograms=table).merged_per_step()

    def _notes(self, at: int) -> NativeHistogramAnnotations:
        return NativeHistogramAnnotations(self.annotations, at)

    def _aggregate(self, node: AggregateExpr) -> Frame:
        frame = self.vector(node.expr)
        notes = self._notes(node.start if node.op in {"topk", "bottomk"} else node.starts[-1])
        if node.op == "count_values":
            return self._count_values(node, frame)
        if node.op in HISTOGRAM_AGGREGATIONS and frame.histograms is not None:
            return aggregate_histograms(node.op, frame, node.grouping, self.usage, notes)
        numbers = as_numbers(node.op, frame, notes)
        if node.op in AGGREGATIONS:
            return aggregate(node.op, numbers, node.grouping, self.usage)
        return self._WITH_SCALAR[node.op](self, node, numbers)

    def _top_or_bottom(self, node: AggregateExpr, frame: Frame) -> Frame:
        k = self._scalar_param(node, frame)
        return top_or_bottom(frame, k, node.grouping, largest=node.op == "topk")

    def _quantile(self, node: AggregateExpr, frame: Frame) -> Frame:
        q = self._scalar_param(node, frame)
        most, least = max(1.0, float(q.max())), min(0.0, float(q.min()))
        extremes = [math.nan] if np.isnan(q).any() else [most, least]
        self.annotations.invalid_quantiles(extremes, node.starts[0])
        return quantile_of_groups(q, frame, node.grouping, self.usage)

    def _scalar_param(self, node: AggregateExpr, frame: Frame) -> Floats:
        with self.usage.hold(frame.values.size):
            return self.scalar(_param(node))

    def _count_values(self, node: AggregateExpr, frame: Frame) -> Frame:
        param = _param(node)
        label = param.value if isinstance(param, StringLiteral) else ""
        return count_values(label, frame, node.grouping, self.usage)

    _BY_TYPE: Final[dict[type, Callable[["Evaluator", Any], Frame]]] = {
        VectorSelector: _selector,
        FunctionCall: _call,
        UnaryExpr: _negative,
        BinaryExpr: _binary,
        AggregateExpr: _aggregate,
    }
    _WITH_SCALAR: Final[dict[str, Callable[["Evaluator", AggregateExpr, Frame], Frame]]] = {
        "topk": _top_or_bottom,
        "bottomk": _top_or_bottom,
        "quantile": _quantile,
    }
    SUPPORTED_FUNCTIONS: Final = frozenset({*VECTOR_FUNCTIONS, *SCALAR_FUNCTIONS})
    SUPPORTED_AGGREGATIONS: Final = frozenset({*AGGREGATIONS, *_WITH_SCALAR, "count_values"})


def _param(node: AggregateExpr) -> Node:
    if node.param is None:
        raise TypeError(node)
    return node.param


def check_supported(node: Node) -> None:
    """Raise `QueryError` for a function or an aggregation that is not supported."""
    match node:
        case FunctionCall() if node.name not in Evaluator.SUPPORTED_FUNCTIONS:
            raise unsupported(f"the function {node.name}()")
        case AggregateExpr() if node.op not in Evaluator.SUPPORTED_AGGREGATIONS:
            raise unsupported(f"the aggregation {node.op}()")
    for inner in children(node):
        check_supported(inner)
