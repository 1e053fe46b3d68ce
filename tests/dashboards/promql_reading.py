"""The selectors and labels of a PromQL expression, by a parser."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser

Expr = Any


class Selected(NamedTuple):
    """A selector, the functions around it (innermost first), and whether it has a range."""

    name: str
    matchers: tuple[tuple[str, str, str], ...]
    around: tuple[str, ...]
    ranged: bool


def selected(text: str) -> Iterator[Selected]:
    """Every selector of an expression."""
    yield from _walk(promql_parser.parse(text), ())


def grouped(text: str) -> set[str]:
    """Every label that an aggregation or a vector matching names."""
    found: set[str] = set()

    def visit(node: Expr) -> bool:
        modifier = getattr(node, "modifier", None)
        for part in (modifier, getattr(modifier, "matching", None)):
            found.update(getattr(part, "labels", None) or ())
        return True

    promql_parser.walk(promql_parser.parse(text), visit)
    return found


def _walk(node: Expr, around: tuple[str, ...]) -> Iterator[Selected]:
    if isinstance(node, promql_parser.VectorSelector):
        yield _one(node, around, ranged=False)
    elif isinstance(node, promql_parser.MatrixSelector):
        yield _one(node.vector_selector, around, ranged=True)
    elif isinstance(node, promql_parser.Call):
        for inner in node.args:
            yield from _walk(inner, (node.func.name, *around))
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _walk(node.lhs, around)
        yield from _walk(node.rhs, around)
    elif hasattr(node, "expr"):
        yield from _walk(node.expr, around)


def _one(node: Expr, around: tuple[str, ...], *, ranged: bool) -> Selected:
    matchers = tuple((one.name, _sign(one.op), one.value) for one in node.matchers.matchers)
    return Selected(node.name, matchers, around, ranged)


def _sign(kind: Any) -> str:
    return {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}[str(kind).split(".")[-1]]
