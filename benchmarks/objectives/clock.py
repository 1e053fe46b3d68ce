"""Time in the simulation: seconds since the begin of the month, and lengths of time."""

from __future__ import annotations

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONTH = 30 * DAY

EVERY = 30  # seconds between two scrapes
STEP = MINUTE  # between two evaluations of the rules; a multiple of EVERY
STEPS = MONTH // STEP  # evaluations at STEP, 2 STEP, … MONTH


def at(day: int, hour: float = 0) -> int:
    """Seconds from the month's begin; the first day is 1."""
    return (day - 1) * DAY + round(hour * HOUR)
