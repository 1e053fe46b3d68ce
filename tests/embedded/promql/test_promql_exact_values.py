"""Answers of Prometheus 3.5.3, of which every bit must be the same.

Another order of operations, or a sum without compensation, changes the last digit.
"""

import math

import pytest

from tests.embedded.promql.series_notation import WrittenSeries, instant, ranged

SAMPLES = """
x 0+7x6
equal{a="1"} 13.3x6
equal{a="2"} 13.3x6
equal{a="3"} 13.3x6
tenth 0.1x9
huge{a="1"} 1.5e308 1.5e308 1.5e308
huge{a="2"} 1.7e308 1.7e308 1.7e308
huge{a="3"} 1.1e308 1.1e308 1.1e308
some 3 1.7 8.1 2.2 9.9 4.4 5.3
large 1e16 1 -1e16
b_bucket{le="0.1"} 0+17x6
b_bucket{le="0.2"} 0+17x6
b_bucket{le="0.5"} 0+20x6
b_bucket{le="+Inf"} 0+20x6
"""


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("rate(x[47s])", [0.7000000000000001]),
        ("rate(x[33s])", [0.7]),
        ("rate(x[37500ms])", [0.7]),
        ("rate(x[61s])", [0.6885245901639344]),
        ("increase(x[47s])", [32.9]),
        ("histogram_quantile(0.85, rate(b_bucket[31s]))", [0.1]),
        ("stddev(equal) > 0", []),
        ("stddev_over_time(equal[1m]) > 0", []),
        ("avg(equal)", [13.3]),
        ("sum_over_time(tenth[2m])", [0.7000000000000001]),
        ("avg_over_time(tenth[2m])", [0.1]),
        ("sum_over_time(large[2m])", [1.0]),
        ("avg(huge)", [1.4333333333333332e308]),
        ("avg_over_time(huge[1m])", [1.5e308, 1.7e308, 1.1e308]),
        ("stddev_over_time(some[2m])", [2.8479853244290543]),
        ("stdvar_over_time(some[2m])", [8.111020408163265]),
        ("deriv(some[2m])", [0.05035714285714286]),
        ("predict_linear(some[2m], 60)", [9.475000000000001]),
        ("avg_over_time(some[1m])", [5.266666666666667]),
        ("some ^ 3", [148.87699999999998]),
        ("some ^ -7", [8.512731054365907e-06]),
        ("some ^ 0.5", [2.3021728866442674]),
        ("some ^ 1000", [math.inf]),
        ("(-some) ^ -1001", [-0.0]),
        ("stddev(rate(b_bucket[47s]))", [0.14999999999999994]),
    ],
)
def test_every_bit(query: str, values: list[float]) -> None:
    """Each value is Prometheus's to the last bit, at one time and in a range."""
    source = WrittenSeries(SAMPLES)
    assert list(instant(query, source, 60).values()) == values
    in_range = ranged(query, source, 50, 70, 10)
    assert sorted(row[60.0] for row in in_range.values() if 60.0 in row) == sorted(values)


def test_no_slope_has_no_sign() -> None:
    """The slope of equal values is 0, and not -0 if they are negative."""
    (slope,) = instant("deriv((-x * 0 - 1)[1m:10s])", WrittenSeries(SAMPLES), 60).values()
    assert math.copysign(1, slope) == 1
