"""Error budget and burn rate alerts, by the rules of each tool. Sources: ``docs/slo.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import nan

from benchmarks.objectives.clock import DAY, HOUR, MINUTE, MONTH, STEP, STEPS
from benchmarks.objectives.counters import Counter
from benchmarks.objectives.promql import (
    Recorded,
    divided,
    increase,
    sum_of_rates,
    sum_over_time,
)
from benchmarks.objectives.service import Month


@dataclass(frozen=True, slots=True)
class BurnRate:
    """One pair of windows, with its factor and its ``for``. ``page`` is for a critical alert."""

    long: int
    short: int
    factor: float
    page: bool
    hold: int = 0


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The budget that one tool computes, and its alerts."""

    name: str
    spent: float  # the share of the budget
    pages: Sequence[bool]  # at each evaluation, whether a critical alert fires
    warnings: Sequence[bool]


def _scaled(seconds: float) -> int:
    """A window of Pyrra, which defines windows for 28 days, scales them and rounds to minutes."""
    return round(seconds * (MONTH / (28 * DAY)) / MINUTE) * MINUTE


SIDELIGHT = (
    BurnRate(1 * HOUR, 5 * MINUTE, 14.4, page=True, hold=2 * MINUTE),
    BurnRate(6 * HOUR, 30 * MINUTE, 6, page=True, hold=5 * MINUTE),
    BurnRate(1 * DAY, 2 * HOUR, 3, page=False, hold=15 * MINUTE),
    BurnRate(3 * DAY, 6 * HOUR, 1, page=False, hold=30 * MINUTE),
)
SLOTH = tuple(replace(burn, hold=0) for burn in SIDELIGHT)
PYRRA = tuple(
    BurnRate(_scaled(long), _scaled(short), factor, page, _scaled(hold))
    for long, short, factor, page, hold in (
        (1 * HOUR, 5 * MINUTE, 14, True, 2 * MINUTE),
        (6 * HOUR, 30 * MINUTE, 7, True, 15 * MINUTE),
        (1 * DAY, 2 * HOUR, 2, False, 1 * HOUR),
        (4 * DAY, 6 * HOUR, 1, False, 3 * HOUR),
    )
)
SHORTEST = 5 * MINUTE
MIN_BAD_EVENTS = 10
MIN_FAILED = 3
SLOW, SLOW_INTERVAL = DAY, 4 * MINUTE  # Sidelight sums windows of a day and longer every 4 minutes


@dataclass(slots=True)
class Scraped:
    """The sums of rates over one month's series, each computed once."""

    month: Month
    _known: dict[int, tuple[Recorded, Recorded]] = field(default_factory=dict)

    def bad_and_total(self, window: int) -> tuple[Recorded, Recorded]:
        """``sum(rate(…[window]))`` of failed requests, and of all."""
        if window not in self._known:
            bad, good = (
                sum_of_rates(series, window) for series in (self.month.bad, self.month.good)
            )
            total: Recorded = [
                None if b is None or g is None else b + g for b, g in zip(bad, good, strict=True)
            ]
            self._known[window] = bad, total
        return self._known[window]

    def ratio(self, window: int) -> Recorded:
        """The share of failed requests, over one window."""
        return divided(*self.bad_and_total(window))

    def raw(self) -> float:
        """The share of failed requests, by ``increase`` over the whole month."""
        bad, good = (_increase(series) for series in (self.month.bad, self.month.good))
        return bad / (bad + good) if bad + good else nan


def _increase(series: Iterable[Counter]) -> float:
    return increase(series, MONTH)


