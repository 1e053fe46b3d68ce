"""hypercorn: its workers find each other, and count exactly."""

import pytest

from tests.live.conftest import Serve
from tests.live.counting import check_exact

pytest.importorskip("hypercorn")
pytestmark = pytest.mark.live


def test_hypercorn_counts_exactly(serve: Serve) -> None:
    """Two workers share exact totals without a setting, and a stop leaves nothing."""
    where = ["--bind", "127.0.0.1:{port}", "--workers", "2", "--keep-alive", "60"]
    server = serve("hypercorn", "service:app", *where, spawned=True).ready(2)
    check_exact(server)
    server.stop()
    server.leaves_nothing()
