"""A directory that workers share is read for some seconds, and then asked as a Prometheus is."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidelight.contract import DURATION
from sidelight.store.writer import WorkerFile
from tests.live.sidecars import SIDELIGHT, worker_with_routes

pytestmark = pytest.mark.newest

FAILED = ("GET", "/search", "500", "500", "http")


@contextmanager
def failing(file: WorkerFile) -> Iterator[None]:
    """Fifty requests a second to one route fail."""
    ended, first = threading.Event(), file.series(DURATION, FAILED)

    def fails() -> None:
        while not ended.wait(0.02):
            file.words[first] += 1_000_000
            file.words[first + 1] += 1

    thread = threading.Thread(target=fails)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_failing_route_is_named(tmp_path: Path) -> None:
    """The route is the cause; alerts and an hour before are not known; the directory stays."""
    store = tmp_path / "store"
    with worker_with_routes(store, 2) as file, failing(file):
        before = sorted(path.name for path in store.iterdir())
        done = subprocess.run(
            [SIDELIGHT, "why", "--json", str(store)], capture_output=True, text=True, check=True
        )
        assert sorted(path.name for path in store.iterdir()) == before
    assert done.stderr == f"reading {store} for 10 s ...\n"
    found = json.loads(done.stdout)
    cause = found["causes"][0]
    assert (found["state"], cause["kind"], cause["route"]) == ("warning", "errors", "/search")
    assert (cause["share"], cause["alerts"]) == (1.0, [])
    assert found["unknown"][-1] == "2 min before: there are no metrics of that time"


def test_a_directory_without_workers_is_down(tmp_path: Path) -> None:
    """No worker is left in it."""
    (tmp_path / "store").mkdir(mode=0o700)
    done = subprocess.run(
        [SIDELIGHT, "why", "--window", "2s", str(tmp_path / "store")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "is down: no target of it answers, or none has a worker left." in done.stdout
