"""What all workers of a directory read alike is counted once, whoever reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidelight.store import directory as directories
from sidelight.store.directory import Directory
from sidelight.store.shared_counts import LOCK, MOST_SOURCES, NAME, Reading, SharedCounts


class Container:
    """Counters that rise when a test says so."""

    def __init__(self, name: str = "a", *values: int) -> None:
        self.name = name
        self.values = values or (0, 0)

    def read(self) -> Reading | None:
        return self.name, self.values


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Directory]:
    found = directories.open_shared(str(tmp_path / "store"))
    yield found
    found.close()


def test_each_increase_is_counted_by_one_worker(shared: Directory) -> None:
    """The sum of what two workers count is what the container has, from its start on."""
    container, first, second = Container("a", 5, 700), SharedCounts(), SharedCounts()
    assert first.take(container.read, shared) == (5, 700)
    assert second.take(container.read, shared) == (0, 0)
    container.values = 8, 1000
    assert second.take(container.read, shared) == (3, 300)
    assert first.take(container.read, shared) == (0, 0)
    container.values = 9, 1100
    assert SharedCounts().take(container.read, shared) == (1, 100)
    assert first.take(container.read, shared) == (0, 0)


def test_a_worker_alone_counts_all(shared: Directory) -> None:
    """Without a directory, what this worker has counted is what is counted."""
    container, alone = Container("a", 5, 700), SharedCounts()
    assert alone.take(container.read, None) == (5, 700)
    assert alone.take(container.read, None) == (0, 0)
    container.values = 6, 800
    assert alone.take(container.read, None) == (1, 100)
    assert shared.names("") == []


def test_what_is_unknown_is_not_zero(shared: Directory) -> None:
    """Where nothing can be read there is nothing to count, and no series is to be made."""
    assert SharedCounts().take(lambda: None, shared) is None
    assert SharedCounts().take(lambda: None, None) is None


@pytest.mark.parametrize("again", [("b", (2, 20)), ("a", (2, 20))])
def test_a_container_that_begins_again(shared: Directory, again: Reading) -> None:
    """After a restart the new container's counts are added, whether its id is new or not."""
    container, worker = Container("a", 5, 700), SharedCounts()
    worker.take(container.read, shared)
    container.name, container.values = again
    assert SharedCounts().take(container.read, shared) == (2, 20)
    assert worker.take(container.read, shared) == (0, 0)


def test_two_containers_of_one_directory(shared: Directory) -> None:
    """Each has its own counts; those of the newest containers are remembered, and no others."""
    containers = [Container(str(number), 1, 10) for number in range(MOST_SOURCES)]
    for container in containers:
        assert SharedCounts().take(container.read, shared) == (1, 10)
    for container in containers:
        assert SharedCounts().take(container.read, shared) == (0, 0)
    SharedCounts().take(Container("another", 1, 10).read, shared)
    assert SharedCounts().take(containers[-1].read, shared) == (0, 0)
    assert SharedCounts().take(containers[0].read, shared) == (1, 10)


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'{"a": 3}', b'{"a": ["x"]}', b"\xff"])
def test_a_file_that_says_nothing(shared: Directory, data: bytes) -> None:
    """A file that is torn or another program's is replaced; what a worker knows, it knows."""
    container, worker = Container("a", 5, 700), SharedCounts()
    worker.take(container.read, shared)
    shared.write(NAME, data)
    container.values = 6, 710
    assert worker.take(container.read, shared) == (1, 10)
    assert SharedCounts().take(container.read, shared) == (0, 0)


def test_another_worker_counts_now(shared: Directory) -> None:
    """While another worker has the lock this one counts nothing, and loses nothing."""
    container, worker = Container("a", 5, 700), SharedCounts()
    with held(shared):
        assert worker.take(container.read, shared) == (0, 0)
    assert worker.take(container.read, shared) == (5, 700)


@contextmanager
def held(shared: Directory) -> Iterator[None]:
    with shared.locked(LOCK) as locked:
        assert locked
        yield
