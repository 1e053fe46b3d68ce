"""A family of the application's metrics, and the form in which a worker publishes them.

A snapshot is a JSON list of families: name, kind (prometheus_client's), help, unit, a mode
for gauges, and samples of suffix, labels, value, and where there is one a timestamp (or null) and
a start timestamp. Everything read from one is converted to plain values, so that a file made by
anybody can do no more than be refused.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from json import dumps, loads
from typing import Any

from sidelight.errors import InvalidDataError

AppLabels = tuple[tuple[str, str], ...]
SampleKey = tuple[str, AppLabels]
"""A sample's suffix and labels."""
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
"""The kinds that exist, and the suffixes of their samples' names."""
OWN_LABEL = {
    ("_bucket", "histogram"): "le",
    ("_bucket", "gaugehistogram"): "le",
    ("", "summary"): "quantile",
}
"""The label that distinguishes a sample from the others of its histogram or summary."""
CREATED_WITH = {"counter": "_total", "histogram": "_sum", "summary": "_sum"}
"""The sample that has the start timestamp of its series, of the kinds that have one."""
SUMMED = frozenset({"counter", "histogram", "gaugehistogram", "summary"})
"""The kinds whose samples are added up over the workers."""
_RESERVED = {
    "counter": ("_created",),
    "histogram": ("_created",),
    "gaugehistogram": ("_count", "_sum"),
    "summary": ("_created",),
}


@dataclass(slots=True)
class AppFamily:
    """One family of the application. ``mode`` is a gauge's multiprocess mode, or empty.

    ``samples`` maps (suffix, labels) to a value; ``exemplars`` the same keys to
    (labels, value, seconds since the epoch or None); ``timestamps`` those of samples that have
    one to seconds since the epoch; ``created`` those with `CREATED_WITH` to when the series began,
    the same way.
    """

    name: str
    kind: str
    help: str
    unit: str
    mode: str
    samples: dict[SampleKey, float] = field(default_factory=dict)
    exemplars: dict[SampleKey, tuple[AppLabels, float, float | None]] = field(default_factory=dict)
    timestamps: dict[SampleKey, float] = field(default_factory=dict)
    created: dict[SampleKey, float] = field(default_factory=dict)


def reserved_names(name: str, kind: str) -> set[str]:
    """Every name that a family takes for itself, in either format."""
    suffixes = ("", *SUFFIXES.get(kind, ()), *_RESERVED.get(kind, ()))
    return {name + suffix for suffix in suffixes}


def plain_suffix(suffix: str) -> str:
    """A suffix where only OpenMetrics tells a gauge histogram from a histogram."""
    return "_" + suffix[2:] if suffix in {"_gsum", "_gcount"} else suffix


def encode(families: Iterable[AppFamily]) -> bytes:
    """A snapshot as it stands in a file."""
    return join(map(encode_family, families))


def encode_family(family: AppFamily) -> bytes:
    """A family as it stands in a snapshot. Raises TypeError for what is no family."""
    return dumps(
        [
            family.name,
            family.kind,
            family.help,
            family.unit,
            family.mode,
            [[*key, value, *_times(family, key)] for key, value in family.samples.items()],
            [[*key, *value] for key, value in family.exemplars.items()],
        ]
    ).encode()


def _times(family: AppFamily, key: SampleKey) -> list[float | None]:
    when, created = family.timestamps.get(key), family.created.get(key)
    if created is not None:
        return [when, created]
    return [] if when is None else [when]


def join(encoded: Iterable[bytes]) -> bytes:
    """A snapshot of encoded families."""
    return b"[" + b",".join(encoded) + b"]"


def decode(data: bytes) -> list[AppFamily]:
    """The inverse of `encode`. Raises `InvalidDataError`."""
    if len(data) > MAX_BYTES:
        raise InvalidDataError("too_large")
    try:
        return [_family(row) for row in loads(data)] if data else []
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidDataError("torn") from None


def _family(row: list[Any]) -> AppFamily:
    *texts, samples, exemplars = row
    name, kind, documentation, unit, mode = map(str, texts)
    family = AppFamily(name, kind, documentation, unit, mode)
    for suffix, labels, value, *times in samples:
        key = str(suffix), _labels(labels)
        family.samples[key] = float(value)
        for known, seconds in zip((family.timestamps, family.created), times, strict=False):
            if seconds is not None:
                known[key] = float(seconds)
    for suffix, labels, traced, value, seconds in exemplars:
        seen = None if seconds is None else float(seconds)
        family.exemplars[str(suffix), _labels(labels)] = (_labels(traced), float(value), seen)
    return family


def _labels(raw: list[list[str]]) -> AppLabels:
    return tuple((str(name), str(value)) for name, value in raw)