def sidelight(scraped: Scraped, objective: float) -> ToolResult:
    """Rates of bad and of all requests over 5 minutes are recorded; the rest is sums of these."""
    recorded = scraped.bad_and_total(SHORTEST)

    def counts(window: int) -> tuple[Recorded, Recorded]:
        bad, total = (_events(rates, window) for rates in recorded)
        return bad, total

    def ratio(window: int) -> Recorded:
        return divided(*(recorded if window == SHORTEST else counts(window)))

    def fires(burn: BurnRate) -> list[bool]:
        burning = _both(ratio(burn.long), ratio(burn.short), burn.factor * (1 - objective))
        return [
            yes and events is not None and events >= MIN_BAD_EVENTS
            for yes, events in zip(burning, counts(burn.long)[0], strict=True)
        ]

    def low_traffic() -> list[bool]:
        failing = _both(ratio(6 * HOUR), ratio(2 * HOUR), 0.5)
        return [
            yes and events is not None and MIN_FAILED <= events < MIN_BAD_EVENTS
            for yes, events in zip(failing, counts(6 * HOUR)[0], strict=True)
        ]

    tool = _tool("Sidelight", ratio(MONTH)[-1], objective, SIDELIGHT, fires)
    rarely_used = _held(low_traffic(), 5 * MINUTE)
    warnings = [a or b for a, b in zip(tool.warnings, rarely_used, strict=True)]
    return replace(tool, warnings=warnings)


def _events(rates: Recorded, window: int) -> Recorded:
    """Requests in a window: recorded rates, summed, times the interval."""
    summed = [None if rate is None else rate * STEP for rate in sum_over_time(rates, window)]
    if window < SLOW:
        return summed
    each = SLOW_INTERVAL // STEP
    return [summed[max(0, (n + 1) // each * each - 1)] for n in range(STEPS)]


def sloth(scraped: Scraped, objective: float) -> ToolResult:
    """A ratio for each window from the raw counters; the month's is the mean of 5-minute ones."""
    return _tool(
        "Sloth", _mean(scraped.ratio(SHORTEST)), objective, SLOTH, _plain(scraped, objective)
    )


def sloth_guarded(scraped: Scraped, objective: float) -> float:
    """The budget of Sloth where the user's query leaves out windows without traffic."""
    kept: Recorded = [value for value in scraped.ratio(SHORTEST) if value == value]  # noqa: PLR0124 (NaN)
    return _mean(kept) / (1 - objective)


def pyrra(scraped: Scraped, objective: float) -> ToolResult:
    """The budget by ``increase`` over the month; alerts as Sloth's, with other windows."""
    return _tool("Pyrra", scraped.raw(), objective, PYRRA, _plain(scraped, objective))


def _tool(
    name: str,
    ratio: float | None,
    objective: float,
    burns: Sequence[BurnRate],
    fires: Callable[[BurnRate], list[bool]],
) -> ToolResult:
    alerts: dict[bool, list[bool]] = {True: [False] * STEPS, False: [False] * STEPS}
    for burn in burns:
        held = _held(fires(burn), burn.hold)
        alerts[burn.page] = [a or b for a, b in zip(alerts[burn.page], held, strict=True)]
    spent = nan if ratio is None else ratio / (1 - objective)
    return ToolResult(name, spent, alerts[True], alerts[False])


def _plain(scraped: Scraped, objective: float) -> Callable[[BurnRate], list[bool]]:
    return lambda burn: _both(
        scraped.ratio(burn.long), scraped.ratio(burn.short), burn.factor * (1 - objective)
    )


def _both(long: Recorded, short: Recorded, threshold: float) -> list[bool]:
    return [
        one is not None and other is not None and one > threshold and other > threshold
        for one, other in zip(long, short, strict=True)
    ]


def _held(active: Sequence[bool], hold: int) -> list[bool]:
    """An alert's ``for``."""
    fires, since = [], 0
    for n, now in enumerate(active):
        since = since if now else n + 1
        fires.append(now and (n - since) * STEP >= hold)
    return fires


def _mean(recorded: Recorded) -> float:
    """``sum_over_time / count_over_time``: one NaN makes it NaN."""
    values = [value for value in recorded if value is not None]
    return sum(values) / len(values) if values else nan
