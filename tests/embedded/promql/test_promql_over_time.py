"""Functions that reduce the samples of a window."""

import math

import pytest

from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged

TEXT = "x 4 1 _ 3 NaN 2"


def only(query: str, text: str = TEXT, at: float = 50) -> float:
    (value,) = instant(query, WrittenSeries(text), at).values()
    return value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("count_over_time", 5.0),
        ("min_over_time", 1.0),
        ("max_over_time", 4.0),
        ("last_over_time", 2.0),
        ("present_over_time", 1.0),
        ("changes", 4.0),
        ("resets", 1.0),
    ],
)
def test_nan_is_ignored_by_min_and_max(name: str, value: float) -> None:
    """NaN is counted and is a change, but not a minimum or maximum; a gap is not a sample."""
    assert only(f"{name}(x[1m])") == value


@pytest.mark.parametrize("name", ["sum_over_time", "avg_over_time", "stddev_over_time"])
def test_nan_makes_sums_nan(name: str) -> None:
    """A sum with NaN is NaN."""
    assert math.isnan(only(f"{name}(x[1m])"))


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("sum_over_time(x[1m])", 10.0),
        ("avg_over_time(x[1m])", 2.5),
        ("stdvar_over_time(x[1m])", 1.25),
        ("stddev_over_time(x[1m])", math.sqrt(1.25)),
        ("quantile_over_time(0.5, x[1m])", 2.5),
        ("quantile_over_time(0, x[1m])", 1.0),
        ("quantile_over_time(1, x[1m])", 4.0),
        ("quantile_over_time(0.25, x[1m])", 1.75),
        ("quantile_over_time(-0.1, x[1m])", -math.inf),
        ("quantile_over_time(1.1, x[1m])", math.inf),
    ],
)
def test_over_time_functions(query: str, value: float) -> None:
    """Each function gives the result computed by hand for 4, 1, 3, 2 with a gap."""
    assert only(query, "x 4 1 _ 3 2") == pytest.approx(value, rel=1e-12)


def test_nan_is_lowest_in_quantiles() -> None:
    """NaN is below every number; between it and a number is NaN."""
    assert math.isnan(only("quantile_over_time(0.1, x[1m])"))
    assert only("quantile_over_time(0.25, x[1m])") == 1.0
    assert only("quantile_over_time(1, x[1m])") == 4.0


def test_empty_windows_have_no_result() -> None:
    """A window without samples has no result."""
    found = ranged("sum_over_time(x[15s])", WrittenSeries("x 1 2 _x5 3"), 0, 70, 10)
    assert found == {"": {0.0: 1.0, 10.0: 3.0, 20.0: 2.0, 70.0: 3.0}}


def test_sums_that_cancel_are_exact() -> None:
    """Large values that cancel in a window do not hide small ones."""
    text = "x 1e16 1 -1e16 3 1e16 1 -1e16"
    found = ranged("sum_over_time(x[31s])", WrittenSeries(text), 20, 60, 20)
    assert found == {"": {20.0: 1.0, 40.0: 4.0, 60.0: 4.0}}


def test_a_mean_whose_sum_overflows() -> None:
    """A mean is right even if the sum is too large for a float."""
    assert only("avg_over_time(x[1m])", "x 1.5e308 1.7e308", 10) == pytest.approx(1.6e308)
    assert only("avg_over_time(x[1m])", "x Inf 1", 10) == math.inf


def test_only_last_over_time_keeps_the_name() -> None:
    """last_over_time() keeps the metric name, other functions do not."""
    source = WrittenSeries("x 1 2")
    assert instant("last_over_time(x[1m])", source, 10) == {"x": 2.0}
    assert instant("max_over_time(x[1m])", source, 10) == {"": 2.0}


def test_subqueries() -> None:
    """The samples of a subquery are the results of its expression at its steps."""
    found = instant("max_over_time(rate(x[21s])[1m:10s])", WrittenSeries("x 0 0 10 50 60 70"), 50)
    assert found[""] == pytest.approx(50 * (20 + 1) / 20 / 21)  # from 0 at 10 s to 50 at 30 s
