"""What a heartbeat remembers for the records of slow requests."""

from pathlib import Path

import pytest

from sidelight.runtime import heartbeat
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
