"""Durations in classic and in native buckets: both views of one series are exact."""

from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some

from sidelight.contract import DURATION, DURATION_BUCKETS, NANOSECONDS
from sidelight.contract.native_buckets import (
    BEYOND,
    BOUNDARIES,
    FINEST,
    FIRST,
    INDEXES,
    LONGEST,
    SCHEMA,
    STEPS,
    ZERO_THRESHOLD,
    nanoseconds,
)
from sidelight.export.native_histogram import NativeHistogram, native_histogram
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store import schema
from sidelight.store.directory import Directory
from sidelight.store.schema import StoredFamily
from sidelight.store.writer import WorkerFile
from tests.store.driving import LABELS, killed, shared
from tests.store.pages import Reader, classic_values

quiet = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
EDGES = [nanoseconds(index) for index in INDEXES]
NEAR = [edge + by for edge in EDGES for by in (-1, 0, 1)]
DURATIONS = some.lists(
    some.one_of(
        some.sampled_from(NEAR),
        some.integers(0, 10**9),
        some.integers(0, 10**14),
        some.sampled_from(
            [round(b * NANOSECONDS) + by for b in DURATION_BUCKETS for by in (-1, 0, 1)]
        ),
    ),
    max_size=60,
)
BUCKETS = some.lists(
    some.one_of(
        some.integers(1, 10**13).map(lambda ns: ns / NANOSECONDS),
        some.sampled_from(NEAR).map(lambda ns: ns / NANOSECONDS),
        some.sampled_from(DURATION_BUCKETS),
    ),
    min_size=1,
    max_size=20,
    unique=True,
).map(lambda bounds: tuple(sorted(bounds)))


def is_at_most(ns: int, index: int) -> bool:
    """Whether a duration is at most 2^(index / 8) seconds, in whole numbers."""
    return ns**8 << max(-index, 0) <= 10**72 << max(index, 0)


