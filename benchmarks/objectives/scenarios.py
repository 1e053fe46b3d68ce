"""The months. All have an objective of 99.9 % in 30 days."""

from __future__ import annotations

from math import cos, exp, log, pi

from benchmarks.objectives.clock import DAY, HOUR, MINUTE, MONTH, at
from benchmarks.objectives.random_counts import RandomCounts
from benchmarks.objectives.service import Fault, Scenario

OBJECTIVE = 0.999


def few(_: float) -> float:
    """Four requests per hour."""
    return 4 / HOUR


def steady(_: float) -> float:
    """Twenty requests per second."""
    return 20.0


def uneven(time: float) -> float:
    """200 requests per second at 14:00, 0.2 at 2:00."""
    day = (cos(2 * pi * (time - 14 * HOUR) / DAY) - 1) / 2  # 0 at 14:00, -1 at 2:00
    return 200.0 * exp(day * log(1000.0))


def _bursts() -> list[bool]:
    """Whether a minute of the month is in a burst: four a day, of 2 to 10 minutes."""
    random, minutes = RandomCounts("bursts"), [False] * (MONTH // MINUTE)
    while_left = 0
    for minute in range(len(minutes)):
        if not while_left and random.poisson(4 * MINUTE / DAY):
            while_left = 2 + min(8, random.poisson(4))
        minutes[minute] = while_left > 0
        while_left = max(0, while_left - 1)
    return minutes


_BURST = _bursts()


def bursty(time: float) -> float:
    """5 requests per second, and 300 in bursts."""
    return 300.0 if _BURST[min(int(time // MINUTE), len(_BURST) - 1)] else 5.0


def _nights(share: float) -> list[Fault]:
    return [Fault(at(day), at(day, 4), share) for day in (6, 13, 20)]


SCENARIOS = (
    Scenario(
        "low traffic, lone errors",
        "4 requests an hour; on three nights one of them fails at 3:00",
        few,
        lone=[at(day, 3) + 11 for day in (5, 12, 24)],
    ),
    Scenario(
        "low traffic, outages",
        "4 requests an hour; all fail for 2 hours one day, for 12 hours on another",
        few,
        faults=[Fault(at(9, 10), at(9, 12), 1.0), Fault(at(21, 8), at(21, 20), 1.0)],
    ),
    Scenario(
        "uneven, errors at night",
        "200 requests a second by day, 0.2 by night; 5 % fail from 0:00 to 4:00 in three nights",
        uneven,
        faults=_nights(0.05),
        usual=0.0001,
    ),
    Scenario(
        "uneven, errors at noon",
        "the same traffic; 5 % fail from 12:00 to 13:00 on one day",
        uneven,
        faults=[Fault(at(16, 12), at(16, 13), 0.05)],
        usual=0.0001,
    ),
    Scenario(
        "total outage, answered",
        "20 requests a second; every answer is a 500 for 10 minutes",
        steady,
        faults=[Fault(at(17, 15), at(17, 15) + 10 * MINUTE, 1.0)],
        usual=0.0001,
    ),
    Scenario(
        "total outage, no target",
        "20 requests a second; no process answers, or is scraped, for 10 minutes",
        steady,
        faults=[Fault(at(17, 15), at(17, 15) + 10 * MINUTE, 1.0, absent=True)],
        usual=0.0001,
    ),
    Scenario(
        "slow leak",
        "20 requests a second; 0.2 % fail for three weeks",
        steady,
        faults=[Fault(at(8), at(29), 0.002)],
        usual=0.0001,
    ),
    Scenario(
        "healthy, bursty",
        "5 requests a second, 300 in bursts; 0.02 % fail; deploys, crashes",
        bursty,
        usual=0.0002,
        deploy_every=2 * DAY,
        crash_every=31 * HOUR,
    ),
)
