"""The dashboards of a wide service: how long their queries take, and how much they return."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.dashboards import SMALL, WIDE, Put, Seen, asked, measured
from benchmarks.report import Section, Target, table

MOST_SECONDS = 2.0
MOST_SERIES = 500
TURNS = 3


def run(*, quick: bool) -> Section:
    """Write an hour of a wide service into Prometheus, and open every dashboard."""
    seen = measured(SMALL if quick else WIDE, 1 if quick else TURNS)
    first = seen.first()
    how = _HOW.format(size=seen.size, written=seen.written, turns=TURNS, first=asked.FIRST)
    section = Section(_TITLE, how + _boards(seen) + _slowest(seen) + _rules(seen))
    section.targets = [
        Target("seconds of the slowest query of a first screen", _worst(first), MOST_SECONDS),
        Target("series that one returns, at most", most(first), MOST_SERIES, digits=0),
    ]
    return section


def most(put: list[Put]) -> int:
    """The series of the widest answer."""
    return max(one.series for one in put)


def _worst(put: list[Put]) -> float:
    return max(one.usual for one in put)


def _boards(seen: Seen) -> str:
    head = ["dashboard", "queries of the first screen", "slowest, s", "all, s", "most series"]
    head += ["variables, s", "slowest below, s"]
    return f"\n{table(head, _board_rows(seen))}"


def _board_rows(seen: Seen) -> Iterator[list[str]]:
    for board in dict.fromkeys(one.asked.board for one in seen.put):
        here = [one for one in seen.put if one.asked.board == board]
        first = [one for one in seen.first() if one.asked.board == board]
        below = [one for one in here if not one.asked.first]
        yield [
            board.removeprefix("sidelight-"),
            str(len(first)),
            f"{_worst(first):.2f}",
            f"{sum(one.usual for one in first):.2f}",
            str(most(first)),
            f"{sum(one.usual for one in here if one.asked.variable):.2f}",
            f"{_worst(below):.2f}" if below else "",
        ]


def _slowest(seen: Seen) -> str:
    slowest = sorted(seen.put, key=lambda one: -one.usual)[:10]
    rows = (
        [
            f"{one.asked.board.removeprefix('sidelight-')}: {one.asked.what}",
            "yes" if one.asked.first else "no",
            f"{one.usual:.2f}",
            one.error or str(one.series),
        ]
        for one in slowest
    )
    return f"\n{table(['the ten slowest', 'first screen', 's', 'series'], rows)}"


def _rules(seen: Seen) -> str:
    dearest = sorted(seen.evaluated.items(), key=lambda one: -one[1])[:5]
    rows = [[f"`{name}`", f"{seconds:.2f}"] for name, seconds in dearest]
    rows.append(["all that record", f"{sum(seen.evaluated.values()):.2f}"])
    return f"\n{table(['one evaluation, every minute', 'CPU, s'], rows)}"


_TITLE = "Dashboards of a wide service"
_HOW = """\
{size} routes x instances, {written:,} series: the duration histogram with status 200 and the zero
of 500, slow requests and their thresholds, an hour and some at 30 seconds, written into a real
Prometheus by remote write. The recorded series of that hour are asked of Prometheus rule by rule,
and written back. Every query of every dashboard is put {turns} times with All chosen, over an hour,
as Grafana would; times are medians, to the last byte of the answer. First screen: panels that begin
in the upper {first} units of the grid, which is what 1400 x 900 pixels show.
"""
