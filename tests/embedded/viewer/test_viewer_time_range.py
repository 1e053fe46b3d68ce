"""Time ranges and query intervals are those that Grafana sends to Prometheus."""

import pytest

from sidelight.embedded.viewer.time_range import (
    QueryInterval,
    TimeRange,
    query_interval,
    time_range,
    to_timestamp,
)

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("now-1h", NOW - 3600),
        ("now-1h30m", NOW - 5400),
        ("now-2M", NOW - 5_184_000),
        ("1767225600000", 1767225600),
    ],
)
def test_times(text: str, expected: float) -> None:
    """A time is relative to now, or milliseconds since 1970."""
    assert to_timestamp(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "yesterday", "now-1", "now+1h", "17", "now/d", "-5", "now-", "now-M", "now-1.5h"]
)
def test_invalid_times(text: str) -> None:
    """Any other text is refused with an example."""
    with pytest.raises(ValueError, match="for example now, now-1h"):
        to_timestamp(text, NOW)


@pytest.mark.parametrize(("since", "until"), [("now", "now"), ("now", "now-1h"), ("now-9y", "now")])
def test_invalid_ranges(since: str, until: str) -> None:
    """A range that is empty, reversed or longer than five years is refused."""
    with pytest.raises(ValueError, match="is not a time range"):
        time_range(since, until, NOW)


@pytest.mark.parametrize(
    ("length", "points", "least", "scrape", "expected"),
    [
        # Grafana 12: an hour at 700 points is 5 s, so the minimum of 15 s; rates over 4 scrapes.
        (3600, 700, 15, 15, QueryInterval(15, 60, 3600)),
        (3600, 700, 60, 60, QueryInterval(60, 240, 3600)),
        # A day at 700 points is 123 s: rounded to 2 minutes; rates over a step and a scrape.
        (86_400, 700, 15, 15, QueryInterval(120, 135, 86_400)),
        (86_400, 300, 15, 15, QueryInterval(300, 315, 86_400)),
        # A panel's minimum is not how often Prometheus scrapes: a rate is over step and scrape.
        (3600, 700, 60, 15, QueryInterval(60, 75, 3600)),
        (300, 600, 0, 15, QueryInterval(0.5, 60, 300)),
        (604_800, 1000, 15, 15, QueryInterval(600, 615, 604_800)),
    ],
)
def test_query_intervals(
    length: float, points: int, least: float, scrape: float, expected: QueryInterval
) -> None:
    """The step is round and not below the minimum; rates cover at least four scrapes."""
    assert query_interval(length, points, least, scrape) == expected


def test_the_points_are_limited() -> None:
    """A series has at most the 11,000 points that Prometheus allows, on any screen."""
    found = query_interval(5 * 31_536_000, 100_000, 0, 15)
    assert 5 * 31_536_000 / found.step <= 11_000


def test_ends_are_multiples_of_the_step() -> None:
    """Both ends are rounded down to the step, so that two refreshes request the same points."""
    assert TimeRange(1003, 1061).aligned(15) == TimeRange(990, 1050)
