"""Exemplars of several workers on one page: the newest of each bucket, and never an older one."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidelight.contract import DURATION
from sidelight.store import layout
from sidelight.store.directory import Directory
from sidelight.store.writer import WorkerFile
from tests.store.driving import killed, shared, worker
from tests.store.pages import Reader

Times = dict[tuple[str, int], float]


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Directory]:
    """A directory of two workers."""
    found = shared(tmp_path / "store")
    yield found
    found.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which each look at it moves on by a millisecond."""
    now = [time.time() - 3600]

    def tick() -> float:
        now[0] += 0.001
        return now[0]

    monkeypatch.setattr("sidelight.store.writer.time.time", tick)
    return now


def trace(file: WorkerFile, route: str, bucket: int = 1) -> None:
    """A traced request."""
    series = file.series(DURATION, ("GET", route, "200", "", "http"))
    file.set_exemplar(series, bucket, b"t" * 16, b"s" * 8, 0.001)


def times(reader: Reader) -> Times:
    """When the exemplars of the page were stored, by route and bucket."""
    found = reader.snapshot().exemplars
    return {(key.labels[1], bucket): each.seconds for (key, bucket), each in found.items()}


def no_older(before: Times, now: Times) -> bool:
    """Whether no bucket has an exemplar that is older than the one that it had."""
    return all(now[bucket] >= before[bucket] for bucket in before.keys() & now.keys())


def test_each_bucket_keeps_its_exemplar_as_long_as_there_is_room(
    where: Directory, clock: list[float]
) -> None:
    """512 buckets have one each, whatever the addresses of their series."""
    file = worker(where)
    for number in range(64):
        for bucket in range(1, 9):
            trace(file, f"/{number}", bucket)
    assert len(times(Reader(where))) == layout.EXEMPLARS == 512
    killed(file)


def test_each_bucket_has_the_newest_exemplar_of_all_workers(
    where: Directory, clock: list[float]
) -> None:
    """Of two workers' exemplars of one bucket the newer one is exported, whichever has it."""
    first, second = worker(where), worker(where)
    stored = []
    for file, bucket in ((first, 1), (second, 1), (second, 2), (first, 2)):
        trace(file, "/a", bucket)
        stored.append(clock[0])
    assert times(Reader(where)) == {("/a", 1): stored[1], ("/a", 2): stored[3]}
    for file in (first, second):
        killed(file)


def test_an_exemplar_never_goes_back_in_time(where: Directory, clock: list[float]) -> None:
    """Not when another series takes its slot, and not when its worker ends and is merged."""
    first, second, reader = worker(where), worker(where), Reader(where)
    trace(second, "/a")
    trace(second, "/b")
    trace(first, "/a")
    pages = [times(reader)]
    assert set(pages[0]) == {("/a", 1), ("/b", 1)}
    for bucket in range(512):  # the exemplar of the first worker gives its slot away
        trace(first, f"/{bucket % 64 + 100}", 1 + bucket // 64)
    pages.append(times(reader))
    assert no_older(pages[0], pages[1])
    assert ("/a", 1) not in pages[1]
    trace(second, "/a")
    trace(first, "/a")
    pages.append(times(reader))
    assert pages[2]["/a", 1] > pages[0]["/a", 1]
    killed(first)
    pages.append(times(reader))  # merges it
    assert no_older(pages[2], pages[3])
    assert ("/a", 1) not in pages[3]
    assert times(Reader(where)) == pages[3]
    trace(second, "/a")
    assert set(times(reader)) == {("/a", 1)}
    killed(second)


def test_a_clock_that_is_set_back_does_not_make_an_exemplar_older(
    where: Directory, clock: list[float]
) -> None:
    """The next exemplar has at least the time of the last one."""
    file, reader = worker(where), Reader(where)
    trace(file, "/a")
    before = times(reader)
    clock[0] -= 60
    trace(file, "/a")
    assert no_older(before, times(reader))
    killed(file)
