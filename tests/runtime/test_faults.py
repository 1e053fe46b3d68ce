"""Faults beside the requests: in the heartbeat, and in the application's own collectors."""

import asyncio
import logging
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from sidelight.app_metrics import collector_thread, publisher
from sidelight.app_metrics.collector_thread import Job
from sidelight.cooperative import run_to_end
from sidelight.export.collector import Collector
from sidelight.runtime import faults
from sidelight.runtime.faults import Faults, guarded
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.store.process_store import Store
from tests.store.driving import open_store


class Clock(SimpleNamespace):
    """The module `time`, with a monotonic clock that moves only when a test sets it."""

    def __init__(self) -> None:
        super().__init__(now=1000.0, time=time.time, monotonic_ns=time.monotonic_ns)

    def monotonic(self) -> float:
        now: float = self.now
        return now


class Failing:
    """A registry with a collector that raises after a number of successful collections."""

    def __init__(self, good: int = 0) -> None:
        self.good = good
        self.asked = 0

    def collect(self) -> list[Any]:
        self.asked += 1
        if self.asked > self.good:
            raise ZeroDivisionError
        return []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(faults, "time", found)
    monkeypatch.setattr(publisher, "time", found)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = open_store(tmp_path / "store")
    assert found.directory is not None
    found.directory.mark_scraped()
    yield found
    found.close()


def counted(store: Store, name: str = faults.INTERNAL_ERRORS.name) -> dict[str, int]:
    """The number of faults by the label ``where``."""
    sums = run_to_end(Collector(store.reader).collect()).sums
    return {key.labels[0]: value for key, (value, *_) in sums.items() if key.family.name == name}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_fault_of_the_heartbeat_is_counted_and_logged_once_a_minute(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each beat that fails counts, one a minute is logged with its cause, and the timer goes on."""
    heartbeat = Heartbeat(store)

    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(heartbeat, "publish_gauges", fail)

    async def beat(times: int) -> None:
        for _ in range(times):
            heartbeat.wake()
        heartbeat.stop()

    asyncio.run(beat(5))
    assert counted(store) == {"heartbeat": 5}
    assert said(caplog) == ["fault in heartbeat; requests are not affected"]
    assert "ZeroDivisionError" in caplog.text
    clock.now += 59
    asyncio.run(beat(1))
    assert len(said(caplog)) == 1
    clock.now += 1
    asyncio.run(beat(1))
    assert len(said(caplog)) == 2
    assert counted(store) == {"heartbeat": 7}


def test_a_fault_of_the_gauges_stops_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A removed file is made again, even if another part of the same beat fails."""
    heartbeat = Heartbeat(store)
    monkeypatch.setattr(heartbeat, "publish_gauges", None)
    assert store.directory is not None
    Path(store.directory.path, store.file.name).unlink()
    heartbeat.files.do()

    async def beat() -> None:
        heartbeat.wake()
        heartbeat.stop()

    asyncio.run(beat())
    assert store.file.is_linked()
    assert counted(store) == {"heartbeat": 1}


def test_a_collector_that_fails_beside_the_loop_is_counted(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector that fails is run each second with the others, counted, and seldom logged."""
    source, tried = Failing(good=1), []
    app_metrics = Heartbeat(store).app_metrics
    app_metrics.add_registry(source)
    for _ in range(4):
        asyncio.run(app_metrics.collect())
        tried.append(source.asked)
        app_metrics.publish_if_due()  # too early
        clock.now += 1
    assert tried == [1, 2, 3, 4]
    name = "sidelight_collector_errors_total"
    assert counted(store, name) == {"Failing": 3}
    assert counted(store) == {}
    assert said(caplog) == ["the collector Failing failed"]


def test_a_collection_is_begun_without_a_scrape_of_this_worker(store: Store) -> None:
    """While the directory is scraped, a worker collects by itself."""
    source = Failing(good=1)
    app_metrics = Heartbeat(store).app_metrics
    app_metrics.add_registry(source)
    app_metrics.publish_if_due()
    until = time.monotonic() + 60
    while not app_metrics.latest and time.monotonic() < until:
        time.sleep(0.001)
    assert source.asked == 1
    assert app_metrics.latest == b"[]"


def test_a_collection_is_begun_seldom_without_any_scrape(store: Store, clock: Clock) -> None:
    """Where nothing scrapes, a snapshot is taken every 30 seconds, for what a kill would lose."""
    source = Failing(good=100)
    app_metrics = Heartbeat(store).app_metrics
    app_metrics.add_registry(source)
    began: list[float] = []
    with (
        patch.object(store, "scraped_within", lambda _: False),
        patch.object(collector_thread.thread, "submit", partial(run_at_once, clock, began)),
    ):
        for _ in range(100):
            clock.now += 1
            app_metrics.publish_if_due()
    assert [later - earlier for earlier, later in pairwise(began)] == [30, 30]
    assert app_metrics.latest == b"[]"


def run_at_once(clock: Clock, began: list[float], job: Job) -> None:
    began.append(clock.now)
    while job.step():
        pass


def test_guarded_stops_counts_and_logs_an_exception(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """A block, and a decorated function, end at an exception, which is counted and logged."""
    counter = Faults(store.file.count)

    @guarded("function", counter)
    def fail() -> None:
        raise ZeroDivisionError

    with guarded("block", counter):
        raise ZeroDivisionError
    fail()
    fail()
    assert counted(store) == {"block": 1, "function": 2}
    assert len(said(caplog)) == 2


def test_guarded_lets_a_cancellation_pass(store: Store) -> None:
    """A cancellation is no fault: it goes on, and is not counted."""
    with pytest.raises(asyncio.CancelledError), guarded("block", Faults(store.file.count)):
        raise asyncio.CancelledError
    assert counted(store) == {}


def test_guarded_survives_a_store_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A fault that can't be counted is still stopped and logged."""
    with guarded("block", Faults(lambda *_: 1 / 0)):
        raise KeyError
    assert said(caplog) == ["fault in block; requests are not affected"]
