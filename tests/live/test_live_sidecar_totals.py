"""Totals beside a sidecar: whatever restarts or dies, nothing is lost and nothing counted twice."""

import http.client
import os
import random
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import (
    CALLS,
    EXITS,
    ITEM,
    MAKE,
    Load,
    Watch,
    ask,
    check_counted,
    counted,
    requests,
    scrape,
    settle,
    value,
)
from tests.live.killing import replaced
from tests.live.servers import Server, eventually, running
from tests.live.sidecars import Sidecar, fetch, wait_ended, worker_files

pytestmark = pytest.mark.live


@contextmanager
def no_counter_falls(sidecar: Sidecar) -> Iterator[None]:
    """While the body runs no counter of the sidecar's falls; zeros of known routes may go."""
    with Watch(sidecar) as watch:
        yield
    assert watch.falls_of_counts == []
    assert watch.pages > 0


def wait_for_answers(load: Load, answers: int = 50) -> None:
    """Wait for so many more answers."""
    seen = load.total
    eventually(lambda: load.total > seen + answers)


def target(server: Server) -> list[str]:
    """The line that says whose metrics these are."""
    return [
        text for text in fetch(server, "/metrics").text.splitlines() if text.startswith("target_")
    ]


def test_restarting_the_sidecar_changes_no_total(
    uvicorn: Serve, store: Path, tmp_path: Path
) -> None:
    """After each restart of the sidecar, asked or killed, its page has the same counts and id."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar:
        settle(sidecar, 2)
        ask(server, dict.fromkeys(CALLS, 3))
        server.kill(server.workers()[0])
        settle(sidecar, 2)
        expected, whose = counted(sidecar), target(sidecar)
        assert expected.total() == 3 * len(CALLS)
        assert sidecar.stop() == 0
    for how in (signal.SIGKILL, signal.SIGTERM):
        with Sidecar(store, tmp_path) as sidecar:
            settle(sidecar, 2)
            assert counted(sidecar) == expected
            assert target(sidecar) == whose == target(server)
            assert value(scrape(sidecar), EXITS) == 1
            sidecar.stop(how)


def test_restarting_the_service_is_no_counter_reset(
    uvicorn: Serve, store: Path, tmp_path: Path
) -> None:
    """Through a clean end, a kill of every process and new services, no counter falls."""
    loads = []
    with Sidecar(store, tmp_path) as sidecar, no_counter_falls(sidecar):
        for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
            settle(sidecar, 2)
            with Load(server, 4, CALLS) as load:
                wait_for_answers(load)
                if how is signal.SIGKILL:
                    workers = server.workers()
                    server.process.kill()
                    for pid in workers:
                        os.kill(pid, signal.SIGKILL)
                    wait_ended(workers)
            if how is signal.SIGTERM:
                server.stop()
            loads.append(load)
            settle(sidecar, 0)
            check_counted(loads, counted(sidecar))
        page = scrape(sidecar)
        assert value(page, EXITS, how="died") == 2
        assert value(page, EXITS, how="clean") == 4
        assert worker_files(store) == worker_files(store, ".draft") == []


def exits(sidecar: Sidecar, died: int) -> bool:
    """Whether so many workers died; one that merges at this moment counts them when it is done."""
    return value(scrape(sidecar), EXITS, how="died") == died


@pytest.mark.parametrize(
    "rounds", [4, pytest.param(20, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
def test_killing_the_sidecar_while_it_folds(
    uvicorn: Serve, store: Path, tmp_path: Path, rounds: int
) -> None:
    """Sidecar and workers are killed at random moments of folding: every count is exact."""
    chance = random.Random(rounds)  # noqa: S311 moments, no secret
    server = uvicorn(3, SIDELIGHT_DIR=str(store)).ready()
    with Load(server, 4) as load:
        for _ in range(rounds):
            wait_for_answers(load, 20)
            settle(server, 3)
            with Sidecar(store, tmp_path) as sidecar:
                victims = server.workers()[:2]
                for pid in victims:
                    os.kill(pid, signal.SIGKILL)
                threading.Timer(chance.uniform(0, 0.02), sidecar.process.kill).start()
                with suppress(OSError, http.client.HTTPException):
                    sidecar.get("/metrics")
                sidecar.process.wait()
            for pid in victims:
                eventually(replaced(server, pid, 3))
    with Sidecar(store, tmp_path) as sidecar:
        settle(sidecar, 3)
        check_counted([load], counted(sidecar))
        eventually(partial(exits, sidecar, 2 * rounds))
        page = scrape(sidecar)
        assert value(page, EXITS, how="died") == 2 * rounds
        assert value(page, "sidelight_files_skipped_total") == 0
        assert counted(server) == counted(sidecar)
        assert len(worker_files(store)) == 3
        assert worker_files(store, ".draft") == []


def test_killing_the_only_one_who_folds(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """With nobody else to fold, sidecars killed at it one after the other count all exactly."""
    chance = random.Random(7)  # noqa: S311 moments, no secret
    expected = []
    for _ in range(3):
        server = uvicorn(4, SIDELIGHT_DIR=str(store)).ready()
        settle(server, 4)
        with Load(server, 4) as load:
            wait_for_answers(load)
        expected.append(load)
        workers = server.workers()
        for pid in (server.pid, *workers):
            os.kill(pid, signal.SIGKILL)
        server.process.wait()
        wait_ended(workers)
        for _ in range(2):
            sidecar = Sidecar(store, tmp_path)
            try:
                eventually(lambda sidecar=sidecar: "listens" in sidecar.log)  # type: ignore[misc] # mypy infers no lambda with a default
                threading.Event().wait(chance.uniform(0, 0.01))
            finally:
                sidecar.process.kill()
                sidecar.destroy()
    with Sidecar(store, tmp_path) as sidecar:
        settle(sidecar, 0)
        check_counted(expected, counted(sidecar))
        assert value(scrape(sidecar), EXITS) == 12
        assert worker_files(store) == worker_files(store, ".draft") == []


def test_two_sidecars_on_one_directory(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """Two sidecars and the workers fold at once, and each shows every count once."""
    server = uvicorn(3, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as one, Sidecar(store, tmp_path) as other:
        with no_counter_falls(one), no_counter_falls(other), Load(server, 4) as load:
            for _ in range(3):
                wait_for_answers(load)
                victim = server.workers()[0]
                server.kill(victim)
                eventually(replaced(server, victim, 3))
                settle(one, 3)
        for sidecar in (one, other):
            settle(sidecar, 3)
            check_counted([load], counted(sidecar))
            eventually(partial(exits, sidecar, 3))
        assert counted(one) == counted(other)
        assert target(one) == target(other)


def test_a_sidecar_before_its_service(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A sidecar that is first makes the directory, is ready, and finds the service later."""
    with Sidecar(store, tmp_path) as sidecar:
        assert sidecar.get("/readyz")[0] == 200
        assert value(scrape(sidecar), "sidelight_workers") == 0
        assert requests(scrape(sidecar)) == {}
        assert store.stat().st_mode & 0o7777 == 0o2770
        server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
        settle(sidecar, 2)
        assert counted(sidecar) + ask(server, {ITEM: 12, MAKE: 3}) == counted(sidecar)
        assert target(sidecar) == target(server)
        assert "warning" not in {line["level"] for line in sidecar.lines}


