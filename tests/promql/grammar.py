"""Queries as a person might type them over `worlds`, and stranger ones: made by hypothesis.

Each strategy makes text of one type of PromQL. Most queries answer something: series that are
matched have labels in common, and ``topk`` chooses among values that differ, except outermost.
"""

import re
from typing import Final

from hypothesis import strategies as st

Text = st.SearchStrategy[str]

COUNTERS: Final = ("requests_total", "errors_total", "latency_seconds_count", "fast_total")
GAUGES: Final = ("temperature", "members", "owners", "sparse", "requests_total", "latency_seconds_sum")
FEW: Final = ("up", "build_info", "capacity", "steady", "once", "twice", "zero_total", "huge", "shape_bucket")
LABELS: Final = ("job", "instance", "route", "code", "zone", "group", "le", "nonesuch")
RATES: Final = ("rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets")
OVER_TIME: Final = (
    "avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time",
    "stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time", "absent_over_time",
)  # fmt: skip
PLAIN: Final = (
    "abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "round", "timestamp",
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "deg", "rad", "minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month",
    "month", "year", "absent", "sort", "sort_desc",
)  # fmt: skip
COMMON: Final = ("abs", "ceil", "floor", "round", "sgn", "sqrt", "timestamp", "sort", "absent")
FOLDS: Final = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
ARITHMETIC: Final = ("+", "-", "*", "/", "%", "^", "atan2")
COMPARISONS: Final = ("==", "!=", ">", "<", ">=", "<=")
PARTS: Final = ("0", "0.5", "0.9", "0.99", "1", "-1", "2", "NaN")
NUMBERS: Final = ("0", "1", "2", "-1", "0.5", "3.25", "100", "1e3", "Inf", "-Inf", "NaN", "0x1f")
MATCHERS: Final = (
    'job="a"', 'job!="a"', 'job=~"a|b"', 'job!~"b.*"', 'instance="1"', 'code=~"5.."', 'code!="200"',
    'route="/x"', 'route=""', 'route!=""', 'zone=~".*t"', 'zone=~".+"', 'nonesuch=""', 'job="none"',
    'group=~"[xy]"', 'zone!~"north|"', 'le!="+Inf"', 'le="1"', 'instance=~"(?i:1)"',
)  # fmt: skip


def _of(*texts: str) -> Text:
    return st.sampled_from(texts)


def _joined(*parts: Text | str) -> Text:
    made = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*made).map("".join)


def modifiers() -> Text:
    """Mostly none; offset and @, in both orders."""
    offset = _joined(" offset ", _of("1m", "30s", "7m", "-1m", "1h"))
    at = _joined(" @ ", _of("1700000940", "1700000900.5", "start()", "end()", "1699999000"))
    return st.one_of(*[st.just("")] * 6, offset, at, _joined(offset, at), _joined(at, offset))


def selectors(*names: str) -> Text:
    """An instant vector selector."""
    matchers = st.lists(_of(*MATCHERS), max_size=2).map(lambda found: f"{{{','.join(found)}}}")
    named = _joined(_of(*names), st.one_of(st.just(""), st.just(""), matchers))
    by_label = _of('{__name__="up"}', '{__name__=~"(up|capacity)"}', '{__name__=~"errors.*",job="a"}')
    return _joined(st.one_of(*[named] * 15, by_label), modifiers())


def ranges(names: tuple[str, ...], depth: int) -> Text:
    """A range vector: of samples, or of a subquery."""
    window = _of("1m", "5m", "37s", "15s", "10m", "1h", "20s", "1m30s")
    matchers = st.lists(_of(*MATCHERS), max_size=1).map(lambda found: f"{{{','.join(found)}}}")
    plain = _joined(_of(*names), matchers, "[", window, "]", modifiers())
    if not depth:
        return plain
    size = _of("5m:1m", "10m:30s", "3m:", "2m:15s", "10m:1m30s", "1m:7s")
    inner = _joined("(", vectors(depth - 1), ")[", size, "]", modifiers())
    return st.one_of(plain, plain, inner)


