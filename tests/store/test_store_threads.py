"""Several threads of one worker count in one series."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sidelight.asgi.series import SeriesWriter
from sidelight.contract import DURATION, DURATION_BUCKETS, METRICS
from sidelight.store import atomic_add
from sidelight.store.inflight import UNTRACKED
from sidelight.store.layout import SLOTS, STATE
from sidelight.store.layout import UNTRACKED as UNTRACKED_COUNT
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.store.driving import LABELS

OVERFLOW = METRICS["sidelight_series_overflow_total"]
THREADS = 8
TIMES = 500


@pytest.fixture
def file() -> Iterator[WorkerFile]:
    """A file, and threads that give way to each other as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield WorkerFile(None, schema(DURATION_BUCKETS), 100)
    sys.setswitchinterval(before)


def together(work: Callable[[], None]) -> None:
    """Do some work in several threads at one moment, each `TIMES` times."""
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait()
        for _ in range(TIMES):
            work()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("family", "labels", "count", "expected"),
    [
        (OVERFLOW, (), lambda file: file.count(OVERFLOW), [1]),
        (DURATION, LABELS, lambda file: file.observe(DURATION, LABELS, 7), [7, 1]),
        (DURATION, LABELS, lambda file: SeriesWriter(file).observe(DURATION, LABELS, 7), [7, 1]),
    ],
)
def test_threads_lose_no_count(
    file: WorkerFile,
    family: Any,
    labels: tuple[str, ...],
    count: Callable[[WorkerFile], None],
    expected: list[int],
) -> None:
    """Whatever other threads count at the same time, each count is in the sum."""
    series = file.series(family, labels, uncapped=True)
    together(lambda: count(file))
    found = file.words[series : series + len(expected)].tolist()
    assert found == [THREADS * TIMES * one for one in expected]


@pytest.mark.parametrize("kind", ["_add_in_one_step", "_add_with_lock", "add"])
def test_each_way_to_add_is_one_step(file: WorkerFile, kind: str) -> None:
    """What is added and taken away by threads at the same time leaves what was there."""
    if kind == "_add_in_one_step" and atomic_add.FREE_THREADED:
        pytest.skip("it needs a GIL")
    add = getattr(atomic_add, kind)
    file.words[STATE] = 5

    def both() -> None:
        add(file.words, STATE, 3)
        add(file.words, STATE, -2)

    together(both)
    assert file.words[STATE] == 5 + THREADS * TIMES


def test_a_word_outside_of_the_file_is_not_added_to(file: WorkerFile) -> None:
    """An index past the end is an IndexError, natively too."""
    for at in (len(file.words), 2**62):
        with pytest.raises(IndexError):
            atomic_add.add(file.words, at, 1)


@pytest.mark.parametrize("kept", [0, SLOTS])
def test_threads_leak_no_slot(file: WorkerFile, kept: int) -> None:
    """Each slot is one request's at a time, and all are free in the end, also past the last one."""
    taken = [file.acquire_slot(1, b"/", 1) for _ in range(kept)]
    twice: list[int] = []

    def request() -> None:
        mine = threading.get_ident()
        slot = file.acquire_slot(1, b"/", mine)
        if slot != UNTRACKED and file.words[slot] != mine:
            twice.append(slot)
        file.release_slot(slot)

    together(request)
    for slot in taken:
        file.release_slot(slot)
    assert twice == []
    assert file.in_flight == 0
    assert len(set(file.free_slots)) == len(file.free_slots) == max(kept, len(file.paths))
    assert [file.words[slot] for slot in file.paths] == [0] * len(file.paths)
    assert file.words[UNTRACKED_COUNT] == 0
