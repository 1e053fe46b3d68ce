"""A query's text becomes a tree. promql-parser, which follows Prometheus's grammar, parses it."""

import re
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from sidelight.embedded.promql.ast import (
    AggregateExpr,
    AtModifier,
    BinaryExpr,
    FunctionCall,
    Grouping,
    MatrixSelector,
    Node,
    NumberLiteral,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    ValueType,
    VectorMatching,
    VectorSelector,
)
from sidelight.embedded.promql.label_names import is_label_name
from sidelight.embedded.promql.lexer import (
    GUARD_LABEL,
    SanitizedQuery,
    position,
    sanitize,
)
from sidelight.embedded.promql.limits import QueryLimits, bad_data, parse_error, unsupported
from sidelight.embedded.promql.quoting import quote, replace_invalid_bytes
from sidelight.embedded.promql.storage import LabelMatcher, value_test

with warnings.catch_warnings(action="ignore"):  # promql-parser 0.12 warns on Python 3.15
    import promql_parser

DEFAULT_STEP: Final = 60_000
"""The step of a subquery without one: Prometheus's default evaluation interval."""

EMPTY_SELECTOR: Final = "parse error: vector selector must contain at least one non-empty matcher"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_VALUE_TYPES: Final[dict[str, ValueType]] = {
    "Vector": "vector",
    "Scalar": "scalar",
    "Matrix": "matrix",
    "String": "string",
}
_TYPES: Final = {"vector": "instant vector", "matrix": "range vector"}
_NAME: Final = "__name__"


@lru_cache(maxsize=512)
def parse(text: str, limits: QueryLimits) -> Node:
    """Parse a query. `QueryError` if it is invalid, or if it uses what is not supported here."""
    if not text.strip():
        raise parse_error("no expression found in input", "unknown position:")
    sanitized = sanitize(text, limits)
    try:
        return _TreeBuilder(text, sanitized).node(promql_parser.parse(sanitized.text))
    except (ValueError, OverflowError) as why:
        raise parse_error(_prometheus_message(str(why), sanitized)) from None
    except BaseException as why:
        if type(why).__name__ != "PanicException":  # raised by the parser's Rust runtime
            raise
        raise parse_error(str(why)) from None


def _prometheus_message(problem: str, sanitized: SanitizedQuery) -> str:
    """Translate a message of the parser to Prometheus's, with the strings put back."""

    def back(found: re.Match[str]) -> str:
        number = int(found[1])
        return (
            quote(sanitized.strings[number].content)
            if number < len(sanitized.strings)
            else found[0]
        )

    if "character" not in problem:
        problem = re.sub(r"'([0-9]{1,5})'", back, problem)
    problem = re.sub(r"(?<=type |.got )(vector|matrix)\b", lambda found: _TYPES[found[0]], problem)
    return re.sub(r"'([^']+)'", r'"\1"', problem)


