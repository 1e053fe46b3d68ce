"""Prometheus text format 0.0.4 and OpenMetrics 1.0, in pieces.

A library renders such a page in a hundred times the time (benchmarks/RESULTS.md), so ours is
direct: a series has one bytes template a format, made once, which takes its values.
"""

import math
from collections.abc import Iterator
from enum import Enum
from itertools import accumulate

from sidelight.contract import METRICS, Metric
from sidelight.export.snapshot import Key, Snapshot
from sidelight.store.reader import StoredExemplar
from sidelight.store.user import AppFamily, Labels

PIECE = 100
"""Series in a piece: about as many as an event loop can do between two looks at its work."""


class Format(Enum):
    """A wire format, with its media type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def render(shot: Snapshot, form: Format) -> Iterator[bytes]:
    """The page of a snapshot, piece by piece."""
    by_name: dict[str, list[Key]] = {}
    for key in shot.sums:
        by_name.setdefault(key.family.name, []).append(key)
    traces: dict[Key, dict[int, StoredExemplar]] = {}
    if form is Format.OPENMETRICS:
        for (key, bucket), trace in shot.exemplars.items():
            traces.setdefault(key, {})[bucket] = trace
    for name, metric in METRICS.items():
        keys = by_name.get(name, [])
        if keys:
            yield header(metric.name, metric.kind, metric.help, metric.unit, form)
        line, divisor = _LINES.get(metric.kind, _number), metric.divisor
        for start in range(0, len(keys), PIECE):
            piece = keys[start : start + PIECE]
            lines = [line(k.text or _template(metric, k), shot.sums[k], divisor) for k in piece]
            if traces:
                lines = [_traced(*both, traces) for both in zip(lines, piece, strict=True)]
            yield b"".join(lines)
    for family in shot.people.values():
        yield from _people(family, form)
    if form is Format.OPENMETRICS:
        yield b"# EOF\n"


def header(name: str, kind: str, text: str, unit: str, form: Format) -> bytes:
    """The comment lines in front of a family."""
    if form is Format.OPENMETRICS:
        name = family_name(name, kind)
        unit_line = f"# UNIT {name} {unit}\n" if unit and name.endswith("_" + unit) else ""
        return f"# HELP {name} {_escape(text)}\n# TYPE {name} {kind}\n{unit_line}".encode()
    shown = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}.get(kind, kind)
    text = _plain(text).replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {shown}\n".encode()


def family_name(name: str, kind: str) -> str:
    """OpenMetrics names a family without its samples' suffix."""
    return name.removesuffix({"counter": "_total", "info": "_info"}.get(kind, ""))


def _histogram(text: bytes, values: tuple[int, ...], divisor: int) -> bytes:
    counts = tuple(accumulate(values[1:]))
    return text % (*counts, values[0] / divisor, counts[-1])


def _summary(text: bytes, values: tuple[int, ...], divisor: int) -> bytes:
    return text % (values[0] / divisor, values[1])


def _number(text: bytes, values: tuple[int, ...], divisor: int) -> bytes:
    return text % (values[0] if divisor == 1 else values[0] / divisor)


_LINES = {"histogram": _histogram, "summary": _summary}


def _template(metric: Metric, key: Key) -> bytes:
    pairs = tuple(zip(metric.labels, key.labels, strict=False))
    if metric.kind in {"histogram", "summary"}:
        bounds = [] if metric.kind == "summary" else [*map(repr, key.family.bounds), "+Inf"]
        lines = [f"{metric.name}_bucket{labels((*pairs, ('le', b)))} \0d\n" for b in bounds]
        lines.append(f"{metric.name}_sum{labels(pairs)} \0r\n")
        lines.append(f"{metric.name}_count{labels(pairs)} \0d\n")
    else:
        lines = [f"{metric.name}{labels(pairs)} \0r\n"]
    key.text = "".join(lines).replace("%", "%%").replace("\0", "%").encode()
    return key.text


def _traced(text: bytes, key: Key, traces: dict[Key, dict[int, StoredExemplar]]) -> bytes:
    """Put a series' exemplars behind the lines of their buckets, or of a counter."""
    if key not in traces:
        return text
    lines = text.split(b"\n")
    for at, trace in traces[key].items():
        if at < len(lines) - 1:
            ids = labels((("trace_id", trace.trace_id), ("span_id", trace.span_id)))
            lines[at] += f" # {ids} {number(trace.value)} {trace.seconds:.3f}".encode()
    return b"\n".join(lines)


def labels(pairs: Labels) -> str:
    """A label set in braces; nothing for none."""
    if not pairs:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in pairs) + "}"


def _escape(text: str) -> str:
    return _plain(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _plain(text: str) -> str:
    """Without what UTF-8 or a parser can't carry."""
    if text.isascii() and "\0" not in text:
        return text
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "backslashreplace").decode()


def _people(family: AppFamily, form: Format) -> Iterator[bytes]:
    """The application's own family, named as prometheus_client names it in each format."""
    if form is Format.OPENMETRICS:
        yield header(family.name, family.kind, family.help, family.unit, form)
    else:
        suffix = {"counter": "_total", "info": "_info"}.get(family.kind, "")
        kind = "histogram" if family.kind == "gaugehistogram" else family.kind
        yield header(family.name + suffix, kind, family.help, "", form)
    lines = []
    for (suffix, pairs), value in family.samples.items():
        if form is Format.TEXT and suffix in {"_gsum", "_gcount"}:
            suffix = "_" + suffix[2:]  # noqa: PLW2901 text has no gauge histogram: as a histogram
        line = f"{family.name}{suffix}{labels(pairs)} {number(value)}"
        exemplar = family.exemplars.get((suffix, pairs))
        if exemplar and form is Format.OPENMETRICS:
            traced, seen, when = exemplar
            line += f" # {labels(traced) or '{}'} {number(seen)}"
            line += "" if when is None else f" {when:.3f}"
        lines.append(line)
        if len(lines) == PIECE * 10:
            yield "\n".join([*lines, ""]).encode()
            lines = []
    if lines:
        yield "\n".join([*lines, ""]).encode()


def number(value: float) -> str:
    """A sample's value as both formats write it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
