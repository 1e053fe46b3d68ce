"""Measurements of the process: early ones, gauges that come and go, files that come and go."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime import instruments
from sidelight.runtime.instruments import GaugeReading
from tests.runtime.reading import Worker

PENDING = METRICS["db_client_connection_pending_requests"]
WAIT = METRICS["db_client_connection_wait_time_seconds"]
TIMEOUTS = METRICS["db_client_connection_timeouts_total"]


@pytest.fixture(autouse=True)
def own_gauges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "_gauges", [])


def test_a_gauge_without_a_reading_is_shown_no_longer(worker: Worker, name: str) -> None:
    """What is not there any more disappears, and is shown again when it comes back."""
    now: list[GaugeReading] = []
    instruments.poll(lambda: now)
    assert worker.gauge(PENDING.name, name) is None
    now.append(GaugeReading(PENDING, (name,), 3))
    assert worker.gauge(PENDING.name, name) == 3
    now.clear()
    assert worker.gauge(PENDING.name, name) is None
    now.append(GaugeReading(PENDING, (name,), 0))
    assert worker.gauge(PENDING.name, name) == 0


def test_a_gauge_that_raises_keeps_no_other_from_being_shown(worker: Worker, name: str) -> None:
    """What it said before it raised is shown, and so are the gauges after it."""

    def broken() -> Iterator[GaugeReading]:
        yield GaugeReading(PENDING, (name,), 1)
        raise RuntimeError

    instruments.poll(broken)
    instruments.poll(lambda: [GaugeReading(PENDING, (name + "-other",), -5)])
    assert worker.gauge(PENDING.name, name) == 1
    assert worker.gauge(PENDING.name, name + "-other") == 0


def test_a_gauge_is_asked_once(worker: Worker) -> None:
    """Polling the same gauge twice is polling it once."""
    asked = []

    def gauge() -> Any:
        asked.append(1)
        return ()

    instruments.poll(gauge)
    instruments.poll(gauge)
    instruments.publish(worker.file)
    assert len(asked) == 1


@pytest.mark.usefixtures("no_worker")
def test_what_comes_early_goes_to_the_first_file_only(name: str) -> None:
    """Before there is a file, and after it is gone, measurements wait for the next."""
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
    """A value that can't be stored is left out, and the next is there."""
    instruments.observe(WAIT, (name,), "no number")  # type: ignore[arg-type]
    instruments.count(None, (name,))  # type: ignore[arg-type]
    assert worker.histogram(WAIT.name, name) == (0, 0)
    instruments.observe(WAIT, (name,), NANOSECONDS)
    assert worker.histogram(WAIT.name, name) == (1, 1)
