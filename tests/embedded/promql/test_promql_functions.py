"""Functions of values, of time and of labels."""

import math

import pytest

from sidelight.embedded.promql.limits import QueryError
from tests.embedded.promql.series_notation import WrittenSeries, instant, number, ranged, string

MOMENT = 1_709_211_845
"""2024-02-29 13:04:05 UTC, a Thursday."""


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("abs(vector(-2))", 2.0),
        ("ceil(vector(-1.5))", -1.0),
        ("floor(vector(-1.5))", -2.0),
        ("round(vector(2.5))", 3.0),
        ("round(vector(-2.5))", -2.0),
        ("round(vector(7.3), 0.5)", 7.5),
        ("sgn(vector(-3))", -1.0),
        ("sqrt(vector(9))", 3.0),
        ("exp(vector(0))", 1.0),
        ("ln(vector(1))", 0.0),
        ("log2(vector(8))", 3.0),
        ("log10(vector(1000))", 3.0),
        ("deg(vector(pi()))", 180.0),
        ("rad(vector(180))", math.pi),
        ("clamp(vector(7), 1, 5)", 5.0),
        ("clamp_min(vector(7), 9)", 9.0),
        ("clamp_max(vector(7), 2)", 2.0),
        ("scalar(vector(4)) + 1", 5.0),
        ("time()", float(MOMENT)),
        ("timestamp(vector(1))", float(MOMENT)),
        ("year()", 2024.0),
        ("month()", 2.0),
        ("day_of_month()", 29.0),
        ("day_of_week()", 4.0),
        ("day_of_year()", 60.0),
        ("days_in_month()", 29.0),
        ("hour()", 13.0),
        ("minute()", 4.0),
        ("day_of_week(vector(0))", 4.0),
        ("year(vector(-1))", 1969.0),
        ("days_in_month(vector(1e9))", 30.0),
        ("year(vector(NaN))", 292_277_026_596.0),  # the last moment there is, to Prometheus
        ("1_000", 1000.0),
        ("-vector(2)", -2.0),
        ("5m", 300.0),
        ("0x1f", 31.0),
    ],
)
def test_functions_of_one_number(query: str, value: float) -> None:
    """Each function gives what Prometheus's documentation says."""
    assert number(query, MOMENT) == pytest.approx(value, rel=1e-15)


def test_logarithms_of_zero_and_negative_numbers() -> None:
    """The logarithm of zero is -Inf, that of a negative number NaN."""
    assert number("ln(vector(0))") == -math.inf
    assert math.isnan(number("ln(vector(-1))"))
    assert math.isnan(number("sqrt(vector(-1))"))


def test_clamp_with_swapped_bounds_is_empty() -> None:
    """clamp() with a minimum above the maximum is empty; with equal bounds it gives that value."""
    assert instant("clamp(x, 5, 1)", WrittenSeries("x 3")) == {}
    assert instant("clamp(x, 5, 5)", WrittenSeries("x 3")) == {"": 5.0}
    assert instant("clamp_min(x, Inf)", WrittenSeries("x NaN")) == {"": math.inf}
    assert math.isnan(instant("clamp_min(x, 5)", WrittenSeries("x NaN"))[""])


def test_scalar_of_none_or_several_is_nan() -> None:
    """scalar() is NaN at each step at which there is not exactly one series."""
    source = WrittenSeries('x{a="1"} 1 1 stale\nx{a="2"} 2 stale')
    found = ranged("scalar(x)", source, 0, 20, 10)[""]
    assert math.isnan(found[0.0])
    assert found[10.0] == 1.0
    assert math.isnan(found[20.0])


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("absent(x)", {}),
        ('absent(x{a="9"})', {'{a="9"}': 1.0}),
        ('absent(x{a="9",b=~"c.*",d!="e"})', {'{a="9"}': 1.0}),
        ('absent(x{a="9",a="8",b="c"})', {'{b="c"}': 1.0}),
        ('absent(sum(x{a="9"}))', {"": 1.0}),
        ('absent_over_time(x{a="9"}[1m])', {'{a="9"}': 1.0}),
        ("absent_over_time(x[1m])", {}),
        ('absent_over_time(x{a="9"}[1m:])', {"": 1.0}),
    ],
)
def test_absent_has_the_labels_of_equality_matchers(query: str, answer: dict[str, float]) -> None:
    """absent() has the labels that its selector compares with "="."""
    assert instant(query, WrittenSeries('x{a="1"} 1')) == answer


