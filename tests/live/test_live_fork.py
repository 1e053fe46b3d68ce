"""``os.fork`` inside a worker: the child keeps no lock, and changes none of its parent's counts."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import ITEM, RouteStatus, ask, requests, scrape, settle, value
from tests.live.servers import Server, eventually, running

pytestmark = pytest.mark.live

FORKED = RouteStatus("POST", "/fork/{kind}", "200")
RECORDED = RouteStatus("GET", "/items/{item_id}", "200")


def fork(server: Server, kind: str) -> dict[str, int]:
    """Have a worker fork: pids and the child's exit code."""
    status, body = server.get(f"/fork/{kind}", "POST")
    assert status == 200, server.log
    answer: dict[str, int] = json.loads(body)
    assert answer["code"] == 0, server.log
    return answer


@pytest.mark.parametrize("kind", ["nothing", "records"])
def test_a_forked_child_changes_nothing(uvicorn: Serve, kind: str) -> None:
    """A child that ends, having recorded or not, leaves its parent's totals as they were."""
    server = uvicorn(2).ready(2)
    for number in range(1, 6):
        ask(server, {ITEM: 3})
        fork(server, kind)
        counted = requests(scrape(server))
        assert counted[FORKED] == number
        assert counted[RECORDED] == 3 * number
    assert value(scrape(server), "sidelight_worker_exits_total") == 0
    assert len(server.files()) == 2
    assert server.stop() in {0, -signal.SIGTERM}
    server.leaves_nothing()


def test_a_forked_child_in_a_shared_directory_counts_for_itself(
    uvicorn: Serve, store: Path
) -> None:
    """With a directory that was named, what a child records is added, once each."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    settle(server, 2)
    for number in range(1, 4):
        ask(server, {ITEM: 3})
        fork(server, "records")
        counted = requests(scrape(server))
        assert counted[FORKED] == number
        assert counted[RECORDED] == 4 * number
    assert len(list(store.glob("*.worker"))) == 2
    assert server.stop() in {0, -signal.SIGTERM}
    assert list(store.glob("*.worker")) == []


def test_a_child_that_outlives_its_parent_keeps_no_lock(uvicorn: Serve) -> None:
    """A worker killed while a forked child of it lives is folded like any other."""
    server = uvicorn(2).ready(2)
    ask(server, {ITEM: 20})
    answer = fork(server, "lives")
    server.kill(answer["parent"])
    assert running(answer["child"])
    eventually(lambda: len(server.workers()) == 2 and answer["parent"] not in server.workers())
    settle(server, 2)
    assert len(server.files()) == 2
    page = scrape(server)
    assert requests(page)[RECORDED] == 20
    assert requests(page)[FORKED] == 1
    assert value(page, "sidelight_worker_exits_total", how="died") == 1
    assert value(page, "sidelight_workers") == 2
    os.kill(answer["child"], signal.SIGKILL)
    assert server.stop() in {0, -signal.SIGTERM}
    server.leaves_nothing()
