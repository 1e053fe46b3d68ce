"""The report about arrivals: each server, with each kind of connection, under each load."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benchmarks.arrivals import HOLDS, OVERLOAD, Load, Run, measured
from benchmarks.report import Section, Target, table
from benchmarks.servers import Server

MOST_RUNS, ENOUGH = 3, 2
LOADS = [*HOLDS, OVERLOAD]
LONG_SECONDS = 0.3
LEAST_GUILTY = 0.9


class Setup(NamedTuple):
    """A server of uvicorn."""

    workers: int
    loop: str
    http: str


SETUPS = [Setup(*each) for each in product((1, 4), ("asyncio", "uvloop"), ("h11", "httptools"))]
QUICK = Setup(1, "uvloop", "httptools")


class Row(NamedTuple):
    """The runs of one load on one server."""

    setup: Setup
    kept: bool
    runs: list[Run]

    @property
    def agreeing(self) -> int:
        """How many runs agree with their clients."""
        return sum(run.agrees for run in self.runs)

    @property
    def agrees(self) -> bool:
        """Whether enough of them do."""
        return self.agreeing >= min(ENOUGH, len(self.runs))

    def cells(self) -> list[str]:
        """As a row of the table."""
        first = self.runs[0]
        lower, upper = first.page.bucket
        apart = (run.page.mean - run.mean for run in self.runs)
        return [
            f"{self.setup.workers}, {self.setup.loop}, {self.setup.http}",
            "kept" if self.kept else "new",
            first.load.name,
            f"{1000 * first.mean:,.1f}",
            f"{1000 * first.page.mean:,.1f}",
            ", ".join(f"{1000 * each:+.1f}" for each in apart),
            f"{first.p95:.3f}",
            f"{lower:g} to {upper:g}",
            f"{fmean(run.guilty for run in self.runs):.2f}",
            f"{self.agreeing} of {len(self.runs)}",
        ]


def run(*, quick: bool) -> Section:
    """Start one server after the other."""
    rows = list(_rows([QUICK], [HOLDS[1]], 1) if quick else _rows(SETUPS, LOADS, MOST_RUNS))
    head = [
        "workers, loop, HTTP", "connections", "busy for", "clients' mean, ms", "page's mean, ms",
        "difference of each run, ms", "clients' p95, s", "its bucket on the page, s",
        "charged to the cause", "runs that agree",
    ]  # fmt: skip
    section = Section(_TITLE, f"{_HOW}\n{table(head, [row.cells() for row in rows])}")
    section.targets = list(_targets(rows))
    return section


def _rows(setups: Iterable[Setup], loads: list[Load], most: int) -> Iterator[Row]:
    for setup in setups:
        with tempfile.TemporaryDirectory() as held:
            options = setup._asdict()
            env = {"BENCH_HELD": held}
            with Server("benchmarks.arrivals.service:service", env=env, **options) as server:
                measured(server, setup.workers, HOLDS[0], Path(held), kept=False)  # a warm-up
                for kept, load in product((True, False), loads):
                    runs = _runs(server, setup.workers, load, Path(held), kept=kept, most=most)
                    row = Row(setup, kept, runs)
                    print(" | ".join(row.cells()), file=sys.stderr, flush=True)
                    yield row


def _runs(  # noqa: PLR0913 each is one dimension of the table
    server: Server, workers: int, load: Load, held: Path, *, kept: bool, most: int
) -> list[Run]:
    """Until so many agree, or disagree, that a further one changes nothing."""
    runs: list[Run] = []
    while len(runs) < most and max(map([run.agrees for run in runs].count, (True, False))) < ENOUGH:
        runs.append(measured(server, workers, load, held, kept=kept))
    return runs


def _targets(rows: list[Row]) -> Iterator[Target]:
    disagree = sum(not row.agrees for row in rows)
    yield Target(f"rows of {len(rows)} where page and clients disagree", disagree, 0, digits=0)
    runs = [run for row in rows for run in row.runs]
    charged = max(abs(sum(run.page.caused.values()) - run.page.waited) for run in runs)
    yield Target("most by which waits and what was charged for them differ, s", charged, 1e-6)
    long = [run.guilty for run in runs if run.load.seconds >= LONG_SECONDS]
    name = "least share of the waits for a loop busy for 0.3 s or more, at its cause"
    yield Target(name, min(long), LEAST_GUILTY, at_least=True)


_TITLE = "Requests that wait for a busy event loop"
_HOW = """\
All workers of a real uvicorn are busy: a route sleeps without await, or 60 requests a worker
compute for 15 ms each. Meanwhile 40 clients of another route send a request each, at even times,
whatever is answered; each has a connection that is kept since before, or a new one. Their
stopwatches begin before the connection or the request, and end with the last byte. The page's mean
is that of `http_server_request_duration_seconds` of the same 40 requests. A run agrees if the means
differ by at most 2 % or 4 ms, and the page's bucket of the 95th percentile is that of the clients,
up to the same difference. A row agrees if two runs of at most three do; figures are those of the
first run. The cause is the route that kept the loops busy, and its share that of
`fastapi_queue_seconds_caused_total`.
"""
