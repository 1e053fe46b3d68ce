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
def test_interpolated_within_a_bucket(share: str, value: float) -> None:
    """By the share of the bucket's own observations."""
    assert only(share, TEN) == pytest.approx(value, rel=1e-12)


def test_without_observations_there_is_nan() -> None:
    """And so it is for a share that is none."""
    assert math.isnan(only("0.5", 'b{le="1"} 0\nb{le="+Inf"} 0'))
    assert math.isnan(only("NaN", TEN))


def test_without_a_last_bucket_there_is_nan() -> None:
    """The bucket +Inf is needed, and one more."""
    assert math.isnan(only("0.5", 'b{le="1"} 2\nb{le="2"} 3'))
    assert math.isnan(only("0.5", 'b{le="+Inf"} 3'))


def test_a_lowest_bound_below_zero_is_the_answer() -> None:
    """There is nothing to interpolate from."""
    assert only("0.1", 'b{le="-1"} 5\nb{le="+Inf"} 10') == -1.0


def test_falling_counts_are_lifted() -> None:
    """A bucket has at least as many as the one before: 2, 6, 6, 10."""
    text = 'b{le="1"} 2\nb{le="2"} 6\nb{le="4"} 5\nb{le="+Inf"} 10'
    assert only("0.6", text) == 2.0
    assert only("0.7", text) == 4.0


def test_bounds_that_are_one_number_are_one_bucket() -> None:
    """1 and 1.0 are added up."""
    text = 'b{le="1"} 2\nb{le="1.0"} 2\nb{le="+Inf"} 4'
    assert only("0.5", text) == 0.5


def test_each_histogram_by_itself_without_le_and_name() -> None:
    """What is no bucket is left out."""
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


def test_buckets_that_come_and_go() -> None:
    """Each step has the buckets that are there at that step."""
    text = """
    b{le="1"} _ 2 2
    b{le="2"} 4 4 stale
    b{le="+Inf"} 4 4 4
    """
    found = ranged("histogram_quantile(0.75, b)", WrittenSeries(text), 0, 20, 10)
    assert found == {"": {0.0: 1.5, 10.0: 1.5, 20.0: 1.0}}


def test_a_count_that_is_nan_is_searched_by_halves() -> None:
    """As Prometheus 3.5.3 answered: what the search meets first decides."""
    rest = 'b{le="4"} 9\nb{le="+Inf"} 10'
    assert math.isnan(only("0.1", 'b{le="1"} 2\nb{le="2"} NaN\n' + rest))
    assert only("0.5", 'b{le="1"} NaN\nb{le="2"} 3\n' + rest) == pytest.approx(8 / 3)
    assert only("0", 'b{le="1"} 0\nb{le="2"} NaN\nb{le="+Inf"} NaN') == 2.0
