"""The page of a dashboard: its rows of panels."""

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from nicegui import background_tasks, ui

from sidelight.embedded.viewer.clients import ViewerContext
from sidelight.embedded.viewer.dashboard import Dashboard, Panel
from sidelight.embedded.viewer.elements import PanelElement, RowElement
from sidelight.embedded.viewer.panel_data import (
    Refresh,
    dashboard_annotations,
    panel_content,
)
from sidelight.embedded.viewer.time_range import DEFAULT_SCRAPE_INTERVAL, time_range
from sidelight.embedded.viewer.variable_options import variable_options
from sidelight.embedded.viewer.variables import PageState, dashboard_link
from sidelight.embedded.viewer.why_panel import WhyPanel

Json = dict[str, Any]
SERVICE: Final = "sidelight-service"
OnZoom = Callable[[str, str], None]


class DashboardPage:
    """The panels of a dashboard. Dragging across a graph calls ``on_zoom`` with both times."""

    def __init__(self, context: ViewerContext, dashboard: Dashboard, on_zoom: OnZoom) -> None:
        self._context, self._dashboard, self._on_zoom = context, dashboard, on_zoom
        self.options: Mapping[str, tuple[str, ...]] = {}
        self._refresh: Refresh | None = None
        self._panels: dict[int, tuple[Panel, PanelElement]] = {}
        self._latest: dict[int, Refresh] = {}
        self._invisible: set[int] = set()
        self._why = WhyPanel(context) if dashboard.uid == SERVICE else None
        for row in dashboard.rows:
            with RowElement(row.title, collapsed=row.collapsed):
                for group in row.groups:
                    classes = "sl-grid" if len(group) > 1 else "sl-grid single"
                    with ui.element("div").classes(classes):
                        for panel in group:
                            self._add(panel, group[0].position.y)

    def _add(self, panel: Panel, top: int) -> None:
        at = panel.position
        element = PanelElement(panel_head(panel), (at.x + 1, at.y - top + 1, at.width, at.height))
        self._panels[panel.id] = panel, element
        element.on("visible", lambda e: self._set_visible(panel.id, visible=bool(e.args)))
        element.on("zoom", lambda e: self._on_zoom(str(e.args["from"]), str(e.args["to"])))

    def _set_visible(self, panel_id: int, *, visible: bool) -> None:
        """Load a panel when it becomes visible; an invisible panel is not refreshed."""
        (self._invisible.discard if visible else self._invisible.add)(panel_id)
        refresh = self._refresh
        if visible and refresh and self._latest.get(panel_id) is not refresh:
            background_tasks.create(self._load(refresh, panel_id), name="panel")

    async def load(self, state: PageState, *, everything: bool) -> None:
        """Load the visible panels or all panels, the annotations, and the variables' options.

        Raises `DataSourceError`, and ValueError if the time range is invalid.
        """
        refresh = await self._new_refresh(state)
        self._refresh = refresh
        panel_ids = [n for n in self._panels if everything or n not in self._invisible]
        loads = [self._load(refresh, panel_id) for panel_id in panel_ids]
        if self._why:
            loads.append(self._why.load(state, everything=everything))
        await asyncio.gather(*loads, self._load_options(refresh))

    async def _new_refresh(self, state: PageState) -> Refresh:
        refresh = Refresh(
            self._dashboard,
            replace(state, options=self.options),
            time_range(state.time_from, state.time_to, time.time()),
            self._context.prometheus,
            scrape_interval=self._context.settings.step or DEFAULT_SCRAPE_INTERVAL,
        )
        if refresh.needs_options:
            self.options = await variable_options(refresh)
            refresh = replace(refresh, state=replace(state, options=self.options))
        return replace(refresh, annotations=asyncio.ensure_future(dashboard_annotations(refresh)))

    async def _load(self, refresh: Refresh, panel_id: int) -> None:
        """Load one panel and show it, unless a later refresh has begun meanwhile."""
        panel, element = self._panels[panel_id]
        self._latest[panel_id] = refresh
        content = await panel_content(refresh, panel)
        if self._latest[panel_id] is refresh:
            if content["kind"] == "empty":
                dashboards = self._context.dashboards.values()
                content["parts"] = with_links(content["text"], dashboards, refresh.state)
            element.show(content)

    async def _load_options(self, refresh: Refresh) -> None:
        options = await variable_options(refresh)
        if self._refresh is refresh:
            self.options = options


def panel_head(panel: Panel) -> Json:
    """The properties of a panel that do not depend on its data."""
    return {
        "title": panel.title,
        "description": panel.description,
        "legend": panel.options.get("legend", {}).get("showLegend", True) is not False,
        "small": panel.type == "stat",
        "links": [{"title": link.title, "url": link.url} for link in panel.links],
    }


def with_links(text: str, dashboards: Iterable[Dashboard], state: PageState) -> list[Json]:
    """The parts of a text. The title of a dashboard after "see" becomes a link to it."""
    paths = {dashboard.short_title: f"/d/{dashboard.uid}" for dashboard in dashboards}
    pattern = rf"(?<=see )({'|'.join(map(re.escape, paths))})"
    parts = re.split(pattern, text) if paths else [text]
    return [
        {"text": part, "href": dashboard_link(paths[part], state) if part in paths else ""}
        for part in parts
        if part
    ]
