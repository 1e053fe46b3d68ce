"""The size of a worker's file, and the labels of what is counted when it has no more room.

The limit of series is a number, and a file has bytes: long routes can fill it before the limit is
reached, and so can the machine's memory. Some bytes are therefore reserved for a last series of
each metric, so that a request is always counted.
"""

from sidelight.contract import DURATION, ERROR, METRICS, OTHER, ROUTE, STATUS, Metric
from sidelight.store import layout
from sidelight.store.layout import HEAD, WORD
from sidelight.store.schema import Schema, StoredFamily

ALWAYS_STORED = frozenset({"sidelight_series_overflow_total", "sidelight_internal_errors_total"})
"""Metrics that say what is missing."""
DURATIONS_OF_FOUR = 3
"""Of four label sets at most so many count durations in a usual service; the rest are small."""
KEY_BYTES = 120
LAST_DURATIONS = 32
"""More than the statuses and errors that `last_resort` leaves."""
FAULTS = 32
"""More than the places that faults are counted by."""


def extra_bytes(schema: Schema, max_series: int) -> int:
    """What a file needs beyond the usual size: for the buckets, and for the reserve."""
    values = next(family.values for family in schema if family.name == DURATION.name)
    return max_series * values * WORD * DURATIONS_OF_FOUR // 4 + reserved_bytes(schema)


def reserved_bytes(schema: Schema) -> int:
    """The bytes that only `ALWAYS_STORED` and series with the labels of `last_resort` may use."""
    return sum(
        _reserved_series(family) * (HEAD.size + KEY_BYTES + family.values * WORD)
        for family in schema
    )


def _reserved_series(family: StoredFamily) -> int:
    """How many series of a family have room in the reserve."""
    if family.name == DURATION.name:
        return LAST_DURATIONS
    if family.name in ALWAYS_STORED:
        return FAULTS
    metric = METRICS.get(family.name)
    return int(metric is not None and ROUTE in metric.labels and metric.kind != "gauge")


def last_resort(metric: Metric, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of a series of the reserve: ``_OTHER``, and what objectives distinguish.

    A duration keeps the class of its status, such as ``5xx``, and an error that is no status.
    """
    if metric is not DURATION:
        return (OTHER,) * len(labels)
    return tuple(map(_last_label, metric.labels, labels))


def _last_label(name: str, value: str) -> str:
    if name == STATUS and value:
        return f"{value[0]}xx" if value[0] in "12345" else OTHER
    if name == ERROR and not value.isdigit():
        return value
    return OTHER if value else ""


def worker_file_bytes(schema: Schema, max_series: int) -> int:
    """The size that a worker's file can have, once the limit of series is reached."""
    extra = extra_bytes(schema, max_series)
    return layout.worker_header(max_series, bytes(16), 0, 0, 0, extra=extra).size