def windows(depth: int) -> Text:
    """A function of a range."""
    counted = _joined(_of(*RATES), "(", ranges(COUNTERS, depth), ")")
    over = _joined(_of(*OVER_TIME), "(", ranges((*GAUGES, *FEW), depth), ")")
    gauged = _joined(_of("deriv", "delta", "changes", "idelta"), "(", ranges(GAUGES, depth), ")")
    quantile = _joined("quantile_over_time(", _of(*PARTS), ", ", ranges(GAUGES, depth), ")")
    line = _joined("predict_linear(", ranges(GAUGES, 0), ", ", _of("60", "-30", "3600.5"), ")")
    return st.one_of(counted, counted, over, gauged, quantile, line)


def grouping() -> Text:
    """by and without, also with nothing."""
    several = st.lists(_of(*LABELS), max_size=3, unique=True).map(", ".join)
    return st.one_of(st.just(" "), _joined(_of(" by (", " without ("), several, ") "))


def folds(depth: int) -> Text:
    """An aggregation."""
    inner = vectors(depth - 1)
    plain = _joined(_of(*FOLDS), grouping(), "(", inner, ")")
    quantile = _joined("quantile", grouping(), "(", _of(*PARTS), ", ", inner, ")")
    values = _joined('count_values("value", ', selectors(*FEW), ")")
    return st.one_of(*[plain] * 6, quantile, values, choices(selectors("members", "requests_total")))


def choices(among: Text) -> Text:
    """The highest or the lowest few."""
    return _joined(_of("topk", "bottomk"), grouping(), "(", _of("1", "2", "3", "0"), ", ", among, ")")


def scalars(depth: int) -> Text:
    """A number."""
    leaf = st.one_of(_of(*NUMBERS), _of(*NUMBERS), _of("time()", "pi()"))
    if not depth:
        return leaf
    made = _joined("scalar(", vectors(depth - 1), ")")
    both = _joined("(", scalars(0), " ", _of(*ARITHMETIC), " ", scalars(0), ")")
    tested = _joined("(", scalars(0), " ", _of(*COMPARISONS), " bool ", scalars(0), ")")
    return st.one_of(leaf, leaf, made, both, tested)


def operators(depth: int) -> Text:
    """Two operands: with a number, of the same labels, one of many, sets."""
    inner, number = vectors(depth - 1), scalars(depth - 1)
    arithmetic, comparison = _of(*ARITHMETIC), _joined(_of(*COMPARISONS), _of("", " bool"))
    any_of = st.one_of(arithmetic, comparison)
    right = _joined("(", inner, ") ", any_of, " ", number)
    left = _joined(number, " ", any_of, " (", inner, ")")
    sets = _joined("(", inner, ") ", _of("and", "or", "unless"), " ", _matching(), "(", inner, ")")
    free = _joined("(", inner, ") ", any_of, " ", _matching(), "(", inner, ")")
    return st.one_of(right, left, sets, free, _related(any_of), _many(any_of))


def _matching() -> Text:
    several = st.lists(_of(*LABELS), max_size=3, unique=True).map(", ".join)
    return st.one_of(st.just(""), _joined(_of("on (", "ignoring ("), several, ") "))


def _related(operator: Text) -> Text:
    """Sides that have series of the same labels."""
    pairs = (
        ("errors_total", "requests_total"),
        ("rate(errors_total[5m])", "rate(requests_total[5m])"),
        ("sum by (job, instance) (rate(requests_total[2m]))", "capacity"),
        ("latency_seconds_sum", "latency_seconds_count"),
        ("rate(latency_seconds_sum[5m])", "rate(latency_seconds_count[5m])"),
        ("members", "members offset 2m"),
        ('requests_total{code="200"}', 'on (job, instance, route) requests_total{code="404"}'),
        ('requests_total{code="500"}', 'ignoring (code) requests_total{code="404"}'),
    )
    return st.one_of(*(_joined(one, " ", operator, " ", other) for one, other in pairs))


