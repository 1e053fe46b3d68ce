"""Whether a native histogram was reset between two samples."""

from dataclasses import replace

import numpy as np

from sidelight.embedded.promql.bucket_arithmetic import beyond, coarser
from sidelight.embedded.promql.float_histogram import Buckets, FloatHistogram
from sidelight.embedded.promql.frame import Histograms, exist
from sidelight.embedded.promql.zero_buckets import wider_zero_bucket


def without_reset_hints(table: Histograms) -> Histograms:
    """Return the same without hints, as a subquery leaves samples out or has them several times."""
    made = table.copy()
    for cell in map(tuple, np.argwhere(exist(table)).tolist()):
        if table[cell].hint in {"reset", "not_reset"}:
            made[cell] = replace(table[cell], hint="unknown")
    return made


def was_reset(current: FloatHistogram, previous: FloatHistogram) -> bool:
    """Return whether a counter was reset: a count fell, or the buckets became finer or others."""
    if current.hint in {"reset", "not_reset"}:
        return current.hint == "reset"
    if current.count < previous.count or current.is_custom != previous.is_custom:
        return True
    if current.is_custom:
        return current.bounds != previous.bounds or _fell(current.positive, previous.positive)
    finer = current.schema > previous.schema or current.zero_threshold < previous.zero_threshold
    return finer or _zero_bucket_fell(current, previous) or _bucket_fell(current, previous)


def _zero_bucket_fell(current: FloatHistogram, previous: FloatHistogram) -> bool:
    count, threshold = wider_zero_bucket(previous, current.zero_threshold)
    return threshold != current.zero_threshold or current.zero_count < count


def _bucket_fell(current: FloatHistogram, previous: FloatHistogram) -> bool:
    by, schema, least = previous.schema - current.schema, current.schema, current.zero_threshold
    sides = (current.positive, previous.positive), (current.negative, previous.negative)
    return any(
        _fell(beyond(now, schema, least), beyond(coarser(before, by), schema, least))
        for now, before in sides
    )


def _fell(now: Buckets, before: Buckets) -> bool:
    """Return whether a count is lower, or a bucket that had a count is missing."""
    if now.has_indexes_of(before):
        return bool((now.counts < before.counts).any())
    if not len(now):
        return bool(before.counts.any())
    at = np.minimum(now.indexes.searchsorted(before.indexes), len(now) - 1)
    found = now.indexes[at] == before.indexes
    return bool(np.where(found, now.counts[at] < before.counts, before.counts != 0).any())
