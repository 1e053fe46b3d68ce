"""Hypothesis strategies of queries over `sample_data`.

Each strategy makes the text of one type of expression. Most queries have an answer, since series
that are matched have labels in common.
"""

import re
from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from tests.embedded.promql import vocabulary

Text = st.SearchStrategy[str]
TOKEN: Final = re.compile(r'"[^"]*"|\w+|\s+|[^\w\s]')


def _of(texts: Sequence[str]) -> Text:
    return st.sampled_from(texts)


def _joined(*parts: Text | str) -> Text:
    made = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*made).map("".join)


def _maybe(text: Text) -> Text:
    return st.one_of(st.just(""), text)


def _listed(texts: Sequence[str], most: int) -> Text:
    return st.lists(_of(texts), max_size=most, unique=True).map(", ".join)


def modifiers() -> Text:
    """Mostly none; offset and @, in both orders."""
    offset = _joined(" offset ", _of(vocabulary.OFFSETS))
    at = _joined(" @ ", _of(vocabulary.TIMES))
    return st.one_of(*[st.just("")] * 6, offset, at, _joined(offset, at), _joined(at, offset))


def selectors(names: Sequence[str]) -> Text:
    """An instant vector."""
    matchers = _joined("{", _listed(vocabulary.MATCHERS, 2), "}")
    named = _joined(_of(names), _maybe(matchers))
    by_label = _of(
        ('{__name__="up"}', '{__name__=~"(up|capacity)"}', '{__name__=~"err.*",job="a"}')
    )
    return _joined(st.one_of(*[named] * 15, by_label), modifiers())


def ranges(names: Sequence[str], depth: int) -> Text:
    """A range vector: of samples, or of a subquery."""
    matchers = _joined("{", _listed(vocabulary.MATCHERS, 1), "}")
    plain = _joined(_of(names), _maybe(matchers), "[", _of(vocabulary.WINDOWS), "]", modifiers())
    if not depth:
        return plain
    inner = _joined("(", vectors(depth - 1), ")[", _of(vocabulary.SUBQUERIES), "]", modifiers())
    return st.one_of(plain, plain, inner)


def windows(depth: int) -> Text:
    """A function of a range."""
    counters, gauges = ranges(vocabulary.COUNTERS, depth), ranges(vocabulary.GAUGES, depth)
    counted = _joined(_of(vocabulary.RATES), "(", counters, ")")
    names = (*vocabulary.GAUGES, *vocabulary.FEW)
    over = _joined(_of(vocabulary.OVER_TIME), "(", ranges(names, depth), ")")
    gauged = _joined(_of(("deriv", "delta", "idelta")), "(", gauges, ")")
    stepped = _joined(_of(("changes(", "resets(")), ranges(names, 0), ")")
    quantile = _joined("quantile_over_time(", _of(vocabulary.PARTS), ", ", gauges, ")")
    line = _joined("predict_linear(", ranges(vocabulary.GAUGES, 0), ", ", _of(("60", "-30.5")), ")")
    return st.one_of(counted, counted, over, gauged, stepped, quantile, line)


def exact() -> Text:
    """What is the same to the last digit in whatever order it is made."""
    selector = selectors((*vocabulary.COUNTERS, *vocabulary.GAUGES, *vocabulary.FEW))
    fold = _joined(_of(("sum", "min", "max", "count")), grouping(), "(", selector, ")")
    return st.one_of(selector, selector, fold)


def grouping() -> Text:
    """Labels to sum by, or without; also none."""
    several = _joined("(", _listed(vocabulary.LABELS, 3), ") ")
    return st.one_of(st.just(" "), _joined(_of((" by ", " without ")), several))


def folds(depth: int) -> Text:
    """An aggregation."""
    inner = vectors(depth - 1)
    plain = _joined(_of(vocabulary.FOLDS), grouping(), "(", inner, ")")
    quantile = _joined("quantile", grouping(), "(", _of(vocabulary.PARTS), ", ", inner, ")")
    values = _joined('count_values("value", ', selectors(vocabulary.FEW), ")")
    return st.one_of(*[plain] * 6, quantile, values, choices(depth))


def choices(depth: int) -> Text:
    """The highest or the lowest few."""
    number = _of(("1", "2", "3", "0"))
    return _joined(_of(("topk", "bottomk")), grouping(), "(", number, ", ", vectors(depth - 1), ")")


