"""Times, durations and numbers of parameters, with the arithmetic of Go."""

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.api.parameters import parse_int
from sidelight.embedded.api.times import MAX_TIME, MIN_TIME, parse_duration, parse_time
from sidelight.embedded.promql.formatting import format_seconds, parse_number


@pytest.mark.parametrize(
    ("text", "engine", "storage"),
    [
        ("1700000040.5", 1_700_000_040_500, 1_700_000_040_500),
        ("-1.001", -1_001, -1_001),
        ("1_000", 1_000_000, 1_000_000),
        ("0x1p4", 16_000, 16_000),
        ("NaN", -9_223_372_036_854, -9_223_372_036_855),
        ("Inf", -9_223_372_036_854, -9_223_372_036_855),
        ("1e30", 0, 0),
        ("10000000000", -8_446_744_073_709, 10_000_000_000_000),
        ("2023-11-14T22:15:00.123456789-00:30", 1_700_001_900_123, 1_700_001_900_123),
        ("2023-11-14T2:15:00,5Z", 1_699_928_100_500, 1_699_928_100_500),
        ("1969-12-31T23:59:59.9999Z", 0, -1),
        ("0000-02-29T00:00:00Z", -6_821_889_378_871, -62_162_121_600_000),
        ("-292273086-05-16T16:47:06Z", 6_795_364_580_679, -9_223_309_901_257_974_000),
    ],
)
def test_a_time_overflows_as_in_go(text: str, engine: int, storage: int) -> None:
    """A time is that of Prometheus's engine and that of its storage, which overflow differently."""
    found = parse_time(text)
    assert (found.in_engine, found.in_storage) == (engine, storage)


@pytest.mark.parametrize("text", ["", "x", "1e999", "2023-02-30T00:00:00Z", "2023-11-14T24:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The message of a text that is no time has the text."""
    with pytest.raises(ValueError, match=rf'^cannot parse "{text}" to a valid timestamp$'):
        parse_time(text)


def test_times_are_ordered() -> None:
    """Times compare to the nanosecond, and a span that does not fit into 64 bits is the longest."""
    first, second = parse_time("1970-01-01T00:00:00.1Z"), parse_time("1970-01-01T00:00:00.1000001Z")
    assert first < second
    assert second.since(first) == 100
    assert MAX_TIME.since(MIN_TIME) == 2**63 - 1


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("33.184", 33_183_999_999), ("1h30m", 5_400 * 10**9), ("NaN", -(2**63)), ("0", 0)],
)
def test_a_duration_is_cut_to_nanoseconds(text: str, nanoseconds: int) -> None:
    """Seconds are not rounded: 33.184 s is a nanosecond less, as in Prometheus."""
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "end"), [("1.5m", ""), ("300y", ""), ("", ""), ("Inf", ". It overflows int64")]
)
def test_what_is_no_duration_is_refused(text: str, end: str) -> None:
    """The message of a text that is no duration has the text."""
    with pytest.raises(ValueError, match=rf'^cannot parse "{text}" to a valid duration{end}$'):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1_0", "invalid syntax"),
        ("9" * 50, "value out of range"),
    ],
)
def test_what_is_no_integer_is_refused(text: str, problem: str) -> None:
    """The message is that of Go's strconv."""
    with pytest.raises(ValueError, match=rf'^strconv.Atoi: parsing "{text}": {problem}$'):
        parse_int(text, "Atoi")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1_0.5e1", 105.0),
        ("0x_1.8p1", 3.0),
        ("1__0", None),
        ("0x1", None),
        ("1e400", None),
        ("0x1p9999", None),
    ],
)
def test_numbers_are_read_as_by_go(text: str, number: float | None) -> None:
    """Digits may be in groups; a hexadecimal number has an exponent; a number must fit."""
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (-1_500, "-1.500"),
        (-2_000, "-2"),
        (1_001, "1.001"),
        (-(2**53) - 1, "-9007199254740.993"),
    ],
)
def test_times_are_written_exactly(milliseconds: int, text: str) -> None:
    """A time before 1970 keeps its digits."""
    assert format_seconds(milliseconds) == text
