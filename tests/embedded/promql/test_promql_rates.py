"""Rates, computed by hand from the rules of extrapolation."""

import math

import pytest

from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged


def only(query: str, text: str, at: float) -> float:
    (value,) = instant(query, WrittenSeries(text), at).values()
    return value


def test_a_rate_is_extrapolated_to_both_borders() -> None:
    """Samples at 10..60 s increase by 50 in 50 s; both borders are near, so 60 s count."""
    assert only("increase(x[1m])", "x 1000+10x6", 60) == pytest.approx(60.0, rel=1e-12)
    assert only("rate(x[1m])", "x 1000+10x6", 60) == pytest.approx(1.0, rel=1e-12)


def test_a_far_border_counts_half_an_interval() -> None:
    """Samples at 60, 70, 80 s in (0, 85]: half of 10 s to the left, 5 s to the right."""
    text = "x _x6 1000 1010 1020"
    assert only("increase(x[85s])", text, 85) == pytest.approx(20 * (20 + 5 + 5) / 20)


def test_a_counter_is_not_extrapolated_below_zero() -> None:
    """A counter that rises from 2 by 40 in 20 s was zero 1 s before, not 10 s."""
    assert only("increase(x[30s])", "x _ 2 22 42", 30) == pytest.approx(40 * (20 + 1) / 20)


def test_the_limit_of_distance_comes_first() -> None:
    """As in Prometheus 3, a far border counts half an interval even if zero is farther."""
    text = "x _x6 10 20 30"  # zero would be 10 s before; half a distance is 5 s
    assert only("increase(x[85s])", text, 85) == pytest.approx(20 * (20 + 5 + 5) / 20)


def test_delta_ignores_zero() -> None:
    """delta() extrapolates in both directions, whatever the values."""
    assert only("delta(x[30s])", "x _ 2 22 42", 30) == pytest.approx(60.0)


def test_counter_resets() -> None:
    """The value before a reset is added: 5, then 3 more, then 4 more."""
    text = "x 1000 1005 3 7"
    assert only("increase(x[31s])", text, 30) == pytest.approx((5 + 3 + 4) * (30 + 1) / 30)
    assert only("resets(x[31s])", text, 30) == 1.0


def test_resets_outside_a_window_do_not_count() -> None:
    """A reset between 20 and 30 s counts only in windows that include both samples."""
    found = ranged("increase(x[21s])", WrittenSeries("x 100 110 120 0 10 20"), 20, 50, 10)
    by_hand = {20.0: 20.0, 30.0: 10.0, 40.0: 10.0, 50.0: 20.0}
    assert found[""].keys() == by_hand.keys()
    assert found[""][20.0] == pytest.approx(20 * 21 / 20)
    assert found[""][50.0] == pytest.approx(20.0)


def test_gaps_and_resets_together() -> None:
    """The sample after a gap is compared with the sample before it."""
    assert only("resets(x[1m])", "x 5 _ 3 _ 4 1", 50) == 2.0
    assert only("changes(x[1m])", "x 5 _ 5 _ 4 1", 50) == 2.0
    assert only("increase(x[51s])", "x 100 _ 3 _ 4 5", 50) == pytest.approx(5 * 51 / 50)


@pytest.mark.parametrize("name", ["rate", "increase", "delta", "irate", "idelta", "deriv"])
def test_one_sample_has_no_rate(name: str) -> None:
    """A window with fewer than two samples has no result."""
    source = WrittenSeries("x 1 2 _ _ _ 6")
    assert ranged(f"{name}(x[15s])", source, 0, 50, 10).get("", {}).keys() == {10.0}


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("irate(x[1m])", 0.7),
        ("idelta(x[1m])", 7.0),
        ("irate(x[1m] offset 10s)", 0.4),
        ("idelta(x[1m] offset 10s)", -96.0),
    ],
)
def test_the_last_two_samples(query: str, value: float) -> None:
    """After a reset irate() uses the new value, and idelta() subtracts."""
    assert only(query, "x 50 100 4 11", 30) == pytest.approx(value)


def test_resets_from_infinity() -> None:
    """A reset from infinity is an infinite increase; later windows are not affected."""
    found = ranged("increase(x[21s])", WrittenSeries("x 1 Inf 3 13 23 33"), 20, 50, 10)[""]
    assert math.isinf(found[20.0])
    assert found[50.0] == pytest.approx(20.0 * (20 + 1) / 20)


def test_regression_lines() -> None:
    """deriv() and predict_linear() of an exact line are exact; constant values have slope 0."""
    text = "x 3+5x6"
    assert only("deriv(x[1m])", text, 60) == pytest.approx(0.5)
    assert only("predict_linear(x[1m], 100)", text, 60) == pytest.approx(33 + 50)
    assert only("deriv(x[1m])", "x 4x6", 60) == 0.0
    assert only("predict_linear(x[1m], 100)", "x 4x6", 60) == 4.0
    assert math.isnan(only("deriv(x[1m])", "x Inf Inf Inf", 20))


def test_rates_without_names_may_not_collide() -> None:
    """Two metrics that differ only in their names give an error."""
    assert instant("rate(x[1m])", WrittenSeries('x{a="1"} 1 2'), 10).keys() == {'{a="1"}'}


def test_large_values_do_not_affect_later_windows() -> None:
    """A window after a reset from 2^60 is as exact as any other."""
    text = "x 0 1152921504606846976 0 5 0.5 _ 0.25 1.25"
    found = ranged("increase(x[21s])", WrittenSeries(text), 40, 70, 10)[""]
    assert found[40.0] == 0.5 + 5  # it began at 0: nothing before that
    assert found[70.0] == pytest.approx(1 * (10 + 2.5) / 10)
    assert only("resets(x[21s])", text, 40) == 1.0
