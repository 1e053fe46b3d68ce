"""Measurements of the process: before there is a file, gauges that end, files that close."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime import instruments
from sidelight.runtime.instruments import GaugeReading
from sidelight.store.mapped_file import StoreFull
from tests.runtime.reading import Worker

PENDING = METRICS["db_client_connection_pending_requests"]
WAIT = METRICS["db_client_connection_wait_time_seconds"]
TIMEOUTS = METRICS["db_client_connection_timeouts_total"]


def fill(worker: Worker) -> None:
    """Make series until no other fits: long ones, and then short ones."""
    for width in (100, 0):
        with pytest.raises(StoreFull):
            _make(worker, width)


def _make(worker: Worker, width: int) -> None:
    for number in range(100_000):
        worker.file.set(PENDING, (f"{number:0{width}}", "0"), 1)


@pytest.fixture(autouse=True)
def own_gauges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "_gauges", [])


def test_a_gauge_without_a_reading_is_not_exported(worker: Worker, name: str) -> None:
    """A series without a reading is not exported, and is exported again when it has one."""
    now: list[GaugeReading] = []
    instruments.poll(lambda: now)
    assert worker.gauge(PENDING.name, name) is None
    now.append(GaugeReading(PENDING, (name,), 3))
    assert worker.gauge(PENDING.name, name) == 3
    now.clear()
    assert worker.gauge(PENDING.name, name) is None
    now.append(GaugeReading(PENDING, (name,), 0))
    assert worker.gauge(PENDING.name, name) == 0


def test_a_gauge_that_raises_stops_no_other(worker: Worker, name: str) -> None:
    """The readings before the exception are exported, and so are the gauges after it."""

    def broken() -> Iterator[GaugeReading]:
        yield GaugeReading(PENDING, (name,), 1)
        raise RuntimeError

    instruments.poll(broken)
    instruments.poll(lambda: [GaugeReading(PENDING, (name + "-other",), -5)])
    assert worker.gauge(PENDING.name, name) == 1
    assert worker.gauge(PENDING.name, name + "-other") == 0


def test_a_full_file_keeps_the_gauges_that_it_has(worker: Worker, name: str) -> None:
    """A new series that does not fit any more stops no reading of those that have one."""
    now = [GaugeReading(PENDING, (name,), 1)]
    instruments.poll(lambda: now)
    assert worker.gauge(PENDING.name, name) == 1
    fill(worker)
    now[:] = [GaugeReading(PENDING, (name + "-new",), 1), GaugeReading(PENDING, (name,), 2)]
    assert worker.gauge(PENDING.name, name) == 2
    assert worker.gauge(PENDING.name, name + "-new") is None


def test_a_gauge_is_called_once(worker: Worker) -> None:
    """A gauge that is added twice is called once for each publication."""
    asked = []

    def gauge() -> Any:
        asked.append(1)
        return ()

    instruments.poll(gauge)
    instruments.poll(gauge)
    instruments.publish(worker.file)
    assert len(asked) == 1


@pytest.mark.usefixtures("no_worker")
def test_early_measurements_are_written_to_the_first_file_only(name: str) -> None:
    """Measurements without an open file are kept for the next file."""
    instruments.observe(WAIT, (name,), 10)
    instruments.count(TIMEOUTS, (name,))
    first, second = Worker(), Worker()
    instruments.attach(first.file)
    instruments.attach(second.file)
    assert first.counter(TIMEOUTS.name, name) == first.histogram(WAIT.name, name)[0] == 1
    assert second.counter(TIMEOUTS.name, name) == 0
    instruments.count(TIMEOUTS, (name,))
    assert (first.counter(TIMEOUTS.name, name), second.counter(TIMEOUTS.name, name)) == (2, 1)
    del first, second
    gc.collect()
    instruments.count(TIMEOUTS, (name,))
    third = Worker()
    instruments.attach(third.file)
    assert third.counter(TIMEOUTS.name, name) == 1
    instruments.detach(third.file)


def test_nothing_is_raised_whatever_is_recorded(worker: Worker, name: str) -> None:
    """A value that can't be stored is left out, and the next one is stored."""
    instruments.observe(WAIT, (name,), "no number")  # type: ignore[arg-type] # wrong on purpose
    instruments.count(None, (name,))  # type: ignore[arg-type] # wrong on purpose
    assert worker.histogram(WAIT.name, name) == (0, 0)
    instruments.observe(WAIT, (name,), NANOSECONDS)
    assert worker.histogram(WAIT.name, name) == (1, 1)
