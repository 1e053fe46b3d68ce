"""The application's own prometheus_client metrics: a snapshot's form, and sums of snapshots.

A snapshot is a JSON list of families: name, kind (prometheus_client's), help, unit, a mode
for gauges, the worker's number, and samples of suffix, labels, value. Every function here
takes and gives plain values, so that a hostile file can do no more than be refused.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sidelight.errors import InvalidDataError

Labels = tuple[tuple[str, str], ...]
SUMMED = frozenset({"counter", "histogram", "gaugehistogram", "summary"})
_CHOICES: dict[str, Callable[[float, float], float]] = {"max": max, "min": min}
_AGGREGATED = frozenset({"sum", *_CHOICES})
"""Not ``mostrecent``: a registry doesn't tell when a gauge was set."""
MAX_BYTES = 4 * 1024 * 1024
"""Of a snapshot; about 50,000 samples."""

SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_count", "_sum"),
    "gaugehistogram": ("_bucket", "_gcount", "_gsum"),
    "summary": ("", "_count", "_sum"),
    "info": ("_info",),
    "stateset": ("",),
    "unknown": ("",),
}
"""The kinds there are, and what their samples' names end in."""
_RESERVED = {
    "counter": ("_created",),
    "histogram": ("_created",),
    "gaugehistogram": ("_count", "_sum"),
    "summary": ("_created",),
}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_WHOLE = frozenset({"_bucket", "_count", "_gcount"})
_RISING = frozenset({*_WHOLE, "_total", "_sum", "_gsum"})
_NAMED = {
    ("_bucket", "histogram"): "le",
    ("_bucket", "gaugehistogram"): "le",
    ("", "summary"): "quantile",
}
"""The label that tells a sample of a group from its neighbours."""
_MOST_TRACED = 128


@dataclass(slots=True)
class AppFamily:
    """One family of the application. ``mode`` is a gauge's multiprocess mode, or empty.

    ``samples`` maps (suffix, labels) to a value; ``exemplars`` the same keys to
    (labels, value, seconds since the epoch or None).
    """

    name: str
    kind: str
    help: str
    unit: str
    mode: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)
    exemplars: dict[tuple[str, Labels], tuple[Labels, float, float | None]] = field(
        default_factory=dict
    )


def encode(families: Iterable[AppFamily]) -> bytes:
    """A snapshot as it stands in a file."""
    return json.dumps(
        [
            [
                family.name,
                family.kind,
                family.help,
                family.unit,
                family.mode,
                [[suffix, labels, value] for (suffix, labels), value in family.samples.items()],
                [[*key, *value] for key, value in family.exemplars.items()],
            ]
            for family in families
        ]
    ).encode()


def decode(data: bytes) -> list[AppFamily]:
    """The inverse of `encode`. Raises `InvalidDataError`."""
    if len(data) > MAX_BYTES:
        raise InvalidDataError("too_large")
    try:
        return [_family(row) for row in json.loads(data)] if data else []
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidDataError("torn") from None


def _family(row: list[Any]) -> AppFamily:
    *texts, samples, exemplars = row
    name, kind, documentation, unit, mode = map(str, texts)
    family = AppFamily(name, kind, documentation, unit, mode)
    for suffix, labels, value in samples:
        family.samples[str(suffix), _labels(labels)] = float(value)
    for suffix, labels, traced, value, seconds in exemplars:
        when = None if seconds is None else float(seconds)
        family.exemplars[str(suffix), _labels(labels)] = (_labels(traced), float(value), when)
    return family


def _labels(raw: list[list[str]]) -> Labels:
    return tuple((str(name), str(value)) for name, value in raw)


def merge(into: dict[str, AppFamily], snapshot: Iterable[AppFamily], worker: str | None) -> None:
    """Add one worker's snapshot. ``worker`` is None for what a dead worker leaves behind.

    Counters, histograms and summaries are summed. Gauges follow their multiprocess mode,
    and without one that makes them one get the label ``worker``; of a dead worker only ``sum``,
    ``max`` and ``min`` remain, as in prometheus_client.
    """
    for family in snapshot:
        together = family.kind in SUMMED or family.kind == "info"
        aggregated = family.mode.removeprefix("live") in _AGGREGATED
        if worker is None and not together and family.mode not in {"sum", "max", "min"}:
            continue
        mine = into.setdefault(
            family.name,
            AppFamily(family.name, family.kind, family.help, family.unit, family.mode),
        )
        if mine.kind != family.kind:
            continue
        for (suffix, labels), value in family.samples.items():
            if not together and not aggregated and worker is not None:
                labels = _with_worker(labels, worker)  # noqa: PLW2901 the labels they become
            key = (suffix, labels)
            before = mine.samples.get(key)
            mine.samples[key] = value if before is None else _add(mine, before, value)
        mine.exemplars.update(family.exemplars)


