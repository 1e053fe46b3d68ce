"""A query as a tree. Times and durations are milliseconds."""

from dataclasses import dataclass
from typing import Final, Literal

from sidelight.embedded.promql.source import Matcher

Kind = Literal["scalar", "string", "vector", "matrix"]
At = int | Literal["start", "end"] | None


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    value: float


@dataclass(frozen=True, slots=True)
class Text:
    """A text as it is meant: without quotes and escapes."""

    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by their labels, ``offset`` back from the time of evaluation or from ``at``."""

    matchers: tuple[Matcher, ...]
    offset: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class Range:
    """The samples of a selector's series that are less than ``range`` back."""

    selector: Selector
    range: int


@dataclass(frozen=True, slots=True)
class Subquery:
    """What an expression gives at every multiple of ``step`` less than ``range`` back."""

    expr: "Node"
    range: int
    step: int
    offset: int = 0
    at: At = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function of that name, and what it gives."""

    name: str
    args: tuple["Node", ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Grouping:
    """``by`` these labels; otherwise ``without`` them."""

    by: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Several series to one; ``param`` is the k of topk, the name of count_values and so on."""

    op: str
    expr: "Node"
    param: "Node | None"
    grouping: Grouping


@dataclass(frozen=True, slots=True)
class Matching:
    """Which labels must agree: ``on`` these, otherwise all but these; how many on which side.

    ``many`` is the side that may have several series to one of the other, whose labels
    ``include`` the result takes too.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: Literal["left", "right"] | None = None
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands; ``truth``: a comparison gives 0 or 1 instead of choosing (``bool``)."""

    op: str
    left: "Node"
    right: "Node"
    truth: bool
    matching: Matching


@dataclass(frozen=True, slots=True)
class Negative:
    """A minus before an expression."""

    expr: "Node"


Node = Number | Text | Selector | Range | Subquery | Call | Aggregate | Binary | Negative


def kind(node: Node) -> Kind:
    """Which type of result an expression has."""
    match node:
        case Call():
            return node.kind
        case Negative():
            return kind(node.expr)
        case Binary():
            both = {kind(node.left), kind(node.right)}
            return "scalar" if both == {"scalar"} else "vector"
        case _:
            return _KINDS[type(node)]


_KINDS: Final[dict[type, Kind]] = {
    Number: "scalar",
    Text: "string",
    Selector: "vector",
    Range: "matrix",
    Subquery: "matrix",
    Aggregate: "vector",
}


def children(node: Node) -> tuple[Node, ...]:
    """The expressions inside an expression."""
    match node:
        case Range():
            return (node.selector,)
        case Subquery() | Negative():
            return (node.expr,)
        case Call():
            return node.args
        case Aggregate():
            return (node.expr,) if node.param is None else (node.param, node.expr)
        case Binary():
            return node.left, node.right
        case _:
            return ()
