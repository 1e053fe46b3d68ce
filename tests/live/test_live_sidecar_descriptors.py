"""What a sidecar that is short of descriptors answers and does."""

import http.client
import os
import signal
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import ITEM, MAKE, RouteStatus, ask, counted, requests, samples, settle
from tests.live.sidecars import Sidecar
from tests.live.test_live_sidecar_hostile import client

pytestmark = pytest.mark.live


@pytest.mark.parametrize("dead", [0, 3])
def test_a_sidecar_without_descriptors_keeps_the_totals(
    uvicorn: Serve, store: Path, tmp_path: Path, dead: int
) -> None:
    """However few descriptors its clients leave it, a page it answers has every count."""
    server = uvicorn(4, SIDELIGHT_DIR=str(store)).ready()
    settle(server, 4)
    expected = ask(server, {ITEM: 20, MAKE: 5})
    server.kill(server.workers()[0])
    settle(server, 4)
    assert counted(server) == expected
    few = "prlimit", "--nofile=40"
    with Sidecar(store, tmp_path, before=few) as sidecar, ExitStack() as clients:
        asking = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=40)
        clients.callback(asking.close)
        os.kill(server.pid, signal.SIGSTOP)
        before = len(descriptors(sidecar))
        victims = server.workers()[:dead]
        wrong = []
        for number in range(40 - before + 2):
            if number == 40 - before - 6:
                for pid in victims:
                    os.kill(pid, signal.SIGKILL)
            asking.request("GET", "/metrics")
            answer = asking.getresponse()
            page = answer.read().decode()
            if answer.status == 200 and requests_of(page) != expected:
                wrong.append(f"with {40 - len(descriptors(sidecar))} left: {requests_of(page)}")
            clients.enter_context(client(sidecar))
            time.sleep(0.1)
        clients.close()
        os.kill(server.pid, signal.SIGCONT)
        assert [path.name for path in store.glob("*.damaged")] == []
        settle(sidecar, 4)
        assert counted(sidecar) == expected
        assert wrong == []


def descriptors(sidecar: Sidecar) -> list[str]:
    """What it has open."""
    return [path.name for path in Path(f"/proc/{sidecar.pid}/fd").iterdir()]


def requests_of(page: str) -> Counter[RouteStatus]:
    """Requests by the page, without those that asked whether the service is there."""
    found = requests(samples(page))
    return Counter({asked: number for asked, number in found.items() if asked.route != "/pid"})
