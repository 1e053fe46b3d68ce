"""Native histograms of workers that are killed and replaced, in a real Prometheus."""

from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import CALLS, Load, RouteStatus, ask, check_counted, counted, settle
from tests.live.killing import kill_under_load
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query
from tests.live.prometheus_counts import Counts
from tests.live.servers import Server, eventually, roll
from tests.live.shape_job import NAME, Job
from tests.live.sidecars import Sidecar

pytestmark = [pytest.mark.live, pytest.mark.newest, pytest.mark.slow]

WORKERS = 4
NATIVE = {"SIDELIGHT_NATIVE_HISTOGRAMS": "1"}
CONFIG = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: shop
    always_scrape_classic_histograms: true
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def scraping(page: Server, where: Path) -> AbstractContextManager[int]:
    """A Prometheus that stores both histograms of a page."""
    feature, program = "--enable-feature=native-histograms", newer("prometheus")
    return prometheus(CONFIG.format(port=page.port), where, feature, program=program)


def check_counts(port: int, expected: Counter[RouteStatus]) -> None:
    """Both histograms have these counts, and none of their series ever fell."""
    both = Counts(port), Counts(port, native=True)
    eventually(lambda: [each.latest() for each in both] == [expected, expected])
    assert Job(port, "shop").resets == [0, 0, 0, 0]


@pytest.mark.parametrize("served_by", ["worker", "sidecar"])
def test_kills_and_a_rolling_restart(
    uvicorn: Serve, store: Path, tmp_path: Path, served_by: str
) -> None:
    """Through 3 kills and a restart under load both histograms rise by what clients counted."""
    server = uvicorn(WORKERS, SIDELIGHT_DIR=str(store), **NATIVE).ready()
    with Sidecar(store, tmp_path, **NATIVE) as sidecar:
        settle(sidecar, WORKERS)
        first = ask(server, dict.fromkeys(CALLS, 1))
        with scraping(server if served_by == "worker" else sidecar, tmp_path) as port:
            check_counts(port, first)
            with Load(server, 4) as load:
                kill_under_load(server, load, 3, WORKERS)
                roll(server, WORKERS)
                settle(sidecar, WORKERS)
                eventually(lambda: load.total > 600)
            check_counted([load], counted(sidecar) - first)
            check_counts(port, counted(sidecar))
            for native in (False, True):
                Counts(port, native).check_agrees(first, [load])


def test_another_service_on_the_same_directory(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A service that is stopped and started again goes on counting in both histograms."""
    expected = Counter[RouteStatus]()
    with Sidecar(store, tmp_path, **NATIVE) as sidecar, scraping(sidecar, tmp_path) as port:
        for _ in range(3):
            server = uvicorn(WORKERS, SIDELIGHT_DIR=str(store), **NATIVE).ready()
            expected += ask(server, dict.fromkeys(CALLS, 2))
            check_counts(port, expected)
            server.stop()
        check_counts(port, expected)


def test_a_service_that_begins_anew(uvicorn: Serve, tmp_path: Path) -> None:
    """Restarted without a directory, each series has one reset, and rises by its new requests."""
    before = uvicorn(WORKERS, **NATIVE).ready()
    first = ask(before, dict.fromkeys(CALLS, 5))
    with scraping(before, tmp_path) as port:
        check_counts(port, first)
        before.stop()
        after = uvicorn(WORKERS, "service:app", "--port", str(before.port), **NATIVE)
        after.port = before.port
        expected = ask(after.ready(), dict.fromkeys(CALLS, 2))
        for each in (Counts(port), Counts(port, native=True)):
            eventually(lambda each=each: each.latest() == expected)  # type: ignore[misc] # mypy infers no lambda with a default
            series = each.series()
            for asked, requests in expected.items():
                assert each.increase(series[asked], asked) == pytest.approx(requests, rel=0.01)
        (fell,) = query(port, f'sum(resets({NAME}{{http_route!="/pid"}}[1h]))')
        assert fell["value"][1] == str(len(CALLS))
