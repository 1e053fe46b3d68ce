"""A query as a tree, in the terms of Prometheus's parser. Times and durations are milliseconds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from sidelight.embedded.promql.storage import LabelMatcher

ValueType = Literal["scalar", "string", "vector", "matrix"]
AtModifier = int | Literal["start", "end"] | None


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number."""

    value: float


@dataclass(frozen=True, slots=True)
class StringLiteral:
    """A string, without quotes and escape sequences."""

    value: str


@dataclass(frozen=True, slots=True)
class VectorSelector:
    """An instant vector selector, ``offset`` before the time of evaluation or before ``at``."""

    matchers: tuple[LabelMatcher, ...]
    offset: int = 0
    at: AtModifier = None


@dataclass(frozen=True, slots=True)
class MatrixSelector:
    """A range vector selector: samples that are less than ``range`` old."""

    selector: VectorSelector
    range: int


@dataclass(frozen=True, slots=True)
class SubqueryExpr:
    """An expression, evaluated at every multiple of ``step`` that is less than ``range`` ago."""

    expr: "Node"
    range: int
    step: int
    offset: int = 0
    at: AtModifier = None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a function, and the type of its result.

    ``starts``: where its arguments begin in the query, without brackets around them.
    """

    name: str
    args: tuple["Node", ...]
    value_type: ValueType
    starts: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Grouping:
    """``by`` these labels, or ``without`` them."""

    by: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AggregateExpr:
    """An aggregation; ``param`` is the k of topk, the label of count_values and so on.

    ``starts``: where the parameter, if there is one, and the expression begin in the query.
    ``start``: where the aggregation itself begins.
    """

    op: str
    expr: "Node"
    param: "Node | None"
    grouping: Grouping
    starts: tuple[int, ...] = field(default=(), compare=False)
    start: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class VectorMatching:
    """Which labels must be equal: ``on`` these, otherwise all but these.

    ``many`` is the side of which several series may match one of the other side; the result also
    takes the labels ``include`` of that other side.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BinaryExpr:
    """A binary operator; with ``return_bool`` a comparison gives 0 or 1 and does not filter.

    ``start``: where it begins in the query; inside the right side of another, where that begins.
    """

    op: str
    left: "Node"
    right: "Node"
    return_bool: bool
    matching: VectorMatching
    start: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class UnaryExpr:
    """A minus sign before an expression."""

    expr: "Node"


Node = (
    NumberLiteral
    | StringLiteral
    | VectorSelector
    | MatrixSelector
    | SubqueryExpr
    | FunctionCall
    | AggregateExpr
    | BinaryExpr
    | UnaryExpr
)


def value_type(node: Node) -> ValueType:
    """Return the type of an expression's result."""
    match node:
        case FunctionCall():
            return node.value_type
        case UnaryExpr():
            return value_type(node.expr)
        case BinaryExpr():
            both = {value_type(node.left), value_type(node.right)}
            return "scalar" if both == {"scalar"} else "vector"
        case _:
            return _VALUE_TYPES[type(node)]


_VALUE_TYPES: Final[dict[type, ValueType]] = {
    NumberLiteral: "scalar",
    StringLiteral: "string",
    VectorSelector: "vector",
    MatrixSelector: "matrix",
    SubqueryExpr: "matrix",
    AggregateExpr: "vector",
}


def children(node: Node) -> tuple[Node, ...]:
    """Return the operands and arguments of an expression."""
    match node:
        case MatrixSelector():
            return (node.selector,)
        case SubqueryExpr() | UnaryExpr():
            return (node.expr,)
        case FunctionCall():
            return node.args
        case AggregateExpr():
            return (node.expr,) if node.param is None else (node.param, node.expr)
        case BinaryExpr():
            return node.left, node.right
        case _:
            return ()


def selected_matchers(node: Node) -> Iterator[tuple[LabelMatcher, ...]]:
    """Yield the matchers of each selector in an expression."""
    if isinstance(node, VectorSelector):
        yield node.matchers
    for inner in children(node):
        yield from selected_matchers(inner)
