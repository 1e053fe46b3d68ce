"""The families of a file, so that files of different versions can be summed."""

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from json import dumps, loads

from sidelight.contract import METRICS, Kind, boundaries
from sidelight.contract.native_buckets import BOUNDARIES, SCHEMA
from sidelight.errors import InvalidDataError

_KINDS = ("counter", "gauge", "histogram", "summary")
MAX_BOUNDS = 1000
MAX_FAMILIES = 500
MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class StoredFamily:
    """A family's name, kind and upper bounds (without infinity), in seconds or bytes.

    ``native`` is whether its series count on the boundaries of a native histogram as well:
    ``stored_bounds`` are these and the family's own. ``ends`` has, of the sum and of each classic
    bucket (infinity last), before which of the values of a series its own end, in two bytes each.
    """

    name: str
    kind: Kind
    bounds: tuple[float, ...]
    native: bool = False
    stored_bounds: tuple[float, ...] = field(init=False, repr=False, compare=False)
    ends: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Derive what is stored from what is given."""
        stored, ends = _with_native(self.bounds) if self.native else (self.bounds, b"")
        object.__setattr__(self, "stored_bounds", stored)
        object.__setattr__(self, "ends", ends)

    @property
    def values(self) -> int:
        """Words of one series: the sum and the buckets with infinity, or one value.

        A summary has one bucket, which counts every value.
        """
        return len(self.stored_bounds) + 2 if self.kind in {"histogram", "summary"} else 1

    @property
    def classic_values(self) -> int:
        """As `values`, of the classic buckets alone."""
        return self.values - len(self.stored_bounds) + len(self.bounds)


Schema = tuple[StoredFamily, ...]


def schema(duration: tuple[float, ...]) -> Schema:
    """The families of this version, with the configured duration boundaries."""
    return tuple(
        StoredFamily(
            metric.name,
            metric.kind,
            boundaries(metric.scale, duration),
            native=metric.scale == "duration",
        )
        for metric in METRICS.values()
        if metric.kind in _KINDS
    )


@lru_cache(maxsize=64)
def _with_native(bounds: tuple[float, ...]) -> tuple[tuple[float, ...], bytes]:
    """Boundaries together with those of a native histogram; where the parts of each bucket end."""
    stored = tuple(sorted({*bounds, *BOUNDARIES}))
    ends = [stored.index(bound) + 2 for bound in bounds]
    return stored, array("H", [1, *ends, len(stored) + 2]).tobytes()


def merged(schemas: Iterable[Schema], first: Schema = ()) -> dict[str, StoredFamily]:
    """All families by name, each with every boundary any of the schemas gives it.

    Where two differ in kind, the first one counts. Boundaries past `MAX_BOUNDS` are left out:
    their counts are added to the next higher one.
    """
    found = {family.name: family for family in first}
    for family in chain.from_iterable(schemas):
        before = found.setdefault(family.name, family)
        if before != family and before.kind == family.kind:
            bounds = tuple(sorted({*before.bounds, *family.bounds}))
            native = before.native or family.native
            if len(bounds) > MAX_BOUNDS:
                bounds = before.bounds
            found[family.name] = StoredFamily(family.name, before.kind, bounds, native)
    return found


def encode(schema: Schema) -> bytes:
    """The schema as it is stored in a file.

    A row has a fourth part, the schema of the native histogram, where its family is one.
    """
    rows = [[f.name, f.kind, f.bounds, *([SCHEMA] if f.native else [])] for f in schema]
    return dumps(rows).encode()


@lru_cache(maxsize=64)
def decode(data: bytes) -> Schema:
    """The inverse of `encode`. Raises `InvalidDataError` for anything else."""
    if len(data) > MAX_BYTES:
        raise InvalidDataError("too_large")
    try:
        rows = loads(data)
        found = tuple(_family(*row) for row in rows)
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise InvalidDataError("torn") from None
    if len(found) > MAX_FAMILIES:
        raise InvalidDataError("too_large")
    for family in found:
        if family.kind not in _KINDS or (family.bounds and family.kind != "histogram"):
            raise InvalidDataError("torn")
    return found


def _family(name: object, kind: Kind, bounds: object, native: object = None) -> StoredFamily:
    if native not in {None, SCHEMA} or (native and kind != "histogram"):
        raise ValueError(native)
    return StoredFamily(str(name), kind, _bounds(bounds), native is not None)


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
    if source.stored_bounds == target.stored_bounds:
        return values
    where = bucket_mapping(source.stored_bounds, target.stored_bounds)
    if where is None:
        return values
    counts = [values[0], *([0] * (target.values - 1))]
    for at, count in zip(where, values[1:], strict=True):
        counts[at + 1] += count
    return tuple(counts)
