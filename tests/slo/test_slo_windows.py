"""Windows and factors are exact, and a scale shortens all of them."""

import re
from decimal import Decimal
from fractions import Fraction

import pytest

from sidelight.durations import to_milliseconds
from sidelight.slo import windows
from tests.slo.made import context, every_rule


@pytest.mark.parametrize(
    ("duration", "scale", "shorter"),
    [
        ("5m", "1", "5m"),
        ("30m", "1", "30m"),
        ("1d", "1", "1d"),
        ("5m", "1/60", "5s"),
        ("1h", "1/60", "1m"),
        ("3d", "1/60", "1h12m"),
        ("1m", "1/120", "500ms"),
        ("30d", "1/60", "12h"),
        ("0s", "1", "0s"),
        ("1s", "1/100000", "1ms"),
    ],
)
def test_shortened(duration: str, scale: str, shorter: str) -> None:
    """A shortened duration is one that Prometheus accepts, down to a millisecond."""
    assert windows.shortened(duration, Fraction(scale)) == shorter


def test_every_alert_of_a_drill_is_the_same_alert() -> None:
    """With a scale, nothing changes but durations and seconds: same names, same thresholds."""
    text = 'service = "shop"\nslo = { availability = "99.9%", latency = "99% < 300ms" }'
    long, short = every_rule(context(text)), every_rule(context(text, "1/60"))
    assert len(long) == len(short)
    for one, other in zip(long, short, strict=True):
        assert [*one] == [*other]
        assert one.get("labels") == other.get("labels")
        times = r"\[[\dhmsd:]+\]|offset \w+|, \d+\)|[*+] \d+$"
        assert re.sub(times, "", one["expr"]) == re.sub(times, "", other["expr"])


def test_factors_are_those_of_the_workbook() -> None:
    """14.4 for an hour is 2 % of 30 days, 6 for 6 hours 5 %, 3 for a day 10 %, 1 for three 10 %."""
    month = to_milliseconds("30d")
    spent = [one.factor * to_milliseconds(one.long) / month for one in windows.BURN_RATES]
    assert spent == [Decimal("0.02"), Decimal("0.05"), Decimal("0.1"), Decimal("0.1")]


def test_a_short_window_is_a_twelfth() -> None:
    """Each long window has a short one of a twelfth, which resolves the alert."""
    for one in windows.BURN_RATES:
        assert to_milliseconds(one.long) == 12 * to_milliseconds(one.short)


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.0144", "0.0144"), ("1.00", "1"), ("1E-7", "0.0000001"), ("100", "100"), ("0.10", "0.1")],
)
def test_plain(number: str, text: str) -> None:
    """Numbers have no exponent and no zeros at the end."""
    assert windows.plain(Decimal(number)) == text
