"""Several series to one."""

import math

import pytest

from sidelight.embedded.promql.errors import QueryError
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
def test_by_hand(query: str, answer: dict[str, float]) -> None:
    """Groups have the labels they are asked to have, and no empty one."""
    assert instant(query, WrittenSeries(SHOP)) == pytest.approx(answer)


def test_the_best_come_in_order() -> None:
    """At one time topk and bottomk answer best first, as they are: with all labels."""
    best = instant("topk(2, x)", WrittenSeries(SHOP))
    assert list(best.values()) == [7.0, 4.0]
    assert list(instant("bottomk(3, x)", WrittenSeries(SHOP)).values()) == [1.0, 2.0, 4.0]
    assert next(iter(best)) == 'x{code="200",job="j",route="/b"}'


def test_the_best_of_each_group_at_each_step() -> None:
    """Who is best may change from step to step; the earlier of equals is taken."""
    source = WrittenSeries('x{a="1"} 1 5 3\nx{a="2"} 2 4 3\nx{a="3"} NaN _ 3\n')
    assert ranged("topk(1, x)", source, 0, 20, 10) == {
        'x{a="1"}': {10.0: 5.0, 20.0: 3.0},
        'x{a="2"}': {0.0: 2.0},
    }
    assert len(instant("topk by (a) (1, x)", source, 20)) == 3


def test_nan_is_last_among_the_best() -> None:
    """Both for the largest and for the smallest."""
    source = WrittenSeries('x{a="1"} NaN\nx{a="2"} 2\nx{a="3"} 1\n')
    assert list(instant("topk(2, x)", source)) == ['x{a="2"}', 'x{a="3"}']
    assert list(instant("bottomk(2, x)", source)) == ['x{a="3"}', 'x{a="2"}']
    assert len(instant("topk(3, x)", source)) == 3


@pytest.mark.parametrize(("k", "size"), [("0", 0), ("-1", 0), ("1.9", 1), ("100", 4)])
def test_how_many_are_the_best(k: str, size: int) -> None:
    """A part of one is none; more than there are is all."""
    assert len(instant(f"topk({k}, x)", WrittenSeries(SHOP))) == size


def test_how_many_must_be_a_number() -> None:
    """In Prometheus's vocabulary."""
    with pytest.raises(QueryError, match=r"^Scalar value NaN overflows int64$"):
        instant("topk(NaN, x)", WrittenSeries(SHOP))


def test_nan_in_a_group() -> None:
    """It spoils a sum, is a count, and is neither least nor most unless alone."""
    source = WrittenSeries('x{a="1"} NaN\nx{a="2"} 2')
    assert math.isnan(instant("sum(x)", source)[""])
    assert instant("count(x)", source) == {"": 2.0}
    assert instant("max(x)", source) == instant("min(x)", source) == {"": 2.0}
    assert math.isnan(instant('max(x{a="1"})', source)[""])


def test_what_cancels_is_summed_exactly() -> None:
    """A plain sum would give 0."""
    source = WrittenSeries('x{a="1"} 1e16\nx{a="2"} 1\nx{a="3"} -1e16')
    assert instant("sum(x)", source) == {"": 1.0}


def test_a_group_is_there_while_any_of_its_series_is() -> None:
    """And has the values of those that are."""
    source = WrittenSeries('x{a="1"} 1 stale\nx{a="2"} _ 2 stale')
    assert ranged("sum(x)", source, 0, 20, 10) == {"": {0.0: 1.0, 10.0: 2.0}}


def test_in_order() -> None:
    """NaN comes last in both directions."""
    source = WrittenSeries('x{a="1"} 2\nx{a="2"} NaN\nx{a="3"} 1\n')
    assert list(instant("sort(x)", source)) == ['x{a="3"}', 'x{a="1"}', 'x{a="2"}']
    assert list(instant("sort_desc(x)", source)) == ['x{a="1"}', 'x{a="3"}', 'x{a="2"}']
