"""A service during one month: its pods, their responses, and what Prometheus scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil

from benchmarks.objectives.clock import DAY, EVERY, MINUTE, MONTH
from benchmarks.objectives.counters import Counter
from benchmarks.objectives.random_counts import RandomCounts


@dataclass(frozen=True, slots=True)
class Fault:
    """A share of the requests that fail, from one second to another."""

    start: int
    end: int
    share: float
    absent: bool = False  # no process is there: no request arrives, no scrape succeeds


@dataclass(frozen=True, slots=True)
class Scenario:
    """The load and the faults of a month."""

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
    """The responses, and what was scraped."""

    scenario: Scenario
    good: list[Counter] = field(default_factory=list)
    bad: list[Counter] = field(default_factory=list)
    total: int = 0
    failed: list[int] = field(default_factory=lambda: [0] * (MONTH // MINUTE))  # each minute

    def spent(self, objective: float) -> float:
        """The share of the error budget that is spent, by the responses themselves."""
        return sum(self.failed) / self.total / (1 - objective)


def simulate(scenario: Scenario) -> Month:
    """Simulate the month."""
    random = RandomCounts(scenario.name)
    month = Month(scenario)
    for pod in range(scenario.pods):
        for life in _lives(scenario, pod):
            _live(month, random, pod, life)
    for fault in scenario.faults:
        if fault.absent:
            _refused(month, random, fault)
    return month


def _lives(scenario: Scenario, pod: int) -> Iterator[tuple[int, int]]:
    """The begin and end of each of a pod's processes: one pod per minute is replaced."""
    cuts = {0: 0, MONTH: MONTH}
    cuts |= {t + MINUTE * pod: t + MINUTE * pod for t in range(0, MONTH, scenario.deploy_every)[1:]}
    for fault in scenario.faults:
        if fault.absent:
            cuts = {end: begin for end, begin in cuts.items() if not fault.start <= end < fault.end}
            cuts[fault.start] = fault.end
    ends = sorted(cuts)
    for end, following in pairwise(ends):
        yield cuts[end], following


def _live(month: Month, random: RandomCounts, pod: int, life: tuple[int, int]) -> None:
    """One process: what it counts, and its two series."""
    scenario, (born, dies) = month.scenario, life
    phase = 3.7 + 8.9 * pod  # when this pod is scraped, in each 30 seconds
    since, good, bad, seen = float(born), 0, 0, False
    first = 0.0
    goods: list[int] = []
    bads: list[int] = []
    for scrape in _scrapes(born, dies, phase):
        more_good, more_bad = _answers(month, random, since, scrape, lone=pod == 0)
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
    """All scrapes of a process, and one after its end, which fails."""
    number = ceil((born - phase) / EVERY)
    while (scrape := number * EVERY + phase) <= dies:
        yield scrape
        number += 1
    if dies > scrape - EVERY:
        yield float(dies) + 1e-6


def _answers(
    month: Month, random: RandomCounts, since: float, until: float, *, lone: bool
) -> tuple[int, int]:
    """Good and bad responses of one pod between two scrapes."""
    scenario, middle = month.scenario, (since + until) / 2
    share = max(
        (fault.share for fault in scenario.faults if fault.start <= middle < fault.end),
        default=scenario.usual,
    )
    load = scenario.load(middle) * (until - since) / scenario.pods
    good, bad = random.poisson(load * (1 - share)), random.poisson(load * share)
    if lone:
        bad += sum(since < time <= until for time in scenario.lone)
    month.total += good + bad
    month.failed[min(int(middle // MINUTE), len(month.failed) - 1)] += bad
    return good, bad


def _refused(month: Month, random: RandomCounts, fault: Fault) -> None:
    """Requests for which there was no process: they failed, and no counter has them."""
    for minute in range(fault.start // MINUTE, fault.end // MINUTE):
        lost = random.poisson(month.scenario.load((minute + 0.5) * MINUTE) * MINUTE)
        month.total += lost
        month.failed[minute] += lost
