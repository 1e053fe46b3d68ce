"""What the viewer sends to a browser of a dashboard over a world."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import anyio

from sidelight.embedded.viewer.clients import PrometheusClient
from sidelight.embedded.viewer.dashboard import Dashboard, parse
from sidelight.embedded.viewer.panel_data import Refresh, panel_content
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.embedded.viewer.variable_options import variable_options
from sidelight.embedded.viewer.variables import PageState
from tests.grafana.drawing import SCREEN
from tests.grafana.samples import END, HOUR, Filled


class Viewed(NamedTuple):
    """What each panel shows, by its id, and the values to choose of each variable."""

    panels: Mapping[int, Mapping[str, Any]]
    variables: Mapping[str, Sequence[str]]


def viewed(
    board: Mapping[str, Any], world: Filled, span: int = HOUR, **variables: Sequence[str]
) -> Viewed:
    """What the viewer shows of the last milliseconds of the samples."""
    values = {name: tuple(some) for name, some in variables.items()}
    state = PageState(values, str(END - span), str(END))
    show = partial(_viewed, parse(board), world, TimeRange((END - span) / 1000, END / 1000), state)
    with ThreadPoolExecutor(1) as beside_playwright:  # whose event loop is that of this thread
        return beside_playwright.submit(anyio.run, show).result()


async def _viewed(
    dashboard: Dashboard, world: Filled, period: TimeRange, state: PageState
) -> Viewed:
    async with PrometheusClient(f"http://127.0.0.1:{world.port}") as client:
        refresh = Refresh(
            dashboard, state, period, client, SCREEN["width"], float(world.scrape.rstrip("s"))
        )
        options = await variable_options(refresh)
        refresh = replace(refresh, state=replace(state, options=options))
        return Viewed(
            {panel.id: await panel_content(refresh, panel) for panel in dashboard.panels}, options
        )