def test_a_directory_that_is_taken_away(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """Sidecar and service make a removed directory again, with what running workers counted."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar:
        settle(sidecar, 2)
        expected = ask(server, {ITEM: 12, MAKE: 3})
        store.rename(tmp_path / "gone")
        shutil.rmtree(tmp_path / "gone")
        assert sidecar.get("/readyz")[0] == 200
        settle(sidecar, 2)
        eventually(lambda: counted(sidecar) == expected)
        assert all(map(running, server.workers()))
        assert sidecar.stop() == 0


def test_a_directory_without_a_place(uvicorn: Serve, tmp_path: Path) -> None:
    """While its parent is gone the sidecar lives, isn't ready and says why; then it is again."""
    parent = tmp_path / "parent"
    parent.mkdir()
    store = parent / "store"
    server = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar:
        expected = ask(server, {ITEM: 12, MAKE: 3})
        parent.rename(tmp_path / "elsewhere")
        for path in ("/readyz", "/metrics"):
            status, text = sidecar.get(path)
            assert status == 503
            assert f"{store} can't be used: No such file or directory" in text
        assert sidecar.get("/healthz")[0] == 200
        eventually(lambda: any(str(store) in line["message"] for line in sidecar.lines))
        (tmp_path / "elsewhere").rename(parent)
        assert sidecar.get("/readyz")[0] == 200
        settle(sidecar, 1)
        assert counted(sidecar) == expected
        assert sum(str(store) in line["message"] for line in sidecar.lines) == 1
