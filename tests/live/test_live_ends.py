"""How servers end, and what the next one finds: nothing, or what it may sweep away."""

import os
import signal
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import (
    ITEM,
    MAKE,
    Samples,
    ask,
    fallen,
    requests,
    scrape,
    settle,
    value,
)
from tests.live.servers import PATIENCE, Server, eventually, running

pytestmark = pytest.mark.live


def crash(server: Server) -> None:
    """Kill the supervisor and all workers at one moment."""
    workers = server.workers()
    for pid in (server.pid, *workers):
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    eventually(lambda: not any(map(running, workers)))


def test_one_process_leaves_no_file_at_all(uvicorn: Serve) -> None:
    """Without workers nothing is shared: no file is made, and the counts are there."""
    server = uvicorn().ready()
    expected = ask(server, {ITEM: 5, MAKE: 2})
    counted = requests(scrape(server))
    assert {asked: counted[asked] for asked in expected} == dict(expected)
    assert server.folders() == []
    assert server.stop() in {0, -signal.SIGTERM}
    assert server.folders() == []


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_leaves_nothing(uvicorn: Serve, how: signal.Signals) -> None:
    """SIGTERM and SIGINT end supervisor and workers, and take their directory away."""
    server = uvicorn(4).ready(4)
    ask(server, {ITEM: 5})
    scrape(server)
    assert server.stop(how) in {0, -how}
    server.leaves_nothing()
    assert "Traceback" not in server.log


def test_two_servers_do_not_mix(uvicorn: Serve) -> None:
    """Two servers on one machine count each for itself, and one's end leaves the other alone.

    The first is started as by a shell: its workers are interpreters that uvicorn spawns.
    """
    first, second = uvicorn(2, spawned=True), uvicorn(2)
    first.ready(2)
    second.ready(2)
    ask(first, {ITEM: 7})
    ask(second, {ITEM: 11, MAKE: 3})
    assert requests(scrape(first))[ITEM.route_status] == 7
    assert requests(scrape(first))[MAKE.route_status] == 0
    assert requests(scrape(second))[ITEM.route_status] == 11
    assert value(scrape(first), "sidelight_workers") == 2
    first.stop()
    first.leaves_nothing()
    assert len(second.files()) == 2
    ask(second, {ITEM: 1})
    assert requests(scrape(second))[ITEM.route_status] == 12


def test_a_second_start_after_a_crash_sweeps_what_was_left(uvicorn: Serve) -> None:
    """A crashed server's directory goes when the next one starts, which counts from nothing."""
    first = uvicorn(2).ready(2)
    ask(first, {ITEM: 5})
    crash(first)
    assert len(first.files()) == 2
    second = uvicorn(2).ready(2)
    first.leaves_nothing()
    ask(second, {ITEM: 2})
    assert requests(scrape(second))[ITEM.route_status] == 2


def test_workers_that_outlive_their_supervisor_are_left_alone(uvicorn: Serve) -> None:
    """Workers whose supervisor was killed keep their totals while another server starts."""
    first = uvicorn(2).ready(2)
    ask(first, {ITEM: 5})
    orphans = first.workers()
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()
    second = uvicorn(2).ready(2)
    assert all(map(running, orphans))
    assert len(first.files()) == 2
    ask(first, {ITEM: 5})
    assert requests(scrape(first))[ITEM.route_status] == 10
    for orphan in orphans:
        os.kill(orphan, signal.SIGTERM)
    eventually(lambda: not any(map(running, orphans)))
    first.leaves_nothing()
    assert len(second.files()) == 2


def test_a_restart_in_a_shared_directory_goes_on(uvicorn: Serve, store: Path) -> None:
    """In a directory that was named, totals go on over a stop, a crash, and a start."""
    times = 4
    before: Samples = {}
    for run in range(1, 4):
        server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
        settle(server, 2)
        now = scrape(server)
        assert fallen(before, now) == []
        ask(server, {ITEM: times})
        before = scrape(server)
        assert requests(before)[ITEM.route_status] == times * run
        if run == 2:
            crash(server)
        else:
            server.stop()
    assert list(store.glob("*.worker")) == []
    assert list(store.glob("*.draft")) == []
    assert (store / "totals").is_file()


@pytest.mark.newest
def test_uvicorn_reloaded_keeps_the_totals(uvicorn: Serve) -> None:
    """SIGHUP replaces uvicorn's workers one by one, SIGTTIN adds one, and no count is lost."""
    server = uvicorn(2, spawned=True).ready(2)
    ask(server, {ITEM: 9})
    old = set(server.workers())
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(server.workers()) == 2 and not old & set(server.workers()))
    settle(server, 2)
    assert requests(scrape(server))[ITEM.route_status] == 9
    server.process.send_signal(signal.SIGTTIN)
    settle(server, 3)
    assert len(server.files()) == 3
    ask(server, {ITEM: 1})
    page = scrape(server)
    assert requests(page)[ITEM.route_status] == 10
    assert value(page, "sidelight_worker_exits_total", how="clean") == 2
    assert value(page, "sidelight_workers") == 3
    server.stop()
    server.leaves_nothing()


def test_wrong_options_stop_the_server_with_the_reason(serve: Serve) -> None:
    """A threshold of 0 makes uvicorn end by itself, with what was given and what works."""
    server = serve("uvicorn", "refused:app", "--port", "{port}")
    assert server.process.wait(PATIENCE) != 0
    assert "slow_request_threshold=0: must be a number of seconds above 0" in server.log
    assert "for example slow_request_threshold=1.0" in server.log
    assert "Traceback" not in server.log


def test_wrong_options_without_lifespan_are_logged_once(serve: Serve) -> None:
    """Where no lifespan runs, wrong options are logged once and every request is answered."""
    server = serve("uvicorn", "refused:app", "--port", "{port}", "--lifespan", "off").ready()
    for _ in range(20):
        assert server.get("/pid") == (200, "0")
    assert server.log.count("slow_request_threshold=0: must be a number of seconds above 0") == 1
    server.stop()


def test_without_lifespan_everything_is_counted(uvicorn: Serve) -> None:
    """``--lifespan off`` changes no count; files are made at a worker's first request."""
    server = uvicorn(2, "service:app", "--lifespan", "off").ready()
    ask(server, {ITEM: 30, MAKE: 5})
    counted = requests(scrape(server))
    assert counted[ITEM.route_status] == 30
    assert counted[MAKE.route_status] == 5
    server.stop()


def test_everything_can_be_turned_off(uvicorn: Serve) -> None:
    """``SIDELIGHT_DISABLED=1`` makes no file and no page, and wrong options are not looked at."""
    server = uvicorn(2, "refused:app", SIDELIGHT_DISABLED="1").ready()
    server.leaves_nothing()
    assert server.get("/metrics")[0] == 404
    server.stop()
