"""The time and the results of the dashboards' queries for a service with many routes."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.dashboards import engine, generated_series, queries, recording, remote_write
from benchmarks.dashboards.engine import Engine
from benchmarks.dashboards.generated_series import Size
from benchmarks.dashboards.queries import SentQuery
from benchmarks.servers import cpu_ns

SMALL, LARGE = Size(100, 4), Size(1000, 20)


class Timing(NamedTuple):
    """A query, its seconds in each round, the number of series, and the error, if any.

    ``cpu`` are the seconds of Prometheus's CPU time, which other processes lengthen less.
    """

    query: SentQuery
    seconds: list[float]
    cpu: list[float]
    series: int
    error: str

    @property
    def median(self) -> float:
        """The median of the seconds."""
        return statistics.median(self.seconds)

    @property
    def least_cpu(self) -> float:
        """The least of the CPU seconds: Prometheus works in the background too."""
        return min(self.cpu)


class Result(NamedTuple):
    """The figures of one size; ``evaluated`` has the CPU seconds of each recording rule."""

    size: Size
    written: int
    evaluated: dict[str, float]
    timings: list[Timing]

    def first_screen(self) -> list[Timing]:
        """The queries of panels on the first screen, without those of variables."""
        return [one for one in self.timings if one.query.first and not one.query.variable]


def measured(size: Size, rounds: int, *, below: bool = True) -> Result:
    """The queries of all dashboards; without ``below``, those of the first screens only."""
    until = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory() as folder, engine.prometheus(Path(folder)) as found:
        written = remote_write.write(found.port, generated_series.made(size, until))
        evaluated = recording.write(found, until)
        sent = [one for one in queries.all_queries() if below or one.first]
        timings = [timed(found, one, until, rounds) for one in sent]
        return Result(size, written, evaluated, timings)


def timed(found: Engine, query: SentQuery, until: int, rounds: int) -> Timing:
    """A query that is sent so many times."""
    answers, cpu = [], []
    for _ in range(rounds):
        before = cpu_ns(found.pid)
        answers.append(query.send(found.port, until))
        cpu.append((cpu_ns(found.pid) - before) / 1e9)
    data = answers[-1].data or []
    rows = data["result"] if isinstance(data, dict) else data
    seconds = [answer.seconds for answer in answers]
    return Timing(query, seconds, cpu, len(rows), answers[-1].error)
