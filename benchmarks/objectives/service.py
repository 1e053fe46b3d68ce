"""A service through one month: its pods, what they answered, and what Prometheus saw of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from benchmarks.objectives.chance import Chance
from benchmarks.objectives.clock import DAY, EVERY, MINUTE, MONTH
from benchmarks.objectives.counters import Counter


@dataclass(frozen=True, slots=True)
class Fault:
    """A share of the requests that fail, from one second to another."""

    start: int
    end: int
    share: float
    dead: bool = False  # no process is there: no request arrives, no scrape succeeds


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a month is like."""

    name: str
    about: str
    load: Callable[[float], float]  # requests a second, of all pods, at a time
    faults: Sequence[Fault] = ()
    lone: Sequence[int] = ()  # single requests that fail, at these times
    usual: float = 0.0  # the share that always fails
    pods: int = 3
    deploy_every: int = 7 * DAY
    crash_every: int = 9 * DAY  # a process starts again in its pod: same series, from 0


@dataclass(slots=True)
class Month:
    """What was answered (the truth), and what was scraped."""

    scenario: Scenario
    good: list[Counter] = field(default_factory=list)
    bad: list[Counter] = field(default_factory=list)
    total: int = 0
    failed: list[int] = field(default_factory=lambda: [0] * (MONTH // MINUTE))  # each minute

    def spent(self, objective: float) -> float:
        """The share of the error budget that is gone, from the requests themselves."""
        return sum(self.failed) / self.total / (1 - objective)


def simulate(scenario: Scenario) -> Month:
    """Run through the month."""
    chance = Chance(scenario.name)
    month = Month(scenario)
    for pod in range(scenario.pods):
        for life in _lives(scenario, pod):
            _live(month, chance, pod, life)
    for fault in scenario.faults:
        if fault.dead:
            _turned_away(month, chance, fault)
    return month


def _lives(scenario: Scenario, pod: int) -> Iterator[tuple[int, int]]:
    """From when to when each of a pod's successors lives: one pod a minute is replaced."""
    cuts = {0: 0, MONTH: MONTH}
    cuts |= {t + MINUTE * pod: t + MINUTE * pod for t in range(0, MONTH, scenario.deploy_every)[1:]}
    for fault in scenario.faults:
        if fault.dead:
            cuts = {end: begin for end, begin in cuts.items() if not fault.start <= end < fault.end}
            cuts[fault.start] = fault.end
    ends = sorted(cuts)
    for end, following in pairwise(ends):
        yield cuts[end], following


def _live(month: Month, chance: Chance, pod: int, life: tuple[int, int]) -> None:
    """One pod's life: what it counts, and its two series."""
    scenario, (born, dies) = month.scenario, life
    phase = 3.7 + 8.9 * pod  # when this pod is scraped, in each 30 seconds
    since, good, bad, seen = float(born), 0, 0, False
    first = 0.0
    goods: list[int] = []
    bads: list[int] = []
    for scrape in _scrapes(born, dies, phase):
        more_good, more_bad = _answers(month, chance, since, scrape, lone=pod == 0)
        if int(scrape // scenario.crash_every) > int(since // scenario.crash_every) and goods:
            good = bad = 0  # what was counted between the last scrape and the crash is lost
        else:
            good, bad = good + more_good, bad + more_bad
        since = scrape
        if not seen and (more_good or more_bad):
            seen, first = True, scrape  # the first request makes the series, 500 at 0 among them
        if seen and scrape <= dies:
            goods.append(good)
            bads.append(bad)
    if len(goods) > 1:
        month.good.append(Counter(first, goods))
        month.bad.append(Counter(first, bads))


def _scrapes(born: int, dies: int, phase: float) -> Iterator[float]:
    """All scrapes of a life, and one past its end, which finds nobody."""
    number = ceil((born - phase) / EVERY)
    while (scrape := number * EVERY + phase) <= dies:
        yield scrape
        number += 1
    if dies > scrape - EVERY:
        yield float(dies) + 1e-6


def _answers(
    month: Month, chance: Chance, since: float, until: float, *, lone: bool
) -> tuple[int, int]:
    """Good and bad answers of one pod between two scrapes."""
    scenario, middle = month.scenario, (since + until) / 2
    share = max(
        (fault.share for fault in scenario.faults if fault.start <= middle < fault.end),
        default=scenario.usual,
    )
    load = scenario.load(middle) * (until - since) / scenario.pods
    good, bad = chance.poisson(load * (1 - share)), chance.poisson(load * share)
    if lone:
        bad += sum(since < time <= until for time in scenario.lone)
    month.total += good + bad
    month.failed[min(int(middle // MINUTE), len(month.failed) - 1)] += bad
    return good, bad


def _turned_away(month: Month, chance: Chance, fault: Fault) -> None:
    """Requests for which there was no process: users count them, no counter does."""
    for minute in range(fault.start // MINUTE, fault.end // MINUTE):
        lost = chance.poisson(month.scenario.load((minute + 0.5) * MINUTE) * MINUTE)
        month.total += lost
        month.failed[minute] += lost
