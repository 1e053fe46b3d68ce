"""Infos and warnings about an answer, and where in the query they point."""

from collections.abc import Iterator

import pytest

from sidelight.contract import METRICS
from sidelight.embedded.promql.annotations import Annotations, is_named_as_counter, limited
from sidelight.embedded.promql.ast import (
    AggregateExpr,
    FunctionCall,
    Node,
    children,
    selected_matchers,
)
from sidelight.embedded.promql.engine import instant_query, range_query
from sidelight.embedded.promql.formatting import format_general
from sidelight.embedded.promql.limits import QueryLimits
from sidelight.embedded.promql.parser import parse
from sidelight.embedded.promql.range_annotations import COUNTER_RATES
from tests.embedded.promql.series_notation import WrittenSeries
from tests.embedded.promql.shipped_queries import shipped_queries

NOT_A_COUNTER = (
    "PromQL info: metric might not be a counter, name does not end in "
    '_total/_sum/_count/_bucket: "x"'
)
QUANTILE = "PromQL warning: quantile value should be between 0 and 1, got"
BOUND = 'PromQL warning: bucket label "le" is missing or has a malformed value of'
MONOTONIC = (
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) "
    "for metric name"
)
SERIES = """
x 0 1 2 3
y_total 0 1 2 3
b{le="1"} 5 5 5 5
b{le="2"} 4 5 4 5
b{le="+Inf"} 6 6 6 6
"""


def infos_and_warnings(text: str) -> list[str]:
    """Return the annotations of an instant query at the third sample."""
    found = Annotations()
    instant_query(text, WrittenSeries(SERIES), 20_000, annotations=found)
    return [*found.infos(text), *found.warnings(text)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("rate(x[1m])", [f"{NOT_A_COUNTER} (1:6)"]),
        ("increase( ((x[1m])) )", [f"{NOT_A_COUNTER} (1:13)"]),
        ("rate(x[1m:10s])", [f"{NOT_A_COUNTER} (1:1)"]),
        ("rate(x[1m]) +\n rate(x[1m])", [f"{NOT_A_COUNTER} (2:7)"]),
        ('label_replace(rate(x[1m]), "é", "(,", "a", "")', [f"{NOT_A_COUNTER} (1:20)"]),
        ('absent(y{a="é"}) + rate(x[1m])', [f"{NOT_A_COUNTER} (1:26)"]),
        ("rate(y_total[1m])", []),
        ("rate(x[1ms])", []),
        ("irate(x[1m])", []),
        ("rate(none[1m])", []),
        ("quantile(1.5, x)", [f"{QUANTILE} 1.5 (1:10)"]),
        ("quantile by (a) (NaN, x)", [f"{QUANTILE} NaN (1:18)"]),
        ("quantile(1, x)", []),
        ("quantile_over_time(-1e6, x[1m])", [f"{QUANTILE} -1e+06 (1:20)"]),
        ("quantile_over_time(2, none[1m])", []),
        ("histogram_quantile(2, none)", [f"{QUANTILE} 2 (1:20)"]),
        ("histogram_quantile(0.5, x)", [f'{BOUND} "" for metric name "x" (1:25)']),
        ("histogram_quantile(0.5, (b))", [f'{MONOTONIC} "b" (1:26)']),
        ("histogram_quantile(NaN, b)", [f"{QUANTILE} NaN (1:20)"]),
        ('histogram_quantile(0.5, b{le!="+Inf"})', []),
    ],
)
def test_annotations(query: str, expected: list[str]) -> None:
    """What is doubtful about a query is said, with the line and column of the argument."""
    assert infos_and_warnings(query) == expected


def test_a_name_is_known_at_the_first_step_only() -> None:
    """As in Prometheus, later steps of a range query do not name the histogram."""
    text, found = "histogram_quantile(0.5, b)", Annotations()
    range_query(text, WrittenSeries(SERIES), 0, 30_000, 10_000, annotations=found)
    assert found.infos(text) == [f'{MONOTONIC} "b" (1:25)', f'{MONOTONIC} "" (1:25)']


def test_ten_annotations_are_listed() -> None:
    """Of more than ten, the others are counted."""
    texts = [str(number) for number in range(12)]
    assert limited(texts, "info") == [*texts[:10], "2 more info annotations omitted"]
    assert limited(texts[:10], "info") == texts[:10]


@pytest.mark.parametrize(
    ("number", "text"),
    [(999_999.0, "999999"), (1e6, "1e+06"), (-1e-4, "-0.0001"), (1e-5, "1e-05"), (0.0, "0")],
)
def test_numbers_are_written_as_by_go(number: float, text: str) -> None:
    """Large and small numbers have an exponent."""
    assert format_general(number) == text


@pytest.mark.parametrize(
    ("query", "begin"),
    [
        (
            'sum by (a) (rate(x{b="(,"}[5m])) / on (a) group_left (b) (topk(1, x))',
            ["rate", "x{", "1, x", "x))"],
        ),
        ("SUM(clamp(x, 1, ( (2)))) by (a) >bool (abs(-x))", ["clamp", "x,", "1,", "2)", "-x"]),
        ("rate((x)[5m:1m] @ end()) unless(time() - (vector((1))))", ["(x)[", "1)"]),
        ("count_values # (a, b)\n without (a, b) (\n'a', x)", ["'a'", "x)"]),
    ],
)
def test_arguments_have_their_positions(query: str, begin: list[str]) -> None:
    """Each argument of each call has the offset of its text, without brackets around it."""
    found = list(_starts(parse(query, QueryLimits())))
    assert [query[at:].startswith(text) for at, text in zip(found, begin, strict=True)] == [
        True
    ] * len(begin)


def _starts(node: Node) -> Iterator[int]:
    if isinstance(node, FunctionCall | AggregateExpr):
        yield from node.starts
    for inner in children(node):
        yield from _starts(inner)


def test_no_shipped_query_takes_a_gauge_for_a_counter() -> None:
    """Dashboards and rules compute rates only of metrics that are named as counters.

    A native histogram has the name of its family.
    """
    found = {name for one in shipped_queries() for name in _rates(parse(one.text, QueryLimits()))}
    assert "http_server_request_duration_seconds_count" in found
    others = {name for name in found if not is_named_as_counter(name)}
    assert {METRICS[name].kind for name in others} == {"histogram"}


def _rates(node: Node) -> Iterator[str]:
    if isinstance(node, FunctionCall) and node.name in COUNTER_RATES:
        (matchers,) = selected_matchers(node)
        yield next((one.value for one in matchers if one.name == "__name__"), "")
    for inner in children(node):
        yield from _rates(inner)
