"""Selectors in ``match[]``, and in queries for exemplars."""

from collections.abc import Iterator

from sidelight.embedded.api.parameters import Parameters, invalid
from sidelight.embedded.promql import syntax
from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.promql.limits import Limits
from sidelight.embedded.promql.parsing import parse
from sidelight.embedded.promql.source import Matcher

MATCH = "match[]"


def matches(asked: Parameters, limits: Limits) -> list[tuple[Matcher, ...]]:
    """The matchers of each ``match[]``. Raises `QueryError`."""
    return [_selector(text, limits) for text in asked.texts(MATCH)]


def _selector(text: str, limits: Limits) -> tuple[Matcher, ...]:
    try:
        found = parse(text, limits)
    except QueryError as error:
        raise invalid(MATCH, error.message) from error
    if not isinstance(found, syntax.Selector) or found.offset or found.at is not None:
        raise invalid(MATCH, f"1:1: parse error: {text!r} is no series selector")
    return found.matchers


def selectors(node: syntax.Node) -> Iterator[tuple[Matcher, ...]]:
    """The matchers of each selector in a query."""
    match node:
        case syntax.Selector():
            yield node.matchers
        case syntax.Range():
            yield node.selector.matchers
        case syntax.Subquery() | syntax.Negative():
            yield from selectors(node.expr)
        case syntax.Call():
            for one in node.args:
                yield from selectors(one)
        case syntax.Aggregate():
            yield from selectors(node.expr)
            if node.param is not None:
                yield from selectors(node.param)
        case syntax.Binary():
            yield from selectors(node.left)
            yield from selectors(node.right)
        case _:
            pass