def _with_worker(labels: Labels, worker: str) -> Labels:
    taken = any(name == "worker" for name, _ in labels)
    return (*labels, ("sidelight_worker" if taken else "worker", worker))


def _add(family: AppFamily, before: float, value: float) -> float:
    mode = family.mode.removeprefix("live")
    if family.kind in SUMMED or mode == "sum":
        return before + value
    return _CHOICES[mode](before, value) if mode in _CHOICES else value


def names(name: str, kind: str) -> set[str]:
    """Every name that a family takes for itself, in either format."""
    suffixes = ("", *SUFFIXES.get(kind, ()), *_RESERVED.get(kind, ()))
    return {name + suffix for suffix in suffixes}


def shown(family: AppFamily) -> list[AppFamily]:
    """A family as OpenMetrics lets a page show it: by its samples, where they fit no kind.

    So a histogram whose boundaries changed between two workers is there, though not as one.
    Raises `InvalidDataError` for what no page can show.
    """
    wellformed = family.kind in SUFFIXES and _NAME.fullmatch(family.name)
    if not wellformed or not all(map(_grammatical, family.samples)):
        raise InvalidDataError("malformed")
    told = {
        (suffix, frozenset((name, _clean(value)) for name, value in labels))
        for suffix, labels in family.samples
    }
    if len(told) < len(family.samples):
        raise InvalidDataError("malformed")
    if _fits(family):
        good = {
            (suffix, labels): seen
            for (suffix, labels), seen in family.exemplars.items()
            if _traceable(suffix, seen[0], seen[2])
        }
        family.exemplars = good if family.kind in {"counter", "histogram", "gaugehistogram"} else {}
        return [family]
    apart: dict[str, AppFamily] = {}
    for (suffix, labels), value in family.samples.items():
        name = family.name + suffix
        one = apart.setdefault(name, AppFamily(name, "unknown", family.help, "", ""))
        one.samples["", labels] = value
    return list(apart.values())


def _clean(text: str) -> str:
    """As a page shows it: two values may look the same there."""
    if text.isascii() and "\0" not in text:
        return text
    return (
        text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "backslashreplace").decode()
    )


def _grammatical(key: tuple[str, Labels]) -> bool:
    suffix, labels = key
    plain = all(_LABEL.fullmatch(name) for name, _ in labels)
    known = any(suffix in suffixes for suffixes in SUFFIXES.values())
    return plain and known and len({name for name, _ in labels}) == len(labels)


def _traceable(suffix: str, labels: Labels, seconds: float | None) -> bool:
    text = "".join(part for pair in labels for part in pair)
    return (
        suffix in {"_bucket", "_total"}
        and _grammatical((suffix, labels))
        and len(text) <= _MOST_TRACED
        and not {'"', "\\", "\n"} & set(text)
        and (seconds is None or math.isfinite(seconds))
    )


def _fits(family: AppFamily) -> bool:
    """Whether the samples are what OpenMetrics wants of their kind, and in its order.

    https://prometheus.io/docs/specs/om/open_metrics_spec/
    """
    if family.unit and family.kind in {"info", "stateset"}:
        return False
    groups: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
    last: frozenset[tuple[str, str]] | None = None
    for (suffix, labels), value in family.samples.items():
        own = family.name if family.kind == "stateset" else _NAMED.get((suffix, family.kind))
        marks = [mark for name, mark in labels if name == own]
        if suffix not in SUFFIXES[family.kind] or len(marks) != (own is not None):
            return False
        group = frozenset(pair for pair in labels if pair[0] != own)
        if family.kind == "info":
            group = frozenset()
        if group != last and group in groups:
            return False
        last = group
        if not _fitting(family.kind, suffix, value, groups.setdefault(group, {}), *marks):
            return False
    return all(map(_complete, groups.values())) if "histogram" in family.kind else True


def _fitting(kind: str, suffix: str, value: float, group: dict[str, float], mark: str = "") -> bool:
    """Whether one sample is, after those of its group that came before."""
    if suffix in _RISING and not value >= 0:
        return False
    if (suffix in _WHOLE and not value.is_integer()) or (kind == "info" and value != 1):
        return False
    if kind == "stateset":
        return value in {0, 1}
    if kind == "summary" and not suffix:
        return 0 <= _float(mark) <= 1 and not value < 0
    if suffix == "_bucket":
        bound = _float(mark)
        risen = bound > group.get("le", -math.inf) and value >= group.get("_bucket", 0)
        if not risen or bound < 0 or (math.isinf(bound) and mark != "+Inf"):
            return False
        group["le"] = bound
    group[suffix] = value
    return True


def _complete(group: dict[str, float]) -> bool:
    """Whether the samples of one histogram are all there, and agree."""
    count = group.get("_count", group.get("_gcount"))
    summed = "_sum" in group or "_gsum" in group
    same = count is None or count == group.get("_bucket")
    return group.get("le") == math.inf and same and summed == (count is not None)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
