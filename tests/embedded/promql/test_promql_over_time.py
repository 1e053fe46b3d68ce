"""What a window's samples are together."""

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
def test_nan_is_a_sample_that_is_neither_least_nor_most(name: str, value: float) -> None:
    """It is counted, and it is a change; a gap is nothing at all."""
    assert only(f"{name}(x[1m])") == value


@pytest.mark.parametrize("name", ["sum_over_time", "avg_over_time", "stddev_over_time"])
def test_nan_spoils_what_adds(name: str) -> None:
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
def test_by_hand(query: str, value: float) -> None:
    """Of 4, 1, 3, 2 with a gap."""
    assert only(query, "x 4 1 _ 3 2") == pytest.approx(value, rel=1e-12)


def test_nan_is_the_least_in_a_quantile() -> None:
    """It is below every number, and between it and a number is NaN."""
    assert math.isnan(only("quantile_over_time(0.1, x[1m])"))
    assert only("quantile_over_time(0.25, x[1m])") == 1.0
    assert only("quantile_over_time(1, x[1m])") == 4.0


def test_an_empty_window_is_no_answer() -> None:
    """Where there is no sample, no function over time says anything."""
    found = ranged("sum_over_time(x[15s])", WrittenSeries("x 1 2 _x5 3"), 0, 70, 10)
    assert found == {"": {0.0: 1.0, 10.0: 3.0, 20.0: 2.0, 70.0: 3.0}}


def test_what_cancels_is_summed_exactly() -> None:
    """A plain sum would give 0 here, or something else at each window."""
    text = "x 1e16 1 -1e16 3 1e16 1 -1e16"
    found = ranged("sum_over_time(x[31s])", WrittenSeries(text), 20, 60, 20)
    assert found == {"": {20.0: 1.0, 40.0: 4.0, 60.0: 4.0}}


def test_a_mean_of_what_is_too_big_to_be_summed() -> None:
    """Their sum is beyond a float; their mean is not."""
    assert only("avg_over_time(x[1m])", "x 1.5e308 1.7e308", 10) == pytest.approx(1.6e308)
    assert only("avg_over_time(x[1m])", "x Inf 1", 10) == math.inf


def test_last_keeps_the_name_and_others_don_t() -> None:
    """It is the same measurement, only maybe an prometheus_2 one."""
    source = WrittenSeries("x 1 2")
    assert instant("last_over_time(x[1m])", source, 10) == {"x": 2.0}
    assert instant("max_over_time(x[1m])", source, 10) == {"": 2.0}


def test_a_subquery_s_samples_are_the_inner_answers() -> None:
    """The maximum of a rate, taken every 10 s."""
    found = instant("max_over_time(rate(x[21s])[1m:10s])", WrittenSeries("x 0 0 10 50 60 70"), 50)
    assert found[""] == pytest.approx(50 * (20 + 1) / 20 / 21)  # from 0 at 10 s to 50 at 30 s
