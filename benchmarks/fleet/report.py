"""The report about fleets: what docs/scale.md computes, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.dashboards import Timing
from benchmarks.dashboards.report import MOST_SECONDS
from benchmarks.fleet import EVERY, FULL, MANY, MOST_MIB, Fleet, Result, measured
from benchmarks.fleet.recorded import Instance
from benchmarks.report import Section, Target, table
from tests.deploy.arithmetic import HEAD, Service, memory, rate

SECONDS, ROUNDS = 60, 3
QUICK = Fleet(3, Instance(used=2, other=1, workers=1))
QUICK_SECONDS = 40
MIB = 2**20


def run(*, quick: bool) -> Section:
    """Scrape two fleets, one after the other."""
    fleets = [QUICK] if quick else [FULL, MANY]
    seconds, rounds = (QUICK_SECONDS, 1) if quick else (SECONDS, ROUNDS)
    results = [measured(fleet, seconds, rounds) for fleet in fleets]
    section = Section(_TITLE, _HOW.format(seconds=seconds, every=EVERY, rounds=rounds))
    section.text += f"\n{_figures(results)}"
    section.targets = [
        Target("MiB of the larger Prometheus", max(one.peak for one in results), MOST_MIB),
        Target(
            "CPU seconds of the slowest query of a first screen",
            max(_slowest(one).least_cpu for one in results),
            MOST_SECONDS,
        ),
    ]
    return section


def _slowest(one: Result) -> Timing:
    return max(one.timings, key=lambda timing: timing.least_cpu)


def _figures(results: list[Result]) -> str:
    head = [""]
    for one in results:
        head += [f"{one.fleet.instances:,} instances: computed", "measured"]
    columns = [list(_column(one)) for one in results]
    rows = [
        [row[0][0], *(cell for _, *cells in row for cell in cells)]
        for row in zip(*columns, strict=True)
    ]
    return table(head, rows)


def _column(one: Result) -> Iterator[tuple[str, str, str]]:
    """The name of each figure, what the page computes, and what was measured."""
    fleet, of = one.fleet, one.fleet.of
    service = Service(used=of.used, other=of.other, workers=of.workers)
    series = service.series * fleet.instances
    low, high = (memory(series, fleet.instances, size) / MIB for size in HEAD)
    slowest, total = _slowest(one), sum(timing.least_cpu for timing in one.timings)
    yield "series of an instance", f"{service.series:,}", f"{one.series:,}"
    yield "series in Prometheus", f"{series:,}", f"{one.head:,}"
    yield "instances up", f"{fleet.instances:,}", f"{one.up:,}"
    yield "samples per second", f"{rate(series, EVERY):,.0f}", f"{one.samples:,.0f}"
    yield "memory at the end, MiB", f"{low:,.0f} to {high:,.0f}", f"{one.resident:,.0f}"
    yield "memory at most, MiB", "", f"{one.peak:,.0f}"
    yield "CPU, cores", "", f"{one.cpu:.2f}"
    yield "slowest query of a first screen, CPU s", "", f"{slowest.least_cpu:.2f}"
    yield "which", "", f"{slowest.query.board.removeprefix('sidelight-')}: {slowest.query.name}"
    yield "its time, s", "", f"{min(slowest.seconds):.2f}"
    yield "all queries of the first screens, CPU s", "", f"{total:.1f}"


_TITLE = "A fleet that one Prometheus scrapes"
_HOW = """\
The page of a real service with its sidecar is recorded once for each size, and one process serves
it as every instance; counters grow with each scrape. A real Prometheus scrapes all of them every
{every} s for {seconds} s and evaluates the default rules. The samples and the CPU time are those
after the first scrapes. Then every query of the first screens is sent {rounds} times with All
selected, over an hour, as Grafana sends it; times are the least. A query's CPU time includes the
scrapes and rules meanwhile. Computed is what docs/scale.md computes.
"""
