"""From text to tree, by the parser that Prometheus's grammar is kept up in."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import promql_parser

from sidelight.embedded.promql import syntax
from sidelight.embedded.promql.errors import unparsed, unsupported
from sidelight.embedded.promql.lexing import EXTRA, Clean, clean
from sidelight.embedded.promql.limits import Limits
from sidelight.embedded.promql.matching import condition
from sidelight.embedded.promql.quoting import quoted
from sidelight.embedded.promql.source import Matcher

DEFAULT_STEP: Final = 60_000
"""Of a subquery that names none: Prometheus's default evaluation interval."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_KINDS: Final[dict[str, syntax.Kind]] = {
    "Vector": "vector",
    "Scalar": "scalar",
    "Matrix": "matrix",
    "String": "string",
}
_TYPES: Final = {"vector": "instant vector", "matrix": "range vector"}
_NAME: Final = "__name__"


@lru_cache(maxsize=512)
def parse(text: str, limits: Limits) -> syntax.Node:
    """The tree of a query. `QueryError` if it is none, or has what is not done here."""
    if not text.strip():
        raise unparsed("no expression found in input", "unknown position:")
    cleaned = clean(text, limits)
    try:
        return _Tree(cleaned).node(promql_parser.parse(cleaned.text))
    except (ValueError, OverflowError) as why:
        raise unparsed(_told(str(why), cleaned)) from None
    except BaseException as why:
        if type(why).__name__ != "PanicException":  # of the parser's own runtime: no Exception
            raise
        raise unparsed(str(why)) from None


def _told(problem: str, cleaned: Clean) -> str:
    """The parser's words as Prometheus has them, with quoted texts put back if it repeats them."""

    def back(found: re.Match[str]) -> str:
        number = int(found[1])
        return quoted(cleaned.quoted[number]) if number < len(cleaned.quoted) else found[0]

    if "character" not in problem:
        problem = re.sub(r"'([0-9]{1,5})'", back, problem)
    problem = re.sub(r"(?<=type |.got )(vector|matrix)\b", lambda found: _TYPES[found[0]], problem)
    return re.sub(r"'([^']+)'", r'"\1"', problem)


class _Tree:
    """The parser's nodes, made ours, with the quoted texts put back."""

    def __init__(self, cleaned: Clean) -> None:
        self.quoted = cleaned.quoted

    def node(self, raw: Any) -> syntax.Node:
        return self._MAKERS[type(raw).__name__](self, raw)

    def _paren(self, raw: Any) -> syntax.Node:
        return self.node(raw.expr)

    def _number(self, raw: Any) -> syntax.Node:
        return syntax.Number(raw.val)

    def _string(self, raw: Any) -> syntax.Node:
        return syntax.Text(self._text(raw.val))

    def _negative(self, raw: Any) -> syntax.Node:
        return syntax.Negative(self.node(raw.expr))

    def _selector(self, raw: Any) -> syntax.Selector:
        if raw.matchers.or_matchers:
            raise unsupported('"or" between the matchers of a selector')
        matchers = self._matchers(raw)
        return syntax.Selector(matchers, _milliseconds(raw.offset), _at(raw.at))

    def _matchers(self, raw: Any) -> tuple[Matcher, ...]:
        found = [self._matcher(one) for one in raw.matchers.matchers if one.name != EXTRA]
        if raw.name is not None:
            found.insert(0, Matcher(_NAME, "=", raw.name))
        if all([condition(one)("") for one in found]):  # noqa: C419 # all of them must be patterns
            raise unparsed("vector selector must contain at least one non-empty matcher")
        return tuple(found)

    def _matcher(self, raw: Any) -> Matcher:
        sign = str(raw).removeprefix(raw.name)[:2].rstrip('"')
        return Matcher(self._label(raw.name), sign, self._text(raw.value))  # type: ignore[arg-type] # one of the four

    def _range(self, raw: Any) -> syntax.Node:
        return syntax.Range(self._selector(raw.vector_selector), _positive(raw.range))

    def _subquery(self, raw: Any) -> syntax.Node:
        step = DEFAULT_STEP if raw.step is None else _positive(raw.step)
        at, offset = _at(raw.at), _milliseconds(raw.offset)
        return syntax.Subquery(self.node(raw.expr), _positive(raw.range), step, offset, at)

    def _call(self, raw: Any) -> syntax.Node:
        name = raw.func.name
        if raw.func.experimental:
            raise unparsed(f"function {quoted(name)} is not enabled")
        given = _KINDS[_last_word(raw.func.return_type)]
        return syntax.Call(name, tuple(map(self.node, raw.args)), given)

    def _aggregate(self, raw: Any) -> syntax.Node:
        op = str(raw.op)
        if op in {"limitk", "limit_ratio"}:
            raise unparsed(
                f"{op}() is experimental and must be enabled with "
                "--enable-feature=promql-experimental-functions"
            )
        grouping = syntax.Grouping(by=True, labels=())
        if raw.modifier is not None:
            by = _last_word(raw.modifier.type) == "By"
            grouping = syntax.Grouping(by, tuple(map(self._label, raw.modifier.labels)))
        param = None if raw.param is None else self.node(raw.param)
        return syntax.Aggregate(op, self.node(raw.expr), param, grouping)

    def _binary(self, raw: Any) -> syntax.Node:
        truth = raw.modifier is not None and raw.modifier.return_bool
        sides = self.node(raw.lhs), self.node(raw.rhs)
        return syntax.Binary(str(raw.op), *sides, truth, self._matching(raw.modifier))

    def _matching(self, raw: Any) -> syntax.Matching:
        if raw is None:
            return syntax.Matching()
        if raw.fill_values.lhs is not None or raw.fill_values.rhs is not None:
            raise unsupported('the modifier "fill"')
        card = _last_word(raw.card)
        many = {"ManyToOne": "left", "OneToMany": "right"}.get(card)
        include = tuple(map(self._label, raw.group_labels or ()))
        if raw.matching is None:
            return syntax.Matching(many=many, include=include)  # type: ignore[arg-type] # of the dictionary above
        on = _last_word(raw.matching.type) == "Include"
        labels = tuple(map(self._label, raw.matching.labels))
        return syntax.Matching(on, labels, many, include)  # type: ignore[arg-type] # as above

    def _label(self, name: str) -> str:
        """A name that was in quotes is a number now, which no other can be."""
        return self._text(name) if name.isdigit() else name

    def _text(self, number: str) -> str:
        return self.quoted[int(number)]

    _MAKERS: Final[dict[str, Callable[["_Tree", Any], syntax.Node]]] = {
        "ParenExpr": _paren,
        "NumberLiteral": _number,
        "StringLiteral": _string,
        "UnaryExpr": _negative,
        "VectorSelector": _selector,
        "MatrixSelector": _range,
        "SubqueryExpr": _subquery,
        "Call": _call,
        "AggregateExpr": _aggregate,
        "BinaryExpr": _binary,
    }


def _last_word(of: object) -> str:
    return str(of).rsplit(".", maxsplit=1)[-1]


def _milliseconds(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // _MILLISECOND


def _positive(duration: timedelta) -> int:
    length = _milliseconds(duration)
    if length <= 0:
        raise unparsed("duration must be greater than 0")
    return length


def _at(raw: Any) -> syntax.At:
    if raw is None:
        return None
    which = _last_word(raw.type)
    if which == "At":
        return int((raw.at - _EPOCH) // _MILLISECOND)
    return "start" if which == "Start" else "end"