def _many(operator: Text) -> Text:
    """One side has several series for one of the other; sometimes for none, or too many."""
    return st.one_of(
        _joined("members ", operator, " on (group) group_left ", _of("", "(owner)", "()"), " owners"),
        _joined("owners ", operator, " on (group) group_right ", _of("", "(owner)"), " members"),
        _joined("requests_total ", operator, " on (job, instance) group_left ", _of("(version)", ""),
                " build_info"),
        _joined("requests_total ", operator, " ignoring (route, code) group_left () up"),
        _joined("rate(requests_total[5m]) ", operator, " on (job) group_left () sum by (job) "
                "(rate(requests_total[5m]))"),
        _joined("up ", operator, " on (job) up"),
    )  # fmt: skip


def functions(depth: int) -> Text:
    """A function of instant vectors."""
    inner = vectors(depth - 1)
    plain = _joined(st.one_of(_of(*PLAIN), _of(*COMMON)), "(", inner, ")")
    clamp = st.one_of(
        _joined("clamp(", inner, ", ", scalars(0), ", ", scalars(0), ")"),
        _joined(_of("clamp_min", "clamp_max", "round"), "(", inner, ", ", scalars(0), ")"),
    )
    return st.one_of(plain, plain, clamp, _relabelled(inner), quantiles(), _joined("-(", inner, ")"),
                     _joined("vector(", scalars(depth - 1), ")"))  # fmt: skip


def _relabelled(inner: Text) -> Text:
    to = _of("job", "made", "zone", "__name__", "instance")
    replace = _joined(
        "label_replace(", inner, ', "', to, '", "', _of("$1", "x-$1", "${1}y", "", "é", "$2", "$$", "${name}"),
        '", "', _of("job", "code", "nonesuch", "instance", "__name__"), '", "',
        _of("(.*)", "(.+)", "([45])..", "a", "", "(?P<name>.)(.*)"), '")',
    )  # fmt: skip
    join = _joined("label_join(", inner, ', "', to, '", "-", ', _of('"job", "instance"', '"zone"', '"none"'), ")")
    return st.one_of(replace, join)


def quantiles() -> Text:
    """Of histograms that are as they should be, and of others."""
    of = st.one_of(
        _of("latency_seconds_bucket", "shape_bucket"),
        _joined(_of("sum by (le) (", "sum by (job, le) (", "max without (instance) ("),
                "rate(latency_seconds_bucket[", _of("1m", "5m"), "]))"),
        _joined(_of("rate", "increase"), "(", _of("shape_bucket", "latency_seconds_bucket"), "[5m])"),
    )  # fmt: skip
    return _joined("histogram_quantile(", _of(*PARTS), ", ", of, ")")


def vectors(depth: int) -> Text:
    """An instant vector."""
    leaf = st.one_of(selectors(*COUNTERS, *GAUGES), selectors(*FEW), windows(0))
    if not depth:
        return leaf
    return st.deferred(
        lambda: st.one_of(leaf, windows(depth - 1), windows(depth - 1), folds(depth), folds(depth),
                          operators(depth), operators(depth), functions(depth))
    )  # fmt: skip


def queries() -> Text:
    """What may be asked: mostly a vector, sometimes a number, a range or the best few."""
    several = vectors(2)
    odd = st.one_of(scalars(1), ranges((*COUNTERS, *GAUGES, *FEW), 1), choices(vectors(1)), _of('"text"'))
    return st.one_of(*[several] * 12, odd)


TYPOS: Final = ("(", ")", "[", "]", "{", "}", ",", '"', "by", "on", "bool", "5m", "1", "-", "=", "==",
                "and", "offset", "@", "$", ":", " ", "sum", "rate(", "é", "#", "\\", "!~", "group_left")  # fmt: skip
TOKEN: Final = re.compile(r'"[^"]*"|\w+|\s+|[^\w\s]')


def mistyped() -> Text:
    """A query with a token lost, doubled, or another in its place: mostly none any more."""
    return st.builds(_mistype, vectors(1), st.integers(0, 200), st.sampled_from(("", *TYPOS)))


def _mistype(query: str, at: int, typed: str) -> str:
    tokens = TOKEN.findall(query)
    at %= len(tokens)
    return "".join([*tokens[:at], typed, *tokens[at + at % 2 :]])
