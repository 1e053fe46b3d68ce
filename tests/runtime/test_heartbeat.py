"""What a heartbeat remembers for the records of slow requests, and what is done beside it."""

import asyncio
import threading
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sidelight import SidelightMiddleware
from sidelight.runtime import file_chores, heartbeat, process, request_conditions
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.settings import load
from sidelight.store.layout import HEARTBEAT
from sidelight.store.process_store import Store


def test_the_oldest_numbers_of_waiting_calls_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit, the oldest numbers are dropped, and the others keep their times."""
    monkeypatch.setattr(request_conditions, "MOST_CHANGES", 2)
    store = Store(load({}, {}, tmp_path))
    found = Heartbeat(store)
    found._thread_waits._changes[:] = [(10, 1), (20, 2), (30, 3)]
    found._do_chores()
    waiting = [
        found.conditions(start, start + 5).threads_waiting for start in (9, 10, 19, 20, 29, 30, 99)
    ]
    assert waiting == [None, None, None, 2, 2, 3, 3]
    store.close()


def test_a_blocked_loop_does_not_stop_what_is_read_from_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the event loop is blocked, the metrics of its process are still published."""
    published = threading.Event()
    monkeypatch.setattr(file_chores, "EVERY", 0.01)
    monkeypatch.setattr(file_chores, "PROCESS_EVERY", 1)
    monkeypatch.setattr(process, "publish", lambda _: published.set())
    app = FastAPI()

    @app.get("/block")
    async def block() -> bool:
        published.clear()
        return published.wait(60)

    app.add_middleware(SidelightMiddleware)
    with TestClient(app) as client:
        assert client.get("/block").json() is True


def test_one_loop_at_a_time_beats(tmp_path: Path) -> None:
    """A loop leaves the timer to one that has just started it, and takes it over when it is due."""
    store = Store(load({}, {}, tmp_path))
    found = Heartbeat(store)
    beats_here: list[bool] = []

    async def first() -> None:
        mine = asyncio.get_running_loop()

        async def second() -> None:
            found.wake(soon=True)
            beats_here.append(found._loop is mine)
            found.due = 0
            found.wake(soon=True)
            beats_here.append(found._loop is mine)

        found.wake(soon=True)
        await asyncio.to_thread(asyncio.run, second())
        last = store.file.words[HEARTBEAT]
        await asyncio.sleep(3 * heartbeat.PERIOD)
        beats_here.append(store.file.words[HEARTBEAT] != last)

    asyncio.run(first())
    assert beats_here == [True, False, False]
    found.stop()
    store.close()


def test_the_applications_of_a_store_have_one_heartbeat(tmp_path: Path) -> None:
    """Threads that ask for the heartbeat of a store at one moment get the same."""
    store = Store(load({}, {}, tmp_path))
    start = threading.Barrier(8)
    found: list[Heartbeat] = []

    def ask() -> None:
        start.wait()
        found.append(heartbeat.heartbeat(store))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    store.close()
