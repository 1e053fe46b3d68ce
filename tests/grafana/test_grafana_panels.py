"""What Grafana's own packages show of each dashboard over a real Prometheus."""

from collections.abc import Callable

import pytest

from tests.dashboards.reading import dashboards
from tests.grafana import known
from tests.grafana.drawing import Drawing
from tests.grafana.faults import faults

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("grafana")]

BOARDS = {board["uid"].removeprefix("sidelight-"): board for board in dashboards()}


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("world", ["15 s", "30 s", "60 s"])
def test_services_in_trouble(worlds: Callable[[str], Drawing], world: str, board: str) -> None:
    """Of services in every kind of trouble, no panel and no column has a fault but known ones."""
    found = faults(BOARDS[board], worlds(world).show(BOARDS[board]).panels)
    known.check(set(map(str, found)), world, f"sidelight-{board} /")
