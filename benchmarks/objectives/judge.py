"""Which alerts were due, from the requests themselves, and which came.

A page is due in an incident of which some hour spends 2 % of the month's budget, or some six
hours 5 %, with at least five failed requests; a warning, where some three days spend 10 %. It is
the workbook's own table, with requests counted in the place of rates. A page is right between the
begin of an incident that is worth one and an hour after its end (a warning: six hours), since a
window still looks back at it then, and false anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from benchmarks.objectives.clock import DAY, HOUR, MINUTE, STEP
from benchmarks.objectives.service import Month

WORTH_A_PAGE = ((1 * HOUR, 0.02), (6 * HOUR, 0.05))
WORTH_A_WARNING = (*WORTH_A_PAGE, (3 * DAY, 0.10))
FEWEST = 5  # failed requests
GRACE_OF_PAGE = 1 * HOUR
GRACE_OF_WARNING = 6 * HOUR

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class AlertResult:
    """What was due and what came."""

    due: int
    raised: int
    missed: int
    false: int
    delays: Sequence[int]  # seconds from an incident's begin to its first alert

    def text(self) -> str:
        """``2, 1 missed, 0 false``."""
        return f"{self.raised} / {self.missed} / {self.false}"


def incidents(month: Month) -> list[Span]:
    """All that went wrong on purpose: faults and lone errors."""
    faults = [(fault.start, fault.end) for fault in month.scenario.faults]
    return sorted(faults + [(time, time + MINUTE) for time in month.scenario.lone])


def due(month: Month, objective: float, worth: Iterable[tuple[int, float]]) -> list[Span]:
    """The incidents that spend enough of the month's budget soon enough."""
    budget = month.total * (1 - objective)
    sums = [0, *accumulate(month.failed)]

    def most(span: Span, window: int) -> int:
        begin, end = span[0] // MINUTE, -(-span[1] // MINUTE)
        width = min(window // MINUTE, end - begin)
        return max(sums[n + width] - sums[n] for n in range(begin, end - width + 1))

    return [
        span
        for span in incidents(month)
        if any(most(span, window) >= max(FEWEST, share * budget) for window, share in worth)
    ]


def judge(firing: Sequence[bool], spans: Sequence[Span], grace: int) -> AlertResult:
    """Hold one tool's alerts against the incidents that were due one."""
    began = [(n + 1) * STEP for n, now in enumerate(firing) if now and not (n and firing[n - 1])]
    delays, right = [], 0
    for start, end in spans:
        inside = [time for time in began if start <= time <= end + grace]
        right += len(inside)
        delays += [inside[0] - start] if inside else []
    return AlertResult(len(spans), len(began), len(spans) - len(delays), len(began) - right, delays)
