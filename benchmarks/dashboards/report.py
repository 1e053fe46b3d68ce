"""The report about the dashboards' queries for a service with many routes."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.dashboards import LARGE, SMALL, Result, Timing, measured, queries
from benchmarks.report import Section, Target, table

MOST_SECONDS = 2.0
MOST_SERIES = 500
ROUNDS = 3


def run(*, quick: bool) -> Section:
    """Write an hour of series to Prometheus, and send the queries of every dashboard."""
    result = measured(SMALL if quick else LARGE, 1 if quick else ROUNDS)
    first = result.first_screen()
    how = _HOW.format(size=result.size, written=result.written, rounds=ROUNDS, first=queries.FIRST)
    section = Section(_TITLE, how + _boards(result) + _slowest(result) + _rules(result))
    section.targets = [
        Target("seconds of the slowest query of a first screen", _worst(first), MOST_SECONDS),
        Target(
            "most series that a query of a first screen returns",
            _most(first),
            MOST_SERIES,
            digits=0,
        ),
    ]
    return section


def _most(timings: list[Timing]) -> int:
    return max(one.series for one in timings)


def _worst(timings: list[Timing]) -> float:
    return max(one.median for one in timings)


def _boards(result: Result) -> str:
    head = ["dashboard", "queries of the first screen", "slowest, s", "all, s", "most series"]
    head += ["variables, s", "slowest below, s"]
    return f"\n{table(head, _board_rows(result))}"


def _board_rows(result: Result) -> Iterator[list[str]]:
    for board in dict.fromkeys(one.query.board for one in result.timings):
        here = [one for one in result.timings if one.query.board == board]
        first = [one for one in result.first_screen() if one.query.board == board]
        below = [one for one in here if not one.query.first]
        yield [
            board.removeprefix("sidelight-"),
            str(len(first)),
            f"{_worst(first):.2f}",
            f"{sum(one.median for one in first):.2f}",
            str(_most(first)),
            f"{sum(one.median for one in here if one.query.variable):.2f}",
            f"{_worst(below):.2f}" if below else "",
        ]


def _slowest(result: Result) -> str:
    slowest = sorted(result.timings, key=lambda one: -one.median)[:10]
    rows = (
        [
            f"{one.query.board.removeprefix('sidelight-')}: {one.query.name}",
            "yes" if one.query.first else "no",
            f"{one.median:.2f}",
            one.error or str(one.series),
        ]
        for one in slowest
    )
    return f"\n{table(['the ten slowest', 'first screen', 's', 'series'], rows)}"


def _rules(result: Result) -> str:
    costliest = sorted(result.evaluated.items(), key=lambda one: -one[1])[:5]
    rows = [[f"`{name}`", f"{seconds:.2f}"] for name, seconds in costliest]
    rows.append(["all recording rules", f"{sum(result.evaluated.values()):.2f}"])
    return f"\n{table(['one evaluation per minute', 'CPU, s'], rows)}"


_TITLE = "Dashboards of a service with many routes"
_HOW = """\
{size} routes x instances, {written:,} series: the duration histogram with status 200 and the zero
of 500, slow requests and their thresholds, more than an hour at 30 seconds, written into a real
Prometheus by remote write. The recorded series of that hour are queried rule by rule and written
to Prometheus. Every query of every dashboard is sent {rounds} times with All selected, over an
hour, as Grafana sends it; times are medians, to the last byte of the response. The first screen
has the panels that begin in the upper {first} units of the grid, which 1400 x 900 pixels show.
"""