def scalars(depth: int) -> Text:
    """A number."""
    leaf = st.one_of(_of(vocabulary.NUMBERS), _of(vocabulary.NUMBERS), _of(("time()", "pi()")))
    if not depth:
        return leaf
    made = _joined("scalar(", vectors(depth - 1), ")")
    both = _joined("(", scalars(0), " ", _of(vocabulary.ARITHMETIC), " ", scalars(0), ")")
    tested = _joined("(", scalars(0), " ", _of(vocabulary.COMPARISONS), " bool ", scalars(0), ")")
    return st.one_of(leaf, leaf, made, both, tested)


def operators(depth: int) -> Text:
    """Two operands: with a number, of the same labels, one of many, sets."""
    inner, number = vectors(depth - 1), scalars(depth - 1)
    comparison = _joined(_of(vocabulary.COMPARISONS), _maybe(st.just(" bool")))
    any_of = _joined(" ", st.one_of(_of(vocabulary.ARITHMETIC), comparison), " ")
    sets = _joined(_of((" and ", " or ", " unless ")), matching())
    one_and_other = st.sampled_from((*vocabulary.RELATED, *vocabulary.MANY))
    return st.one_of(
        _joined("(", inner, ")", any_of, number),
        _joined(number, any_of, "(", inner, ")"),
        _joined("(", inner, ")", sets, "(", inner, ")"),
        _joined("(", inner, ")", any_of, matching(), "(", inner, ")"),
        _joined("(", exact(), ") % ", scalars(0)),
        *[st.builds(lambda sides, sign: sign.join(sides), one_and_other, any_of)] * 3,
    )


def matching() -> Text:
    """Labels to match on, or to ignore."""
    return _maybe(_joined(_of(("on (", "ignoring (")), _listed(vocabulary.LABELS, 3), ") "))


def functions(depth: int) -> Text:
    """A function of instant vectors."""
    inner, plain = vectors(depth - 1), st.one_of(_of(vocabulary.PLAIN), _of(vocabulary.COMMON))
    bounds = _joined(", ", scalars(0), ", ", scalars(0), ")")
    bound = _of(("clamp_min(", "clamp_max("))
    quantile = _joined(
        "histogram_quantile(", _of(vocabulary.PARTS), ", ", _of(vocabulary.HISTOGRAMS), ")"
    )
    return st.one_of(
        _joined(plain, "(", inner, ")"),
        _joined(plain, "(", inner, ")"),
        _joined("clamp(", inner, bounds),
        _joined(bound, inner, ", ", scalars(0), ")"),
        _joined(_of(vocabulary.STEPPED), "(", exact(), ")"),
        _joined("round(", exact(), ", ", scalars(0), ")"),
        relabelled(inner),
        quantile,
        quantile,
        _joined("-(", inner, ")"),
        _joined("vector(", scalars(depth - 1), ")"),
    )


def relabelled(inner: Text) -> Text:
    """label_replace and label_join."""
    to = _of(("job", "made", "zone", "__name__", "instance"))
    of = _of(("job", "code", "nonesuch", "instance", "__name__"))
    value, pattern = _of(vocabulary.REPLACEMENTS), _of(vocabulary.PATTERNS)
    replaced = _joined('", "', value, '", "', of, '", "', pattern, '")')
    joined = _joined('", "-", ', _of(('"job", "instance"', '"zone"', '"none"')), ")")
    return st.one_of(
        _joined("label_replace(", inner, ', "', to, replaced),
        _joined("label_join(", inner, ', "', to, joined),
    )


def vectors(depth: int) -> Text:
    """An instant vector."""
    names = (*vocabulary.COUNTERS, *vocabulary.GAUGES)
    leaf = st.one_of(selectors(names), selectors(vocabulary.FEW), windows(0))
    if not depth:
        return leaf
    return st.deferred(
        lambda: st.one_of(
            leaf,
            *[windows(depth - 1)] * 2,
            *[folds(depth)] * 2,
            *[operators(depth)] * 3,
            functions(depth),
        )
    )


def queries() -> Text:
    """What may be asked: mostly a vector, sometimes a number, a range or the best few."""
    names = (*vocabulary.COUNTERS, *vocabulary.GAUGES, *vocabulary.FEW)
    odd = st.one_of(scalars(1), ranges(names, 1), choices(2), st.just('"text"'))
    return st.one_of(*[vectors(2)] * 12, odd)


def mistyped() -> Text:
    """A query with a token lost, doubled, or another in its place: mostly none any more."""
    return st.builds(_mistype, vectors(1), st.integers(0, 200), _of(("", *vocabulary.TYPOS)))


def _mistype(query: str, at: int, typed: str) -> str:
    tokens = TOKEN.findall(query)
    at %= len(tokens)
    return "".join([*tokens[:at], typed, *tokens[at + at % 2 :]])
