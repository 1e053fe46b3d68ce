"""A graph of lines over time as ECharts' options.

Series have one list of times between them: ``dataset`` holds it and a list for each series, so that
a refresh sends every number once. What only a browser can do (write a number, tell a theme's
colours) is left to static/chart.js, which knows the unit by its table.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.viewer.board import Panel
from sidelight.viewer.fields import PALETTE, Field, field, series_name
from sidelight.viewer.marks import Mark, marks
from sidelight.viewer.prometheus import Answer, Exemplar, Series
from sidelight.viewer.ticks import axis
from sidelight.viewer.times import Range
from sidelight.viewer.units import unit

FEW: Final = 24
"""So few points are shown as points too."""
GAP: Final = 1.5
"""Steps without a point from which on a line is broken."""
MOST_TRACES: Final = 150
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One series, its values on the graph's own times: None where it has none."""

    name: str
    colour: str
    values: list[float | None]
    field: Field

    @property
    def stacked(self) -> bool:
        """Whether it stands on the ones before it."""
        return bool(self.field.get("custom.stacking", {}).get("mode") == "normal")


def option(
    panel: Panel,
    answers: Sequence[tuple[Answer, float]],
    asked: Range,
    noted: Sequence[Mark] = (),
    traces: Sequence[Exemplar] = (),
) -> Json | None:
    """The options; None where no series has a value. Each answer comes with its step."""
    times = grid(answers)
    lines = list(_lines(panel, answers, times))
    if not any(value is not None for line in lines for value in line.values):
        return None
    whole = field(panel, "")
    return {
        "dataset": {"source": {"t": [round(t * 1000) for t in times], **_columns(lines)}},
        "series": [*_series(lines, len(times)), *_traces(traces), *marks(noted)],
        "xAxis": time_axis(asked),
        "yAxis": _values_axis(lines, whole),
        "legend": [_legend(line) for line in lines],
        "unit": unit(whole.unit).plain(),
        "decimals": whole.get("decimals"),
        "marks": [one.plain() for one in noted],
    }


def grid(answers: Sequence[tuple[Answer, float]]) -> list[float]:
    """Every time that a series has, and one inside each gap, where lines break."""
    found = sorted({t for answer, _ in answers for series in answer.series for t in series.times})
    step = min((step for _, step in answers), default=0)
    times = list[float]()
    for before, after in zip(found, [*found[1:], math.inf], strict=False):
        times.append(before)
        if step and GAP * step < after - before < math.inf:
            times.append(before + step)
    return times


def time_axis(asked: Range) -> Json:
    """The axis of time: the whole range, though nothing be known of its ends."""
    return {"type": "time", "min": round(asked.since * 1000), "max": round(asked.until * 1000)}


def _lines(
    panel: Panel, answers: Sequence[tuple[Answer, float]], times: Sequence[float]
) -> Iterator[Line]:
    at = {t: place for place, t in enumerate(times)}
    number = 0
    for target, (answer, _) in zip(panel.targets, answers, strict=True):
        for series in answer.series:
            name = series_name(target.legend, series)
            found = field(panel, name, target.ref)
            colour = found.fixed or PALETTE[number % len(PALETTE)]
            number += not found.fixed
            yield Line(found.get("displayName", name), colour, _on(series, at), found)


def _on(series: Series, at: dict[float, int]) -> list[float | None]:
    values: list[float | None] = [None] * len(at)
    for t, value in zip(series.times, series.values, strict=True):
        if math.isfinite(value):
            values[at[t]] = float(f"{value:.6g}")
    return values


def _columns(lines: Iterable[Line]) -> Json:
    return {f"s{number}": line.values for number, line in enumerate(lines)}


def _series(lines: Sequence[Line], points: int) -> Iterator[Json]:
    for number, line in enumerate(lines):
        column, look = f"s{number}", line.field
        yield {
            "type": "line",
            "id": column,
            "name": line.name,
            "encode": {"x": "t", "y": column},
            "color": line.colour,
            "lineStyle": {"width": look.get("custom.lineWidth", 1) * 1.25, **_dashes(look)},
            "areaStyle": {"opacity": look.get("custom.fillOpacity", 0) / 100},
            "showSymbol": points <= FEW or alone(line.values),
            "connectNulls": look.get("custom.spanNulls", False),
            **({"stack": "all"} if line.stacked else {}),
        }


def alone(values: Sequence[float | None]) -> bool:
    """Whether a value has none beside it: a line would not show it."""
    padded = [None, *values, None]
    return any(
        here is not None and before is None and after is None
        for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)
    )


def _dashes(look: Field) -> Json:
    style = look.get("custom.lineStyle", {})
    return {"type": style.get("dash", [8, 8])} if style.get("fill") == "dash" else {}


def _legend(line: Line) -> Json:
    last = next((value for value in reversed(line.values) if value is not None), None)
    return {
        "name": line.name,
        "colour": line.colour,
        "dashed": bool(_dashes(line.field)),
        "last": "" if last is None else line.field.text(last),
    }


def _values_axis(lines: Sequence[Line], whole: Field) -> Json:
    low, high = _ends(lines)
    found = axis(low, high, whole.unit, whole.get("min"), whole.get("max"))
    return {"type": "value", "min": found.low, "max": found.high, "interval": found.step}


def _ends(lines: Sequence[Line]) -> tuple[float, float]:
    single = [value for line in lines for value in line.values if value is not None]
    stacked = [line.values for line in lines if line.stacked]
    sums = [sum(value or 0 for value in values) for values in zip(*stacked, strict=True)]
    return min(*single, *sums, math.inf), max(*single, *sums, -math.inf)


def _traces(traces: Sequence[Exemplar]) -> Iterator[Json]:
    if traces:
        yield {"type": "scatter", "id": "traces", "name": "traces", "data": trace_points(traces)}


def trace_points(traces: Sequence[Exemplar]) -> list[Json]:
    """Points with the labels that the tooltip shows; of too many, the largest values."""
    kept = sorted(traces, key=lambda one: -one.value)[:MOST_TRACES]
    return [
        {"value": [round(one.time * 1000), float(f"{one.value:.6g}")], "labels": dict(one.labels)}
        for one in kept
    ]
