"""A graph of lines over time as ECharts' options.

Series that are asked with one step share a list of times: each is a ``dataset`` of that list and a
list of values a series, so that a refresh sends every number once. What only a browser can do
(write a number, tell a theme's colours) is left to static/sidelight-chart.js, which knows the unit
by its table.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.board import Panel
from sidelight.embedded.viewer.fields import PALETTE, Field, field, series_name
from sidelight.embedded.viewer.marks import Mark, marks
from sidelight.embedded.viewer.prometheus import Answer, Exemplar, Series
from sidelight.embedded.viewer.ticks import axis
from sidelight.embedded.viewer.times import Range
from sidelight.embedded.viewer.units import unit

FEW: Final = 24
"""So few points are shown as points too."""
GAP: Final = 1.5
"""Steps without a point from which on a line is broken."""
MOST_TRACES: Final = 150
WIDER: Final = 1.25
"""Lines of one pixel are hard to tell apart by colour."""
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One series, with its values on the times of its step: None where it has none."""

    id: str
    name: str
    colour: str
    step: float
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
    times = {step: grid(answers, step) for _, step in answers}
    lines = list(_lines(panel, answers, times))
    if not any(value is not None for line in lines for value in line.values):
        return None
    whole = field(panel, "")
    return {
        "dataset": [_dataset(times[step], step, lines) for step in times],
        "series": [*_series(lines, list(times)), *_traces(traces), *marks(noted)],
        "xAxis": time_axis(asked),
        "yAxis": _values_axis(lines, whole),
        "legend": [_legend(line) for line in lines],
        "unit": unit(whole.unit).plain(),
        "decimals": whole.get("decimals"),
        "marks": [one.plain() for one in noted],
    }


def grid(answers: Sequence[tuple[Answer, float]], step: float) -> list[float]:
    """The times of all series of this step, and one inside each gap, where lines break."""
    alike = (answer for answer, asked in answers if asked == step)
    found = sorted({t for answer in alike for series in answer.series for t in series.times})
    times = list[float]()
    for before, after in zip(found, [*found[1:], math.inf], strict=False):
        times.append(before)
        if GAP * step < after - before < math.inf:
            times.append(before + step)
    return times


def _dataset(times: Sequence[float], step: float, lines: Iterable[Line]) -> Json:
    columns = {line.id: line.values for line in lines if line.step == step}
    return {"source": {"t": [round(t * 1000) for t in times], **columns}}


def time_axis(asked: Range) -> Json:
    """The axis of time: the whole range, though nothing be known of its ends."""
    return {"type": "time", "min": round(asked.since * 1000), "max": round(asked.until * 1000)}


def _lines(
    panel: Panel, answers: Sequence[tuple[Answer, float]], times: Mapping[float, Sequence[float]]
) -> Iterator[Line]:
    places = {step: {t: at for at, t in enumerate(found)} for step, found in times.items()}
    number = coloured = 0
    for target, (answer, step) in zip(panel.targets, answers, strict=True):
        for series in answer.series:
            name = series_name(target.legend, series)
            found = field(panel, name, target.ref)
            colour = found.fixed or PALETTE[coloured % len(PALETTE)]
            name = found.get("displayName", name)
            yield Line(f"s{number}", name, colour, step, _on(series, places[step]), found)
            coloured += not found.fixed
            number += 1


def _on(series: Series, at: dict[float, int]) -> list[float | None]:
    values: list[float | None] = [None] * len(at)
    for t, value in zip(series.times, series.values, strict=True):
        if math.isfinite(value):
            values[at[t]] = float(f"{value:.6g}")
    return values


def _series(lines: Sequence[Line], steps: Sequence[float]) -> Iterator[Json]:
    for line in lines:
        look = line.field
        yield {
            "type": "line",
            "id": line.id,
            "name": line.name,
            "datasetIndex": steps.index(line.step),
            "encode": {"x": "t", "y": line.id},
            "color": line.colour,
            "lineStyle": {"width": look.get("custom.lineWidth", 1) * WIDER, **_dashes(look)},
            "areaStyle": {"opacity": look.get("custom.fillOpacity", 0) / 100},
            "showSymbol": alone(line.values) or (len(line.values) <= FEW and not _dashes(look)),
            "connectNulls": look.get("custom.spanNulls", False),
            **({"stack": f"{line.step:g}"} if line.stacked else {}),
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
    found = axis(_ends(lines), whole.unit, whole.get("min"), whole.get("max"))
    return {"type": "value", "min": found.low, "max": found.high, "interval": found.step}


def _ends(lines: Sequence[Line]) -> tuple[float, float]:
    seen = [value for line in lines for value in line.values if value is not None]
    for step in {line.step for line in lines if line.stacked}:
        stacked = (line.values for line in lines if line.stacked and line.step == step)
        seen += [sum(value or 0 for value in values) for values in zip(*stacked, strict=True)]
    return min(seen), max(seen)


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
