"""hypercorn: its workers find each other, and count exactly."""

import pytest

from tests.live.conftest import Serve
from tests.live.counting import Load, Watch, check_counted, counted, scrape, value
from tests.live.servers import eventually

pytest.importorskip("hypercorn")
pytestmark = pytest.mark.live


def test_hypercorn_counts_exactly(serve: Serve) -> None:
    """Two workers share exact totals without a setting, and a stop leaves nothing."""
    where = ["--bind", "127.0.0.1:{port}", "--workers", "2", "--keep-alive", "60"]
    server = serve("hypercorn", "service:app", *where, spawned=True).ready(2)
    with Watch(server) as watch, Load(server, 4) as load:
        eventually(lambda: load.total > 150)
    assert watch.falls == []
    assert not load.cut
    check_counted([load], counted(server))
    assert value(scrape(server), "sidelight_workers") == 2
    server.stop()
    server.leaves_nothing()