class _TreeBuilder:
    """Builds the tree from the parser's nodes, with the strings put back."""

    def __init__(self, text: str, sanitized: SanitizedQuery) -> None:
        self.query = text
        self.strings = sanitized.strings
        self.arguments = sanitized.arguments
        self.calls = iter(sanitized.arguments.calls)
        self.start = sanitized.arguments.first
        """Where the expression begins that is built; inside a right side, where its left begins."""

    def node(self, raw: Any) -> Node:
        return self._BUILDERS[type(raw).__name__](self, raw)

    def _argument(self, raw: Any, start: int) -> Node:
        """Build an argument that begins there, without brackets around it."""
        while type(raw).__name__ == "ParenExpr":
            raw = raw.expr
        outer, self.start = self.start, start
        made = self.node(raw)
        self.start = outer
        return made

    def _paren(self, raw: Any) -> Node:
        return self._argument(raw.expr, self._start(raw.expr, self.start))

    def _number(self, raw: Any) -> Node:
        return NumberLiteral(raw.val)

    def _string(self, raw: Any) -> Node:
        return StringLiteral(self.strings[int(raw.val)].content)

    def _negative(self, raw: Any) -> Node:
        return UnaryExpr(self.node(raw.expr))

    def _selector(self, raw: Any) -> VectorSelector:
        if raw.matchers.or_matchers:
            raise unsupported('"or" between the matchers of a selector')
        matchers = self._matchers(raw)
        return VectorSelector(matchers, _milliseconds(raw.offset), _at(raw.at))

    def _matchers(self, raw: Any) -> tuple[LabelMatcher, ...]:
        found = [self._matcher(one) for one in raw.matchers.matchers if one.name != GUARD_LABEL]
        if raw.name is not None:
            found.insert(0, LabelMatcher(_NAME, "=", raw.name))
        if all([value_test(one)("") for one in found]):  # noqa: C419 # every pattern must be compiled, to be checked
            raise bad_data(EMPTY_SELECTOR)
        return tuple(found)

    def _matcher(self, raw: Any) -> LabelMatcher:
        sign = str(raw).removeprefix(raw.name)[:2].rstrip('"')
        return LabelMatcher(self._name(raw.name), sign, self._text(raw.value))  # type: ignore[arg-type] # one of the four

    def _range(self, raw: Any) -> Node:
        return MatrixSelector(self._selector(raw.vector_selector), _positive(raw.range))

    def _subquery(self, raw: Any) -> Node:
        step = DEFAULT_STEP if raw.step is None else _positive(raw.step)
        at, offset = _at(raw.at), _milliseconds(raw.offset)
        return SubqueryExpr(self.node(raw.expr), _positive(raw.range), step, offset, at)

    def _call(self, raw: Any) -> Node:
        name = raw.func.name
        if raw.func.experimental:
            raise parse_error(f"function {quote(name)} is not enabled")
        given = _VALUE_TYPES[_last_word(raw.func.return_type)]
        starts = self._starts(raw.args)
        return FunctionCall(name, tuple(map(self._argument, raw.args, starts)), given, starts)

    def _starts(self, args: Sequence[Any]) -> tuple[int, ...]:
        """Return where the arguments of the next call begin. Calls have the order of the text."""
        return tuple(map(self._start, args, next(self.calls)))

    def _start(self, raw: Any, separator: int) -> int:
        at = self.arguments.after(separator)
        while type(raw).__name__ == "ParenExpr":
            at, raw = self.arguments.after(at), raw.expr
        return at

    def _aggregate(self, raw: Any) -> Node:
        op = str(raw.op)
        if op in {"limitk", "limit_ratio"}:
            raise parse_error(
                f"{op}() is experimental and must be enabled with "
                "--enable-feature=promql-experimental-functions"
            )
        grouping = Grouping(by=True, labels=())
        if raw.modifier is not None:
            by = _last_word(raw.modifier.type) == "By"
            grouping = Grouping(by, tuple(map(self._grouping_label, raw.modifier.labels)))
        given = [raw.expr] if raw.param is None else [raw.param, raw.expr]
        starts = self._starts(given)
        *param, expr = map(self._argument, given, starts)
        return AggregateExpr(op, expr, param[0] if param else None, grouping, starts, self.start)

    def _binary(self, raw: Any) -> Node:
        return_bool = raw.modifier is not None and raw.modifier.return_bool
        left, right = self.node(raw.lhs), self.node(raw.rhs)
        matching = self._matching(raw.modifier)
        return BinaryExpr(str(raw.op), left, right, return_bool, matching, self.start)

    def _matching(self, raw: Any) -> VectorMatching:
        if raw is None:
            return VectorMatching()
        if raw.fill_values.lhs is not None or raw.fill_values.rhs is not None:
            raise unsupported("the modifier fill")
        card = _last_word(raw.card)
        many = {"ManyToOne": "left", "OneToMany": "right"}.get(card)
        include = tuple(map(self._grouping_label, raw.group_labels or ()))
        if raw.matching is None:
            return VectorMatching(many=many, include=include)  # type: ignore[arg-type] # of the dictionary above
        on = _last_word(raw.matching.type) == "Include"
        labels = tuple(map(self._grouping_label, raw.matching.labels))
        return VectorMatching(on, labels, many, include)  # type: ignore[arg-type] # as above

    def _name(self, name: str) -> str:
        """A name that was quoted is a number now; no other name can be one."""
        return self._text(name) if name.isdigit() else name

    def _grouping_label(self, name: str) -> str:
        if not name.isdigit():
            return name
        found = self.strings[int(name)]
        if not is_label_name(found.content):
            problem = f"invalid label name for grouping: {quote(found.content)}"
            raise parse_error(problem, position(self.query, found.at))
        return found.content

    def _text(self, number: str) -> str:
        return replace_invalid_bytes(self.strings[int(number)].content)

    _BUILDERS: Final[dict[str, Callable[["_TreeBuilder", Any], Node]]] = {
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
        raise parse_error("duration must be greater than 0")
    return length


def _at(raw: Any) -> AtModifier:
    if raw is None:
        return None
    which = _last_word(raw.type)
    if which == "At":
        return int((raw.at - _EPOCH) // _MILLISECOND)
    return "start" if which == "Start" else "end"
