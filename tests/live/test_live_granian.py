"""granian: its workers find each other, and count exactly."""

import pytest

from sidelight.store.atomic_add import FREE_THREADED
from tests.live.conftest import Serve
from tests.live.counting import Load, Watch, check_counted, check_exact, counted, scrape, value
from tests.live.killing import check_killed
from tests.live.servers import Server, eventually

pytest.importorskip("granian")
pytestmark = pytest.mark.live


def granian(serve: Serve, *more: str, **env: str) -> Server:
    """Start granian with 2 workers."""
    where = ["--host", "127.0.0.1", "--port", "{port}", "--workers", "2"]
    return serve(
        "granian", "service:app", "--interface", "asgi", *where, *more, spawned=True, **env
    )


def test_granian_counts_exactly(serve: Serve) -> None:
    """Two workers share exact totals, and a stop leaves nothing."""
    server = granian(serve).ready(2)
    check_exact(server)
    server.stop()
    server.leaves_nothing()


def test_a_killed_granian_worker_loses_nothing(serve: Serve) -> None:
    """A killed worker's counts stay, and the one in its place goes on with them."""
    server = granian(serve, "--respawn-failed-workers").ready(2)
    check_killed(server)
    server.stop()
    server.leaves_nothing()


@pytest.mark.skipif(not FREE_THREADED, reason="with a GIL, its workers are processes")
@pytest.mark.parametrize("pure", ["0", "1"])
def test_granians_threads_count_exactly(serve: Serve, pure: str) -> None:
    """Two workers are threads of one process, each with an event loop: they share exact counts."""
    server = granian(serve, SIDELIGHT_PURE=pure).ready()
    assert server.workers() == []
    with Watch(server) as watch, Load(server, 8) as load:
        eventually(lambda: load.total > 500)
    assert watch.falls == []
    assert not load.cut
    check_counted([load], counted(server))
    page = scrape(server)
    assert value(page, "sidelight_internal_errors_total") == 0
    assert value(page, "http_server_active_requests") == 0
    server.stop()
