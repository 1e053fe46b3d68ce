"""Histograms of files that were written with other boundaries."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.store.directory import Directory
from sidelight.store.schema import bucket_mapping
from tests.store.driving import killed, merge_all, move, totalled, worker

BOUNDS = some.lists(some.sampled_from([0.1, 0.2, 0.5, 1.0, 2.0, 5.0]), unique=True).map(
    lambda bounds: tuple(sorted(bounds))
)


def filled(bounds: tuple[float, ...], observed: list[float]) -> tuple[int, ...]:
    """A histogram of observations: the sum of tenths, then the buckets."""
    values = [0] * (len(bounds) + 2)
    for value in observed:
        values[bisect_left(bounds, value) + 1] += 1
        values[0] += round(value * 10)
    return tuple(values)


@pytest.mark.parametrize("bounds", [(), (1.0,), (0.1, 1.0)])
def test_the_same_boundaries_need_no_move(bounds: tuple[float, ...]) -> None:
    """Equal boundaries are recognized, so that no value is moved."""
    assert bucket_mapping(bounds, bounds) is None


def test_a_missing_boundary_takes_the_next_lower_ones_count() -> None:
    """Under a boundary that the source lacks a reader sees what was below the lower one."""
    values = filled((0.1, 1.0), [0.05, 0.3, 0.3, 5.0])
    found = move(values, (0.1, 1.0), (0.1, 0.5, 1.0))
    assert found == (56, 1, 0, 2, 1)


@given(BOUNDS, BOUNDS, some.lists(some.floats(0, 10)))
def test_a_move_keeps_count_and_sum(
    old: tuple[float, ...], new: tuple[float, ...], observed: list[float]
) -> None:
    """Whatever the boundaries, a move keeps count and sum, and puts nothing below where it was."""
    values = filled(old, observed)
    found = move(values, old, new)
    assert len(found) == len(new) + 2
    assert sum(found[1:]) == len(observed)
    assert found[0] == values[0]
    true = filled(new, observed)
    for upto, bound in enumerate(new, 2):
        assert sum(found[1:upto]) <= sum(true[1:upto])
        if bound in old:
            assert sum(found[1:upto]) == sum(true[1:upto])


def test_workers_of_different_boundaries_are_merged_together(where: Directory) -> None:
    """Stopped workers of two settings are summed, with the boundaries of both."""
    killed(worker(where, 5, (0.001, 1.0)))
    merge_all(where)
    killed(worker(where, 6, (0.5, 1.0, 2.0)))
    merge_all(where)
    assert totalled(where) == 11
    assert where.names(".worker") == []
