"""Aggregation operators."""

import math

import pytest

from sidelight.embedded.promql.limits import QueryError
from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged

SHOP = """
x{route="/a",code="200",job="j"} 4
x{route="/a",code="500",job="j"} 1
x{route="/b",code="200",job="j"} 7
x{route="/b",code="500",job="k"} 2
"""


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("sum(x)", {"": 14.0}),
        ("sum by (route) (x)", {'{route="/a"}': 5.0, '{route="/b"}': 9.0}),
        (
            "sum without (code, job) (x)",
            {'{route="/a"}': 5.0, '{route="/b"}': 9.0},
        ),
        ("avg by (none) (x)", {"": 3.5}),
        ("min by (job) (x)", {'{job="j"}': 1.0, '{job="k"}': 2.0}),
        ("max(x) by (code)", {'{code="200"}': 7.0, '{code="500"}': 2.0}),
        ("count(x > 1)", {"": 3.0}),
        ("group by (job) (x)", {'{job="j"}': 1.0, '{job="k"}': 1.0}),
        ("stdvar(x)", {"": 5.25}),
        ("stddev(x)", {"": math.sqrt(5.25)}),
        ("quantile(0.5, x)", {"": 3.0}),
        ("quantile by (route) (1, x)", {'{route="/a"}': 4.0, '{route="/b"}': 7.0}),
        ("sum by (__name__) (x)", {"x": 14.0}),
        ("sum(none)", {}),
        ('count_values("n", x > 3)', {'{n="4"}': 1.0, '{n="7"}': 1.0}),
        ('count_values by (job) ("n", x * 0)', {'{job="j",n="0"}': 3.0, '{job="k",n="0"}': 1.0}),
        ('count_values("n", x / 0)', {'{n="+Inf"}': 4.0}),
        ('count_values("n", -x * 0)', {'{n="-0"}': 4.0}),
    ],
)
def test_aggregations(query: str, answer: dict[str, float]) -> None:
    """Each group has the labels that it is grouped by, without empty ones."""
    assert instant(query, WrittenSeries(SHOP)) == pytest.approx(answer)


def test_topk_sorts_at_one_time() -> None:
    """At one time topk and bottomk return the best first, with all labels."""
    best = instant("topk(2, x)", WrittenSeries(SHOP))
    assert list(best.values()) == [7.0, 4.0]
    assert list(instant("bottomk(3, x)", WrittenSeries(SHOP)).values()) == [1.0, 2.0, 4.0]
    assert next(iter(best)) == 'x{code="200",job="j",route="/b"}'


def test_topk_of_each_group_at_each_step() -> None:
    """The best series may change from step to step; of equal values the earlier series is taken."""
    source = WrittenSeries('x{a="1"} 1 5 3\nx{a="2"} 2 4 3\nx{a="3"} NaN _ 3\n')
    assert ranged("topk(1, x)", source, 0, 20, 10) == {
        'x{a="1"}': {10.0: 5.0, 20.0: 3.0},
        'x{a="2"}': {0.0: 2.0},
    }
    assert len(instant("topk by (a) (1, x)", source, 20)) == 3


def test_topk_puts_nan_last() -> None:
    """NaN comes last both in topk and in bottomk."""
    source = WrittenSeries('x{a="1"} NaN\nx{a="2"} 2\nx{a="3"} 1\n')
    assert list(instant("topk(2, x)", source)) == ['x{a="2"}', 'x{a="3"}']
    assert list(instant("bottomk(2, x)", source)) == ['x{a="3"}', 'x{a="2"}']
    assert len(instant("topk(3, x)", source)) == 3


@pytest.mark.parametrize(("k", "size"), [("0", 0), ("-1", 0), ("1.9", 1), ("100", 4)])
def test_topk_truncates_k(k: str, size: int) -> None:
    """A fraction of k is dropped, and a k above the number of series takes all."""
    assert len(instant(f"topk({k}, x)", WrittenSeries(SHOP))) == size


def test_topk_refuses_nan_and_infinity() -> None:
    """A k that does not fit into an int64 is an error with Prometheus's message."""
    with pytest.raises(QueryError, match=r"^Scalar value NaN overflows int64$"):
        instant("topk(NaN, x)", WrittenSeries(SHOP))


def test_nan_in_a_group() -> None:
    """NaN makes a sum NaN, is counted, and is the minimum or maximum only if alone."""
    source = WrittenSeries('x{a="1"} NaN\nx{a="2"} 2')
    assert math.isnan(instant("sum(x)", source)[""])
    assert instant("count(x)", source) == {"": 2.0}
    assert instant("max(x)", source) == instant("min(x)", source) == {"": 2.0}
    assert math.isnan(instant('max(x{a="1"})', source)[""])


def test_sums_that_cancel_are_exact() -> None:
    """Large values that cancel do not hide a small one."""
    source = WrittenSeries('x{a="1"} 1e16\nx{a="2"} 1\nx{a="3"} -1e16')
    assert instant("sum(x)", source) == {"": 1.0}


def test_a_group_is_present_while_any_series_is() -> None:
    """A group has a value at each step at which one of its series has one."""
    source = WrittenSeries('x{a="1"} 1 stale\nx{a="2"} _ 2 stale')
    assert ranged("sum(x)", source, 0, 20, 10) == {"": {0.0: 1.0, 10.0: 2.0}}


def test_sort_puts_nan_last() -> None:
    """NaN comes last in both directions."""
    source = WrittenSeries('x{a="1"} 2\nx{a="2"} NaN\nx{a="3"} 1\n')
    assert list(instant("sort(x)", source)) == ['x{a="3"}', 'x{a="1"}', 'x{a="2"}']
    assert list(instant("sort_desc(x)", source)) == ['x{a="1"}', 'x{a="3"}', 'x{a="2"}']


def test_count_values_of_large_integers() -> None:
    """A whole number has no fraction in the label, however large it is."""
    counted = instant('count_values("v", x)', WrittenSeries("x 9007199254740993"))
    assert counted == {'{v="9007199254740992"}': 1}
