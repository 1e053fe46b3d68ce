"""How long the dashboards' queries take, and how much they return, where a service is wide."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.dashboards import asked, engine, feed, history, series
from benchmarks.dashboards.asked import Asked
from benchmarks.dashboards.series import Size

SMALL, WIDE = Size(100, 4), Size(1000, 20)


class Put(NamedTuple):
    """A query and its answer: seconds of each turn, how many series, and the error if it is one."""

    asked: Asked
    seconds: list[float]
    series: int
    error: str

    @property
    def usual(self) -> float:
        """The median of its seconds."""
        return median(self.seconds)


class Seen(NamedTuple):
    """What one size led to. ``evaluated`` has the CPU seconds of each recording rule, once."""

    size: Size
    written: int
    evaluated: dict[str, float]
    put: list[Put]

    def first(self) -> list[Put]:
        """Those of panels on the first screen; what variables choose from is no panel."""
        return [one for one in self.put if one.asked.first and not one.asked.variable]


def measured(size: Size, turns: int, *, below: bool = True) -> Seen:
    """Every query of every dashboard, so often; without ``below`` those of first screens only."""
    until = int(time.time()) // 60 * 60
    with tempfile.TemporaryDirectory() as folder, engine.prometheus(Path(folder)) as found:
        written = feed.write(found.port, series.made(size, until))
        evaluated = history.write(found, until)
        questions = [one for one in asked.everything() if below or one.first]
        return Seen(
            size, written, evaluated, [_put(found.port, one, until, turns) for one in questions]
        )


def _put(port: int, one: Asked, until: int, turns: int) -> Put:
    answers = [one.put(port, until) for _ in range(turns)]
    data = answers[-1].data or []
    found = data["result"] if isinstance(data, dict) else data
    return Put(one, [answer.seconds for answer in answers], len(found), answers[-1].error)
