"""The alerts that were due, by the requests themselves, and the alerts that fired.

A page is due in an incident of which some hour spends 2 % of the month's budget, or some six
hours 5 %, with at least five failed requests; a warning, where some three days spend 10 %. This is
the workbook's table, with requests instead of rates. A page is correct from the begin of an
incident for which one is due until an hour after its end (a warning: six hours), because windows
still include the incident. At any other time it is false.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.objectives.clock import DAY, HOUR, MINUTE, STEP
from benchmarks.objectives.service import Month

WORTH_A_PAGE = ((1 * HOUR, 0.02), (6 * HOUR, 0.05))
WORTH_A_WARNING = (*WORTH_A_PAGE, (3 * DAY, 0.10))
MIN_FAILED = 5  # failed requests
GRACE_OF_PAGE = 1 * HOUR
GRACE_OF_WARNING = 6 * HOUR

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AlertScore:
    """How many alerts were due, fired, missed and false."""

    due: int
    raised: int
    missed: int
    false: int
    delays: Sequence[int]  # seconds from an incident's begin to its first alert

    def text(self) -> str:
        """``2, 1 missed, 0 false``."""
        return f"{self.raised} / {self.missed} / {self.false}"


def incidents(month: Month) -> list[Span]:
    """The simulated incidents: faults and single errors."""
    faults = [(fault.start, fault.end) for fault in month.scenario.faults]
    return sorted(faults + [(time, time + MINUTE) for time in month.scenario.lone])


def due(month: Month, objective: float, worth: Iterable[tuple[int, float]]) -> list[Span]:
    """The incidents that spend enough of the month's budget in a short enough time."""
    budget = month.total * (1 - objective)
    sums = [0, *accumulate(month.failed)]

    def most(span: Span, window: int) -> int:
        begin, end = span[0] // MINUTE, -(-span[1] // MINUTE)
        width = min(window // MINUTE, end - begin)
        return max(sums[n + width] - sums[n] for n in range(begin, end - width + 1))

    return [
        span
        for span in incidents(month)
        if any(most(span, window) >= max(MIN_FAILED, share * budget) for window, share in worth)
    ]


def score(firing: Sequence[bool], spans: Sequence[Span], grace: int) -> AlertScore:
    """Compare a tool's alerts with the incidents for which alerts were due."""
    began = [(n + 1) * STEP for n, now in enumerate(firing) if now and not (n and firing[n - 1])]
    delays, right = [], 0
    for start, end in spans:
        inside = [time for time in began if start <= time <= end + grace]
        right += len(inside)
        delays += [inside[0] - start] if inside else []
    return AlertScore(len(spans), len(began), len(spans) - len(delays), len(began) - right, delays)
