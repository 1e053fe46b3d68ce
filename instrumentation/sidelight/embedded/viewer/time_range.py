"""Time ranges as Grafana writes them, and the step of a query over a time range."""

import math
from dataclasses import dataclass
from typing import Final

from sidelight.durations import to_seconds

MONTH: Final = 2_592_000
MAX_POINTS: Final = 11_000
"""Prometheus refuses a query with more points in a series."""
DEFAULT_SCRAPE_INTERVAL: Final = 15.0
"""Seconds: Grafana's default for a Prometheus data source."""
LEAST_TIMESTAMP: Final = 100_000_000_000
"""Grafana's links state times as milliseconds since 1970; a smaller number is not a time."""
MAX_LENGTH: Final = 5 * 31_536_000

# Exact intervals below the first number become the second number, in milliseconds: Grafana's own
# table (packages/grafana-data, rangeutil.roundInterval).
ROUND_INTERVALS: Final = (
    (10, 1), (15, 10), (35, 20), (75, 50), (150, 100), (350, 200), (750, 500), (1_500, 1_000),
    (3_500, 2_000), (7_500, 5_000), (12_500, 10_000), (17_500, 15_000), (25_000, 20_000),
    (45_000, 30_000), (90_000, 60_000), (210_000, 120_000), (450_000, 300_000),
    (750_000, 600_000), (1_050_000, 900_000), (1_500_000, 1_200_000), (2_700_000, 1_800_000),
    (5_400_000, 3_600_000), (9_000_000, 7_200_000), (16_200_000, 10_800_000),
    (32_400_000, 21_600_000), (86_400_000, 43_200_000), (604_800_000, 86_400_000),
    (1_814_400_000, 604_800_000), (3_628_800_000, 2_592_000_000),
)  # fmt: skip
YEAR_MS: Final = 31_536_000_000


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A start and an end, in seconds since 1970."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.end - self.start

    def aligned(self, step: float) -> "TimeRange":
        """Both ends rounded down to a multiple of the step, so that a refresh repeats points."""
        return TimeRange(self.start // step * step, self.end // step * step)


@dataclass(frozen=True, slots=True)
class QueryInterval:
    """The step of a query, its ``$__rate_interval``, and its ``$__range``, in seconds."""

    step: float
    rate_interval: float
    length: float


def to_timestamp(text: str, now: float) -> float:
    """Seconds since 1970 of ``now-1h``, or of milliseconds since 1970. Raises ValueError."""
    if text.isascii() and text.isdecimal() and int(text) >= LEAST_TIMESTAMP:
        return int(text) / 1000
    start, minus, ago = text.partition("-")
    try:
        if start == "now" and bool(minus) == bool(ago):
            return now - (_seconds(ago) if ago else 0)
    except ValueError:
        pass
    raise ValueError(f"{text!r} is not a time; for example now, now-1h or 1767225600000")


def _seconds(ago: str) -> float:
    number = ago.removesuffix("M")
    if number != ago and number.isascii() and number.isdecimal():
        return int(number) * MONTH
    return to_seconds(ago)


def time_range(time_from: str, time_to: str, now: float) -> TimeRange:
    """The time range between two times. Raises ValueError if it is empty or over five years."""
    found = TimeRange(to_timestamp(time_from, now), to_timestamp(time_to, now))
    if not 0 < found.length <= MAX_LENGTH:
        raise ValueError(
            f"{time_from!r} to {time_to!r} is not a time range; for example now-1h to now"
        )
    return found


def round_interval(milliseconds: float) -> int:
    """Grafana's round interval nearest to an exact one."""
    return next((even for below, even in ROUND_INTERVALS if milliseconds < below), YEAR_MS)


def query_interval(
    length: float, points: int, min_interval: float, scrape_interval: float
) -> QueryInterval:
    """The interval that Grafana uses for a range of ``length`` seconds and so many points."""
    exact = round_interval(length * 1000 / max(points, 1)) / 1000
    step = max(exact, min_interval, math.ceil(length * 1000 / MAX_POINTS) / 1000)
    return QueryInterval(step, max(step + scrape_interval, 4 * scrape_interval), length)