def native_index(ns: int) -> int:
    """The native bucket of a duration, by the definition of schema 3 and our coarser steps."""
    indexes = range(FIRST, BEYOND)
    found = bisect_left(indexes, True, key=lambda index: is_at_most(ns, index))
    index = indexes[found] if found < len(indexes) else BEYOND
    return index if index <= FINEST or index == BEYOND else -(-index // STEPS) * STEPS


def expected(observed: list[int]) -> NativeHistogram:
    """The native histogram of durations in nanoseconds."""
    found = Counter(map(native_index, observed))
    zero = found.pop(FIRST, 0)
    return NativeHistogram(zero, sorted(found.items()))


def classic(bounds: tuple[float, ...], observed: list[int]) -> tuple[int, ...]:
    """The sum and the classic buckets of durations in nanoseconds."""
    edges = [round(bound * NANOSECONDS) for bound in bounds]
    counts = Counter(bisect_left(edges, ns) for ns in observed)
    return sum(observed), *(counts[at] for at in range(len(bounds) + 1))


def seen(snapshot: Snapshot) -> tuple[SeriesKey, tuple[int, ...], NativeHistogram]:
    """The one series of requests in a snapshot, in both views."""
    (key,) = [key for key in snapshot.sums if key.family.name == DURATION.name]
    native = native_histogram(snapshot, key)
    assert native is not None
    return key, snapshot.sums[key], native


def filled(where: Directory, bounds: tuple[float, ...], observed: list[int]) -> WorkerFile:
    """A worker that counted these durations."""
    file = WorkerFile(where, schema.schema(bounds), 100)
    file.series(DURATION, LABELS)
    for ns in observed:
        file.observe(DURATION, LABELS, ns)
    return file


def test_a_boundary_is_the_largest_nanosecond_below_its_power() -> None:
    """Each boundary is floor(2^(i/8) * 10^9) nanoseconds, and a float that gives it back."""
    assert (SCHEMA, STEPS, BEYOND) == (3, 8, LONGEST + 1)
    for index, edge, bound in zip(INDEXES, EDGES, BOUNDARIES, strict=True):
        assert is_at_most(edge, index)
        assert not is_at_most(edge + 1, index)
        assert round(bound * NANOSECONDS) == edge
    assert [nanoseconds(index) for index in (FIRST, 0, FINEST)] == [122_070, 10**9, 128 * 10**9]
    assert ZERO_THRESHOLD == 2**-13
    assert sum(index <= FINEST for index in INDEXES) == 161
    assert len(schema.schema(DURATION_BUCKETS)[0].stored_bounds) == 172 + 8


@quiet
@given(BUCKETS, DURATIONS)
@example(DURATION_BUCKETS, NEAR)
def test_both_views_are_exact(
    tmp_path_factory: pytest.TempPathFactory, bounds: tuple[float, ...], observed: list[int]
) -> None:
    """Whatever the boundaries and durations, each bucket of each view has what lies in it."""
    where = shared(tmp_path_factory.mktemp("views"))
    file = filled(where, bounds, observed)
    key, counts, native = seen(Reader(where).snapshot())
    assert key.family.bounds == bounds
    assert counts == classic(bounds, observed)
    assert native == expected(observed)
    killed(file)
    where.close()


@quiet
@given(some.tuples(BUCKETS, DURATIONS), some.tuples(BUCKETS, DURATIONS))
def test_both_views_are_exact_over_workers_and_kills(
    tmp_path_factory: pytest.TempPathFactory,
    one: tuple[tuple[float, ...], list[int]],
    other: tuple[tuple[float, ...], list[int]],
) -> None:
    """Two workers' durations are in their buckets, merged or not, whatever boundaries both have."""
    where = shared(tmp_path_factory.mktemp("workers"))
    files = [filled(where, *each) for each in (one, other)]
    everything = [*one[1], *other[1]]
    for dead in (None, *files):
        if dead is not None:
            killed(dead)
        key, counts, native = seen(Reader(where).snapshot())
        assert native == expected(everything)
        assert key.family.bounds == tuple(sorted({*one[0], *other[0]}))
        assert (counts[0], sum(counts[1:])) == (sum(everything), len(everything))
        if one[0] == other[0]:
            assert counts == classic(one[0], everything)
    where.close()


def test_a_native_bucket_that_a_classic_boundary_splits_is_one(where: Directory) -> None:
    """Durations on both sides of an objective's boundary are in one native bucket."""
    file = filled(where, (0.1,), [99_000_000, 100_000_000, 100_000_001, 101_000_000])
    _, counts, native = seen(Reader(where).snapshot())
    assert counts == (400_000_001, 2, 2)
    assert native.buckets == [(-26, 4)]
    killed(file)


def test_a_family_without_native_buckets_has_no_such_view(where: Directory) -> None:
    """Only durations are native histograms: of sizes there is no native view."""
    from sidelight.contract import METRICS

    file = filled(where, (0.1,), [])
    file.observe(METRICS["http_server_response_body_size_bytes"], ("GET", "/items"), 5)
    snapshot = Reader(where).snapshot()
    (key,) = [key for key in snapshot.sums if "response_body" in key.family.name]
    assert native_histogram(snapshot, key) is None
    assert snapshot.sums[key] == (5, 1, 0, 0, 0, 0)
    killed(file)


@pytest.mark.parametrize("native", [2, -1, "3", [3], {}, True])
def test_a_schema_with_another_native_schema_is_refused(native: object) -> None:
    """A file whose histograms are native by another schema is damaged, or of a later version."""
    from json import dumps

    from sidelight.errors import InvalidDataError

    with pytest.raises(InvalidDataError):
        schema.decode(dumps([["a", "histogram", [1.0], native]]).encode())
    with pytest.raises(InvalidDataError):
        schema.decode(dumps([["a", "counter", [], 3]]).encode())


def test_files_without_native_buckets_are_put_where_their_boundaries_say() -> None:
    """Of counts that have classic buckets only, the classic view stays as it is."""
    old, new = (StoredFamily("x", "histogram", (0.1, 1.0), native) for native in (False, True))
    assert classic_values(new, schema.rebucketed((5, 1, 2, 3), old, new)) == (5, 1, 2, 3)
