"""The families of a file, so that files of different versions can be summed."""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from json import dumps, loads

from sidelight.contract import METRICS, Kind, boundaries
from sidelight.errors import InvalidDataError

_KINDS = ("counter", "gauge", "histogram", "summary")
MAX_BOUNDS = 1000
MAX_FAMILIES = 500
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class StoredFamily:
    """A family's name, kind and upper bounds (without infinity), in seconds or bytes."""

    name: str
    kind: Kind
    bounds: tuple[float, ...]

    @property
    def values(self) -> int:
        """Words of one series: the sum and the buckets with infinity, or one value.

        A summary has one bucket, which counts every value.
        """
        return len(self.bounds) + 2 if self.kind in {"histogram", "summary"} else 1


Schema = tuple[StoredFamily, ...]


def schema(duration: tuple[float, ...]) -> Schema:
    """The families of this version, with the configured duration boundaries."""
    return tuple(
        StoredFamily(metric.name, metric.kind, boundaries(metric.scale, duration))
        for metric in METRICS.values()
        if metric.kind in _KINDS
    )


def merged(schemas: Iterable[Schema], first: Schema = ()) -> dict[str, StoredFamily]:
    """All families by name, each with every boundary any of the schemas gives it.

    Where two differ in kind, the first one counts. Boundaries past `MAX_BOUNDS` are left out:
    their counts are added to the next higher one.
    """
    found = {family.name: family for family in first}
    for family in chain.from_iterable(schemas):
        before = found.setdefault(family.name, family)
        if before.bounds != family.bounds and before.kind == family.kind:
            bounds = tuple(sorted({*before.bounds, *family.bounds}))
            if len(bounds) <= MAX_BOUNDS:
                found[family.name] = StoredFamily(family.name, before.kind, bounds)
    return found


def encode(schema: Schema) -> bytes:
    """The schema as it is stored in a file."""
    return dumps([[f.name, f.kind, f.bounds] for f in schema]).encode()


@lru_cache(maxsize=64)
def decode(data: bytes) -> Schema:
    """The inverse of `encode`. Raises `InvalidDataError` for anything else."""
    if len(data) > MAX_BYTES:
        raise InvalidDataError("too_large")
    try:
        rows = loads(data)
        found = tuple(StoredFamily(str(name), kind, _bounds(raw)) for name, kind, raw in rows)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidDataError("torn") from None
    if len(found) > MAX_FAMILIES:
        raise InvalidDataError("too_large")
    for family in found:
        if family.kind not in _KINDS or (family.bounds and family.kind != "histogram"):
            raise InvalidDataError("torn")
    return found


def _bounds(raw: object) -> tuple[float, ...]:
    if not isinstance(raw, list) or len(raw) > MAX_BOUNDS:
        raise ValueError(raw)
    bounds = tuple(float(bound) for bound in raw)
    if not all(map(math.isfinite, bounds)) or list(bounds) != sorted(set(bounds)):
        raise ValueError(raw)
    if bounds and bounds[0] < 0:
        raise ValueError(raw)  # OpenMetrics allows no sum beside a negative boundary
    return bounds


@lru_cache(maxsize=256)
def bucket_mapping(source: tuple[float, ...], target: tuple[float, ...]) -> tuple[int, ...] | None:
    """For each bucket of ``source`` (infinity last) its bucket in ``target``; None if the same.

    A boundary that the source lacks so has the count of the next lower one.
    """
    if source == target:
        return None
    return tuple(bisect_left(target, bound) for bound in (*source, math.inf))


def rebucketed(
    values: tuple[int, ...], source: StoredFamily, target: StoredFamily
) -> tuple[int, ...]:
    """A histogram's values under another family's boundaries."""
    where = bucket_mapping(source.bounds, target.bounds)
    if where is None:
        return values
    counts = [values[0], *([0] * (target.values - 1))]
    for at, count in zip(where, values[1:], strict=True):
        counts[at + 1] += count
    return tuple(counts)
