"""Quantiles of classic histograms."""

import math

import pytest

from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged

TEN = """
b{le="1"} 2
b{le="2"} 6
b{le="4"} 9
b{le="+Inf"} 10
"""


def only(share: str, text: str, at: float = 0) -> float:
    (value,) = instant(f"histogram_quantile({share}, b)", WrittenSeries(text), at).values()
    return value


@pytest.mark.parametrize(
    ("share", "value"),
    [
        ("0.5", 1.75),  # the 5th of 10: three quarters of the way through (1, 2]
        ("0.1", 0.5),  # half way through the first bucket, which begins at 0
        ("0.2", 1.0),
        ("0.9", 4.0),
        ("0.95", 4.0),  # in the last bucket: the bound before it
        ("1", 4.0),
        ("0", 0.0),
        ("-0.1", -math.inf),
        ("1.1", math.inf),
    ],
)
def test_interpolation_within_a_bucket(share: str, value: float) -> None:
    """The quantile is interpolated by the observations of its bucket."""
    assert only(share, TEN) == pytest.approx(value, rel=1e-12)


def test_quantile_without_observations_is_nan() -> None:
    """The quantile is NaN without observations, and for a NaN argument."""
    assert math.isnan(only("0.5", 'b{le="1"} 0\nb{le="+Inf"} 0'))
    assert math.isnan(only("NaN", TEN))


def test_quantile_without_inf_bucket_is_nan() -> None:
    """The quantile is NaN without the bucket +Inf or without another bucket."""
    assert math.isnan(only("0.5", 'b{le="1"} 2\nb{le="2"} 3'))
    assert math.isnan(only("0.5", 'b{le="+Inf"} 3'))


def test_a_lowest_bound_below_zero_is_returned() -> None:
    """A quantile in a lowest bucket below zero is the bound, as it can't be interpolated."""
    assert only("0.1", 'b{le="-1"} 5\nb{le="+Inf"} 10') == -1.0


def test_decreasing_counts_are_raised() -> None:
    """A count below that of the bucket before is raised to it: 2, 6, 6, 10."""
    text = 'b{le="1"} 2\nb{le="2"} 6\nb{le="4"} 5\nb{le="+Inf"} 10'
    assert only("0.6", text) == 2.0
    assert only("0.7", text) == 4.0


def test_equal_bounds_are_added() -> None:
    """Buckets whose bounds are the same number, such as 1 and 1.0, are added."""
    text = 'b{le="1"} 2\nb{le="1.0"} 2\nb{le="+Inf"} 4'
    assert only("0.5", text) == 0.5


def test_histograms_are_separate() -> None:
    """Each histogram has a result without le and name; series without a bound are ignored."""
    text = """
    b{le="1",r="a"} 2
    b{le="+Inf",r="a"} 2
    b{le="2",r="b"} 2
    b{le="+Inf",r="b"} 2
    b{le="much",r="b"} 7
    b{r="c"} 7
    """
    found = instant("histogram_quantile(0.5, b)", WrittenSeries(text))
    assert found == {'{r="a"}': 0.5, '{r="b"}': 1.0}


def test_buckets_of_each_step() -> None:
    """Each step uses the buckets that are present at that step."""
    text = """
    b{le="1"} _ 2 2
    b{le="2"} 4 4 stale
    b{le="+Inf"} 4 4 4
    """
    found = ranged("histogram_quantile(0.75, b)", WrittenSeries(text), 0, 20, 10)
    assert found == {"": {0.0: 1.5, 10.0: 1.5, 20.0: 1.0}}


def test_counts_of_nan() -> None:
    """With counts of NaN the result is that of Prometheus 3.5.3's binary search."""
    rest = 'b{le="4"} 9\nb{le="+Inf"} 10'
    assert math.isnan(only("0.1", 'b{le="1"} 2\nb{le="2"} NaN\n' + rest))
    assert only("0.5", 'b{le="1"} NaN\nb{le="2"} 3\n' + rest) == pytest.approx(8 / 3)
    assert only("0", 'b{le="1"} 0\nb{le="2"} NaN\nb{le="+Inf"} NaN') == 2.0
