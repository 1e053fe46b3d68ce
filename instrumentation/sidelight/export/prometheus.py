"""A snapshot in the Prometheus text format 0.0.4 or in OpenMetrics 1.0, in pieces.

A library takes a hundred times as long to render it (benchmarks/RESULTS.md). So a series has one
bytes template per format, which is made once and takes its values.
"""

from collections.abc import Iterator
from itertools import accumulate, chain, zip_longest

from sidelight.app_metrics.text import render_family
from sidelight.contract import METRICS, NANOSECONDS, Metric
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.reader import StoredExemplar
from sidelight.text_format import (
    Escaping,
    ExpositionFormat,
    family_name,
    header,
    label_set,
    number,
    suffixed_name,
)

PIECE = 100
"""Series in a piece: few enough for the event loop to run other tasks in between."""


def render(
    snapshot: Snapshot,
    form: ExpositionFormat,
    escaping: Escaping = Escaping.UNDERSCORES,
    *,
    timestamps: bool = True,
    created: bool = False,
) -> Iterator[bytes]:
    """The lines of a snapshot, piece by piece.

    ``timestamps`` is whether samples of the application that have one are shown with it,
    ``created`` whether OpenMetrics has when each series began.
    """
    by_name = snapshot.by_name()
    openmetrics = form is ExpositionFormat.OPENMETRICS
    exemplars = snapshot.exemplars_by_series() if openmetrics else {}
    times = snapshot.created if openmetrics and created else {}
    for name, metric in METRICS.items():
        keys = by_name.get(name, [])
        if keys:
            shown = shown_name(metric, escaping)
            yield header(shown, metric.kind, metric.help, metric.unit, form)
        line, divisor = _LINES.get(metric.kind, _number), metric.divisor
        for start in range(0, len(keys), PIECE):
            piece = keys[start : start + PIECE]
            lines = [
                line(_template(metric, key, escaping), snapshot.sums[key], divisor) for key in piece
            ]
            if exemplars:
                pairs = zip(lines, piece, strict=True)
                lines = [_with_exemplars(text, key, exemplars) for text, key in pairs]
            began = [_created(metric, key, times, escaping) for key in piece if times]
            yield b"".join(chain.from_iterable(zip_longest(lines, began, fillvalue=b"")))
    for family in snapshot.app_families.values():
        yield from render_family(family, form, escaping, timestamps=timestamps, created=created)
    if form is ExpositionFormat.OPENMETRICS:
        yield b"# EOF\n"


def _histogram(text: bytes, values: tuple[int, ...], divisor: int) -> bytes:
    counts = tuple(accumulate(values[1:]))
    return text % (*counts, values[0] / divisor, counts[-1])


def _summary(text: bytes, values: tuple[int, ...], divisor: int) -> bytes:
    return text % (values[0] / divisor, values[1])


def _number(text: bytes, values: tuple[int, ...], divisor: int) -> bytes:
    return text % (values[0] if divisor == 1 else values[0] / divisor)


_LINES = {"histogram": _histogram, "summary": _summary}


def _template(metric: Metric, key: SeriesKey, escaping: Escaping) -> bytes:
    """The lines of a series without its values; kept, unless its names are escaped."""
    if escaping is Escaping.DOTS:
        return _lines_of(metric, key, escaping)
    if not key.text:
        key.text = _lines_of(metric, key, escaping)
    return key.text


def shown_name(metric: Metric, escaping: Escaping) -> str:
    """The name of a metric. Only `Escaping.DOTS` changes one of Sidelight's own."""
    return suffixed_name(family_name(metric.name, metric.kind), metric.kind, escaping)


def _lines_of(metric: Metric, key: SeriesKey, escaping: Escaping) -> bytes:
    pairs = tuple(zip(metric.labels, key.labels, strict=False))
    name = shown_name(metric, escaping)
    if metric.kind in {"histogram", "summary"}:
        bounds = [] if metric.kind == "summary" else [*map(repr, key.family.bounds), "+Inf"]
        lines = [f"{name}_bucket{label_set((*pairs, ('le', b)), escaping)} \0d\n" for b in bounds]
        lines.append(f"{name}_sum{label_set(pairs, escaping)} \0r\n")
        lines.append(f"{name}_count{label_set(pairs, escaping)} \0d\n")
    else:
        lines = [f"{name}{label_set(pairs, escaping)} \0r\n"]
    return "".join(lines).replace("%", "%%").replace("\0", "%").encode()


def _created(
    metric: Metric, key: SeriesKey, times: dict[SeriesKey, int], escaping: Escaping
) -> bytes:
    """The line that says when a series began; empty where that is not known."""
    if key not in times:
        return b""
    name = family_name(shown_name(metric, escaping), metric.kind)
    labels = label_set(zip(metric.labels, key.labels, strict=False), escaping)
    return f"{name}_created{labels} {number(times[key] / NANOSECONDS)}\n".encode()


def _with_exemplars(
    text: bytes, key: SeriesKey, exemplars: dict[SeriesKey, dict[int, StoredExemplar]]
) -> bytes:
    """The lines of a series, with exemplars behind those of their buckets, or of a counter."""
    if key not in exemplars:
        return text
    lines = text.split(b"\n")
    for at, exemplar in exemplars[key].items():
        if at < len(lines) - 1:
            ids = label_set((("trace_id", exemplar.trace_id), ("span_id", exemplar.span_id)))
            value = number(exemplar.value)
            lines[at] += f" # {ids} {value} {exemplar.seconds:.3f}".encode()
    return b"\n".join(lines)
