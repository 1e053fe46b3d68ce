"""Workers that are killed under load: nothing counted is lost, nothing counted twice."""

import os
import signal
import threading
import time

import pytest

from tests.live.conftest import Serve
from tests.live.counting import (
    EXITS,
    Load,
    Watch,
    check_counted,
    counted,
    requests,
    scrape,
    settle,
    value,
)
from tests.live.killing import kill_under_load
from tests.live.servers import Server, eventually, running

pytestmark = pytest.mark.live

LOST = "fastapi_requests_lost_total"


def test_killed_workers_lose_and_double_nothing(uvicorn: Serve) -> None:
    """With 4 workers under load and several killed, every count is what clients counted."""
    kills, clients = 3, 4
    server = uvicorn(4).ready(4)
    with Watch(server) as watch, Load(server, clients) as load:
        kill_under_load(server, load, kills, 4)
        settle(server, 4)
        seen = load.total
        eventually(lambda: load.total > seen + 50)
    assert load.cut.total() <= kills * clients
    check_counted([load], counted(server))
    assert watch.falls == []
    assert watch.pages > 10
    page = scrape(server)
    assert value(page, EXITS, how="died") == kills
    assert value(page, EXITS, how="clean") == 0
    assert value(page, LOST) <= load.cut.total()
    assert value(page, "sidelight_workers") == 4
    assert len(server.files()) == len(server.workers()) == 4
    assert not server.files(".draft")
    assert server.stop() in {0, -signal.SIGTERM}
    server.leaves_nothing()


def test_a_request_held_by_a_killed_worker_is_counted_as_lost(uvicorn: Serve) -> None:
    """Requests in flight in a worker when it died are lost by their route, and by nothing else."""
    server = uvicorn(2).ready(2)
    holders = [threading.Thread(target=_held, args=(server,)) for _ in range(3)]
    for holder in holders:
        holder.start()
    active = "fastapi_active_requests"
    eventually(lambda: value(scrape(server), active, http_route="/hold/{seconds}") == 3)
    victims = server.workers()
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    for holder in holders:
        holder.join()
    eventually(lambda: len(server.workers()) == 2 and not any(map(running, victims)))
    settle(server, 2)
    page = scrape(server)
    assert value(page, LOST, http_route="/hold/{seconds}") == 3
    assert value(page, LOST) == 3
    assert value(page, active, http_route="/hold/{seconds}") == 0
    assert value(page, EXITS, how="died") == 2
    assert not [asked for asked in requests(page) if asked.route == "/hold/{seconds}"]


def _held(server: Server) -> None:
    try:
        server.get("/hold/300", timeout=120)
    except OSError:
        return
    raise AssertionError("answered by a worker that was killed")


@pytest.mark.slow
def test_many_kills_under_load(uvicorn: Serve) -> None:
    """The same holds for a minute of kills, with several workers dying at one moment."""
    server = uvicorn(4).ready(4)
    until = time.monotonic() + 45
    with Watch(server) as watch, Load(server) as load:
        kills = 0
        while time.monotonic() < until:
            victims = server.workers()[: 1 + kills % 3]
            for victim in victims:
                os.kill(victim, signal.SIGKILL)
            kills += len(victims)
            eventually(
                lambda victims=victims: (  # type: ignore[misc] # mypy infers no lambda with a default
                    not any(map(running, victims)) and len(server.workers()) == 4
                )
            )
            settle(server, 4)
    check_counted([load], counted(server))
    assert watch.falls == []
    eventually(lambda: value(scrape(server), EXITS, how="died") == kills)
    assert server.stop() in {0, -signal.SIGTERM}
    server.leaves_nothing()