def test_absent_at_each_step() -> None:
    """absent() has a value at each step at which there is no series."""
    source = WrittenSeries("x 1 stale 2")
    assert ranged("absent(x)", source, 0, 20, 10) == {"": {10.0: 1.0}}


@pytest.mark.parametrize(
    ("args", "labels"),
    [
        ('"to", "$1-$2", "from", "(.*):(.*)"', '{from="host:80",to="host-80"}'),
        ('"to", "${1}xx", "from", "(h)ost:80"', '{from="host:80",to="hxx"}'),
        ('"to", "$1xx", "from", "(h)ost:80"', '{from="host:80"}'),
        ('"to", "$$1", "from", ".*"', '{from="host:80",to="$1"}'),
        ('"to", "$port", "from", "host:(?P<port>.*)"', '{from="host:80",to="80"}'),
        ('"to", "x", "from", "ost"', '{from="host:80"}'),
        ('"to", "x", "none", ""', '{from="host:80",to="x"}'),
        ('"from", "", "from", ".*"', ""),
        ('"from", "$1", "from", "host(.*)"', '{from=":80"}'),
    ],
)
def test_label_replace(args: str, labels: str) -> None:
    """The pattern must match the whole value; a label that becomes empty is removed."""
    source = WrittenSeries('x{from="host:80"} 1')
    assert instant(f"label_replace(x, {args})", source) == {f"x{labels}": 1.0}


def test_duplicates_of_label_functions_are_errors() -> None:
    """Two series may not get the same labels, even if they have samples at different steps."""
    source = WrittenSeries('x{a="1"} 1 stale\nx{a="2"} _ 2')
    with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
        ranged('label_replace(x, "a", "", "", "")', source, 0, 10, 10)
    assert len(ranged("abs(sum by (a) (x))", source, 0, 10, 10)) == 2


def test_label_join() -> None:
    """Values are joined in the order of the arguments; a missing label is empty."""
    source = WrittenSeries('x{a="1",b="2"} 1')
    found = instant('label_join(x, "c", "-", "b", "none", "a")', source)
    assert found == {'x{a="1",b="2",c="2--1"}': 1.0}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (
            'label_replace(x, "to", "$1", "a", "(")',
            "invalid regular expression in label_replace(): (",
        ),
        (
            'label_replace(x, "", "$1", "a", "")',
            "invalid destination label name in label_replace(): ",
        ),
        (
            'label_replace(x, "a", "", "", "")',
            "vector cannot contain metrics with the same labelset",
        ),
    ],
)
def test_invalid_label_names(query: str, problem: str) -> None:
    """An invalid label name is an error with Prometheus's message."""
    with pytest.raises(QueryError) as caught:
        instant(query, WrittenSeries('x{a="1"} 1\nx{a="2"} 1'))
    assert (caught.value.kind, caught.value.message) == ("execution", problem)


@pytest.mark.parametrize(
    ("query", "value"),
    [
        (r'"a\"b\\\n\x41\u00e9\xc3\xa9"', 'a"b\\\nA\u00e9\u00e9'),
        (r"'it\'s'", "it's"),
        (r"`a\n`", r"a\n"),
    ],
)
def test_strings(query: str, value: str) -> None:
    """Strings have three kinds of quotes and Go's escape sequences."""
    assert string(query) == value
