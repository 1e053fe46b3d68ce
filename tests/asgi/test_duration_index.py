"""The index of a duration's bucket, natively and in Python."""

from array import array
from bisect import bisect_left
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from sidelight.asgi.duration_index import cell_of, packed_cells
from sidelight.asgi.series import PACKED_SIZES
from sidelight.contract import DURATION, DURATION_BUCKETS
from sidelight.extension import extension
from sidelight.store.layout import SLOT_WORDS
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile

pytestmark = pytest.mark.newest

NS = some.one_of(some.integers(-5, 10**6), some.integers(0, 10**11), some.integers(0, 2**62))
DEFAULT = WorkerFile(None, schema(DURATION_BUCKETS), 100).bounds(DURATION)
BOUNDS = some.one_of(
    some.just(DEFAULT),
    some.lists(some.integers(0, 2**50), min_size=1, max_size=200).map(sorted),
    some.integers(10**6, 10**9).map(lambda low: list(range(low, low + 60))),
)


def near(bounds: list[int]) -> list[int]:
    """Each boundary, and what is one nanosecond beside it."""
    return [bound + by for bound in bounds for by in (-1, 0, 1)]


def native_key(bounds: list[int]) -> Any:
    """A native key with these boundaries."""
    key = extension.Key()
    packed = array("q", bounds).tobytes()
    key.prepare(packed, packed_cells(bounds), 0, PACKED_SIZES, SLOT_WORDS)
    return key


@pytest.mark.skipif(extension is None, reason="there is no native way")
@given(BOUNDS, some.lists(NS, max_size=50))
@example(DEFAULT, [])
def test_both_ways_find_the_same_bucket(bounds: list[int], durations: list[int]) -> None:
    """Whatever the boundaries, the native way finds what `bisect_left` finds, to the nanosecond."""
    key = native_key(bounds)
    for ns in [*near(bounds), *durations]:
        assert key.bucket(ns) == bisect_left(bounds, ns), ns


def test_a_cell_has_one_boundary_at_most() -> None:
    """With the defaults, a look-up compares with one boundary and with the next at most."""
    most = Counter(map(cell_of, DEFAULT))
    assert max(most.values()) == 1
    assert len(packed_cells(DEFAULT)) == 2 * (cell_of(DEFAULT[-1]) + 1) < 6000


@given(NS.filter(lambda ns: ns >= 0), NS.filter(lambda ns: ns >= 0))
def test_cells_are_in_the_order_of_durations(one: int, other: int) -> None:
    """A longer duration is in the same cell or in a later one."""
    short, long = sorted((one, other))
    assert cell_of(short) <= cell_of(long)
    assert (short == long) or short >= 128 or cell_of(short) < cell_of(long)


@pytest.mark.skipif(extension is None, reason="there is no native way")
@pytest.mark.parametrize(
    ("bounds", "cells"),
    [
        ([5], b""),
        ([5], bytes(2 * 5)),
        ([5], bytes(2 * 7)),
        ([5], b"\1\0" * 6),
        ([-1, 5], bytes(2 * 6)),
        ([5, 4], bytes(2 * 5)),
        ([], b""),
    ],
)
def test_cells_of_other_boundaries_are_refused(bounds: list[int], cells: bytes) -> None:
    """Cells that would lead outside of a series are never used."""
    with pytest.raises(ValueError, match="other cells"):
        extension.Key().prepare(array("q", bounds).tobytes(), cells, 0, PACKED_SIZES, SLOT_WORDS)
    with pytest.raises(ValueError, match="was not called"):
        extension.Key().bucket(5)
