"""The application's own prometheus_client metrics: a snapshot's form, and sums of snapshots.

A snapshot is a JSON list of families: name, kind (prometheus_client's), help, unit, a mode
for gauges, the worker's number, and samples of suffix, labels, value. Every function here
takes and gives plain values, so that a hostile file can do no more than be refused.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sidelight.store.layout import Damaged

Labels = tuple[tuple[str, str], ...]
SUMMED = frozenset({"counter", "histogram", "gaugehistogram", "summary"})
_CHOICES: dict[str, Callable[[float, float], float]] = {"max": max, "min": min}
_AGGREGATED = frozenset({"sum", "max", "min", "mostrecent"})


@dataclass(slots=True)
class UserFamily:
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


def encode(families: Iterable[UserFamily]) -> bytes:
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


def decode(data: bytes) -> list[UserFamily]:
    """The inverse of `encode`. Raises `Damaged`."""
    try:
        return [_family(row) for row in json.loads(data)] if data else []
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Damaged("torn") from None


def _family(row: list[Any]) -> UserFamily:
    *texts, samples, exemplars = row
    name, kind, documentation, unit, mode = map(str, texts)
    family = UserFamily(name, kind, documentation, unit, mode)
    for suffix, labels, value in samples:
        family.samples[str(suffix), _labels(labels)] = float(value)
    for suffix, labels, traced, value, seconds in exemplars:
        when = None if seconds is None else float(seconds)
        family.exemplars[str(suffix), _labels(labels)] = (_labels(traced), float(value), when)
    return family


def _labels(raw: list[list[str]]) -> Labels:
    return tuple((str(name), str(value)) for name, value in raw)


def merge(into: dict[str, UserFamily], snapshot: Iterable[UserFamily], worker: str | None) -> None:
    """Add one worker's snapshot. ``worker`` is None for what a dead worker leaves behind.

    Counters, histograms and summaries are summed. Gauges follow their multiprocess mode,
    and without one get the label ``worker``; of a dead worker only ``sum``, ``max`` and
    ``min`` remain, as in prometheus_client.
    """
    for family in snapshot:
        together = family.kind in SUMMED or family.kind == "info"
        aggregated = family.mode.removeprefix("live") in _AGGREGATED
        if worker is None and not together and family.mode not in {"sum", "max", "min"}:
            continue
        mine = into.setdefault(
            family.name,
            UserFamily(family.name, family.kind, family.help, family.unit, family.mode),
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


def _add(family: UserFamily, before: float, value: float) -> float:
    mode = family.mode.removeprefix("live")
    if family.kind in SUMMED or mode == "sum":
        return before + value
    return _CHOICES[mode](before, value) if mode in _CHOICES else value
