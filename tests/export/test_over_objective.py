"""The counters of latency objectives over the life of several workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sidelight.contract import DURATION
from sidelight.latency_objectives import LatencyObjective, LatencyObjectives, encode
from sidelight.store.directory import Directory
from sidelight.store.layout import BlockKind
from sidelight.store.service_info import ServiceInfo
from sidelight.store.service_info import encode as encoded_info
from sidelight.store.writer import WorkerFile
from tests.store.driving import LABELS, killed, shared, worker
from tests.store.pages import Reader

OVER = "fastapi_requests_over_objective_total"
BOUNDS = (0.1, 0.3, 1.0)
FAST, SLOW, SLOWEST = 50_000_000, 500_000_000, 2_000_000_000
"""Nanoseconds in buckets of BOUNDS: up to 0.1, up to 1, and all above."""


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Directory]:
    found = shared(tmp_path / "store")
    yield found
    found.close()


def started(where: Directory, seconds: float = 0, *, told: bool = True) -> WorkerFile:
    """A worker whose service has this objective, if any; it may not have told of itself yet."""
    file = worker(where, buckets=BOUNDS)
    if seconds:
        service = LatencyObjective(seconds, first_byte=False)
        file.append_block(BlockKind.LATENCY_OBJECTIVES, encode(LatencyObjectives(service)))
    if told:
        file.append_block(BlockKind.SERVICE_INFO, encoded_info(ServiceInfo(version="1")))
    return file


def add(file: WorkerFile, ns: int, times: int) -> None:
    for _ in range(times):
        file.observe(DURATION, LABELS, ns)


def over(reader: Reader) -> dict[tuple[str, ...], int]:
    """The counters of a scrape by their labels."""
    sums = reader.snapshot().sums
    return {key.labels: count for key, (count, *_) in sums.items() if key.family.name == OVER}


def test_counts_of_workers_that_stopped_stay(where: Directory) -> None:
    """Killed workers' responses are counted as before, by the counter of the next one too."""
    reader, first = Reader(where), started(where, 0.3)
    add(first, FAST, 5)
    add(first, SLOW, 7)
    second = started(where, 0.3)
    add(second, SLOWEST, 2)
    assert over(reader) == {("GET", "/items", "0.3"): 9}
    killed(first)
    assert over(reader) == {("GET", "/items", "0.3"): 9}
    killed(second)
    third = started(where, 0.3)
    add(third, SLOW, 1)
    assert over(reader) == over(Reader(where)) == {("GET", "/items", "0.3"): 10}
    killed(third)


def test_objectives_are_those_of_the_newest_worker(where: Directory) -> None:
    """One that has just started, and has told nothing of itself yet, changes nothing."""
    reader, old = Reader(where), started(where, 0.3)
    add(old, SLOW, 7)
    new = started(where, told=False)
    assert over(reader) == {("GET", "/items", "0.3"): 7}
    newest = started(where, 1.0)
    add(newest, SLOWEST, 2)
    assert over(reader) == {("GET", "/items", "1.0"): 2}
    last = started(where)
    assert over(reader) == {}
    for file in (old, new, newest, last):
        killed(file)


def test_a_reader_keeps_them_while_no_worker_runs(where: Directory) -> None:
    """Between the last worker's end and the next one's start a sidecar shows the same counters."""
    reader, file = Reader(where), started(where, 0.3)
    add(file, SLOW, 7)
    assert over(reader) == {("GET", "/items", "0.3"): 7}
    killed(file)
    assert over(reader) == {("GET", "/items", "0.3"): 7}


def test_a_counter_begins_with_its_routes_durations(where: Directory) -> None:
    """With a first response over its objective, it was 0 when its route's first one ended."""
    reader, file = Reader(where), started(where, 0.3)
    add(file, SLOW, 1)
    snapshot = reader.snapshot()
    (duration,) = (key for key in snapshot.sums if key.family.name == DURATION.name)
    (counter,) = (key for key in snapshot.sums if key.family.name == OVER)
    assert snapshot.created[counter] == snapshot.created[duration] > 0
    killed(file)
