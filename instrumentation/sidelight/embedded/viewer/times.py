"""Time ranges as Grafana writes them, and the step it would ask with."""

import math
import re
from dataclasses import dataclass
from typing import Final

UNITS: Final = {
    "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "M": 2_592_000,
    "y": 31_536_000,
}  # fmt: skip
DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdwMy])")
MOMENT: Final = re.compile(r"now(?:-(\d+)([smhdwMy]))?")
MOST_POINTS: Final = 11_000
"""A series longer than that is refused by Prometheus."""
SCRAPED: Final = 15.0
"""Seconds between scrapes where nothing says so: Grafana's default for Prometheus."""
MILLISECONDS: Final = 100_000_000_000
"""Whole numbers from here on are milliseconds since 1970, as Grafana's links have them."""
YEARS: Final = 5 * 31_536_000

# From which exact interval on which round one is taken, in milliseconds: Grafana's own steps
# (packages/grafana-data, rangeutil.roundInterval).
ROUND: Final = (
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
class Range:
    """From when until when: seconds since 1970."""

    since: float
    until: float

    @property
    def length(self) -> float:
        """Seconds."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Steps:
    """How a query is asked over a range: seconds between points, and the window of rates."""

    step: float
    rate: float
    length: float


def seconds(text: str) -> float:
    """Of a duration such as ``15s`` or ``1h30m``. Raises ValueError."""
    parts = DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; for example 15s, 1m or 1h30m")
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def written(length: float) -> str:
    """A duration as PromQL takes it."""
    milliseconds = round(length * 1000)
    if milliseconds % 1000:
        return f"{milliseconds}ms"
    whole = milliseconds // 1000
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def moment(text: str, now: float) -> float:
    """Seconds since 1970 of ``now-1h``, or of milliseconds. Raises ValueError."""
    if found := MOMENT.fullmatch(text):
        number, unit = found.groups()
        return now - (float(number) * UNITS[unit] if number else 0)
    if text.isascii() and text.isdecimal() and int(text) >= MILLISECONDS:
        return int(text) / 1000
    raise ValueError(f"{text!r} is no time; for example now, now-1h or 1767225600000")


def between(since: str, until: str, now: float) -> Range:
    """The range. Raises ValueError where it is none, or longer than five years."""
    found = Range(moment(since, now), moment(until, now))
    if not 0 < found.length <= YEARS:
        raise ValueError(f"from {since!r} to {until!r} is no range; for example now-1h to now")
    return found


def rounded(milliseconds: float) -> int:
    """The round interval nearest to an exact one."""
    return next((even for below, even in ROUND if milliseconds < below), YEAR_MS)


def steps(length: float, points: int, least: float) -> Steps:
    """What Grafana would ask with, for so many points across and so small a step at most."""
    exact = rounded(length * 1000 / max(points, 1)) / 1000
    step = max(exact, least, math.ceil(length * 1000 / MOST_POINTS) / 1000)
    scraped = least or SCRAPED
    return Steps(step, max(step + scraped, 4 * scraped), length)


def aligned(asked: Range, step: float) -> Range:
    """Both ends on whole steps, so that the next refresh asks for the same points."""
    return Range(asked.since // step * step, asked.until // step * step)
