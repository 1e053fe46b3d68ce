"""The application's metrics of all workers, merged, as far as they can be exported."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable

from sidelight.app_metrics.families import SUMMED, AppFamily, AppLabels, SampleKey, decode
from sidelight.app_metrics.validation import NameCheck, exportable
from sidelight.errors import InvalidDataError

Source = tuple[str, bytes, str | None]
"""A file's name, the snapshot in it, and its worker's number: None for a stopped worker."""

_CHOICES: dict[str, Callable[[float, float], float]] = {"max": max, "min": min}
_AGGREGATED = frozenset({"sum", *_CHOICES})
"""Not ``mostrecent``: a registry does not say when a gauge was set."""


def exported_families(
    sources: Iterable[Source], on_skip: Callable[[str, str], None]
) -> Generator[None, None, tuple[dict[str, AppFamily], Counter[str]]]:
    """The families that can be exported, and how many cannot, by reason. Yields between them.

    ``on_skip`` is called with the name and the reason of a snapshot that is not valid.
    """
    merged: dict[str, AppFamily] = {}
    for name, data, worker in sources:
        try:
            merge(merged, decode(data), worker)
        except InvalidDataError as error:
            on_skip(f"{name} (the application's metrics)", error.reason)
        yield
    found: dict[str, AppFamily] = {}
    refused = Counter[str]()
    check = NameCheck()
    for family in merged.values():
        try:
            parts = exportable(family)
            check.reserve(family, parts)
            found.update((part.name, part) for part in parts)
        except InvalidDataError as error:
            refused[error.reason] += 1
        yield
    return found, refused


def merge(into: dict[str, AppFamily], snapshot: Iterable[AppFamily], worker: str | None) -> None:
    """Add one worker's snapshot. ``worker`` is None for a worker that has stopped.

    Counters, histograms and summaries are summed. Gauges follow their multiprocess mode, and
    without one that aggregates get the label ``worker``; of a stopped worker only ``sum``,
    ``max`` and ``min`` remain, as in prometheus_client.
    """
    for family in snapshot:
        summed = family.kind in SUMMED or family.kind == "info"
        aggregated = family.mode.removeprefix("live") in _AGGREGATED
        if worker is None and not summed and family.mode not in {"sum", "max", "min"}:
            continue
        total = into.setdefault(
            family.name,
            AppFamily(family.name, family.kind, family.help, family.unit, family.mode),
        )
        if total.kind != family.kind:
            continue
        for (suffix, labels), value in family.samples.items():
            key = suffix, labels
            when, began = family.timestamps.get(key), family.created.get(key)
            if not summed and not aggregated and worker is not None:
                key = suffix, _with_worker(labels, worker)
            before = total.samples.get(key)
            first = before is None
            if when is not None or key in total.timestamps:
                _merge_time(total.timestamps, key, when, max, first=first)
            if began is not None or key in total.created:
                _merge_time(total.created, key, began, min, first=first)
            total.samples[key] = value if before is None else _add(total, before, value)
        total.exemplars.update(family.exemplars)


def _merge_time(
    times: dict[SampleKey, float],
    key: SampleKey,
    when: float | None,
    choose: Callable[[float, float], float],
    *,
    first: bool,
) -> None:
    """A sum has the newest timestamp, the earliest start, and none that a part of it lacks."""
    before = when if first else times.pop(key, None)
    if when is not None and before is not None:
        times[key] = choose(before, when)


def _with_worker(labels: AppLabels, worker: str) -> AppLabels:
    taken = any(name == "worker" for name, _ in labels)
    return (*labels, ("sidelight_worker" if taken else "worker", worker))


def _add(family: AppFamily, before: float, value: float) -> float:
    mode = family.mode.removeprefix("live")
    if family.kind in SUMMED or mode == "sum":
        return before + value
    return _CHOICES[mode](before, value) if mode in _CHOICES else value
