"""What a heartbeat remembers for the records of slow requests, and what is done beside it."""

import threading
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from sidelight import SidelightMiddleware
from sidelight.runtime import file_chores, heartbeat, process
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.settings import load
from sidelight.store.process_store import Store


def test_the_oldest_numbers_of_waiting_calls_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the limit, the oldest numbers are dropped, and the others keep their times."""
    monkeypatch.setattr(heartbeat, "MOST_WAITS", 2)
    store = Store(load({}, {}, tmp_path))
    found = Heartbeat(store)
    found._waits[:], found._waited_at[:] = [1, 2, 3], [10, 20, 30]
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
