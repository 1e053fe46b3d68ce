"""The page of one browser: its top bar, what it shows, and when it is refreshed."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from nicegui import background_tasks, ui
from nicegui.client import Client

from sidelight.durations import to_seconds
from sidelight.embedded.viewer.alerts_page import AlertsPage
from sidelight.embedded.viewer.clients import ViewerContext
from sidelight.embedded.viewer.dashboard import Dashboard
from sidelight.embedded.viewer.dashboard_page import DashboardPage
from sidelight.embedded.viewer.elements import TopBar
from sidelight.embedded.viewer.query_result import DataSourceError
from sidelight.embedded.viewer.slow_page import SlowRequestsPage
from sidelight.embedded.viewer.variables import (
    DATA_SOURCE,
    PageState,
    address,
    dashboard_link,
    normalized,
    page_state,
)

ORDER: Final = (
    "sidelight-fleet",
    "sidelight-service",
    "sidelight-route",
    "sidelight-runtime",
    "sidelight-objectives",
    "sidelight-telemetry-health",
)
"""From all services down to one route. Other dashboards follow in the order of their uids."""
PAGES: Final = {"/slow": "Slow requests", "/alerts": "Alerts"}
Json = dict[str, Any]
MIN_REFRESH_INTERVAL: Final = 1.0
"""Seconds: no address makes a page refresh more often."""
START: Final = "/d/sidelight-fleet"
LAST_HOUR: Final = PageState({}, "now-1h", "now", "10s")


def pages(context: ViewerContext, current: str, state: PageState, firing: int) -> list[Json]:
    """Links to every page. Links to dashboards keep the time range and the variables."""
    uids = sorted(
        context.dashboards,
        key=lambda uid: (ORDER.index(uid) if uid in ORDER else len(ORDER), uid),
    )
    links: list[Json] = [
        {
            "title": context.dashboards[uid].short_title,
            "href": dashboard_link(f"/d/{uid}", state),
            "current": current == f"/d/{uid}",
        }
        for uid in uids
    ]
    others: list[Json] = [
        {"title": title, "href": path, "current": current == path, "separated": path == "/slow"}
        for path, title in PAGES.items()
    ]
    others[-1]["count"] = firing
    return links + others


def variables(
    dashboard: Dashboard, state: PageState, options: Mapping[str, tuple[str, ...]]
) -> list[Json]:
    """The variables of a dashboard with their options, without the data source."""
    return [
        {
            "name": variable.name,
            "label": variable.label,
            "options": [
                {"value": value, "text": value or "(empty)"}
                for value in options.get(variable.name, ())
            ],
            "selected": list(state.of(variable)),
            "multi": variable.multi,
            "includeAll": variable.include_all,
        }
        for variable in dashboard.query_variables
        if variable.name != DATA_SOURCE
    ]


class PageContent(Protocol):
    """What a page shows below the bar."""

    async def load(self, state: PageState, *, everything: bool) -> None:
        """Load what is visible, or everything.

        Raises `DataSourceError` and ValueError if the page as a whole can't be shown.
        """


class BrowserView:
    """The state of one browser's page. NiceGUI sends the changes of its elements."""

    def __init__(self, context: ViewerContext, client: Client) -> None:
        self.context = context
        self.url = urlsplit("")
        self.dashboard: Dashboard | None = None
        self.state = LAST_HOUR
        self.content: PageContent | None = None
        self.firing, self.loads, self.problem, self.visible = 0, 0, "", True
        self.wake_up = asyncio.Event()
        self.bar = TopBar(self.bar_state())
        self.page = ui.element("main").classes("sl-page")
        self._add_listeners()
        task = background_tasks.create(self.refresh_forever(), name="refresh")
        client.on_delete(lambda: _cancel(task))

    def _add_listeners(self) -> None:
        self.bar.on("open", lambda e: self.open(str(e.args["path"])))
        self.bar.on("select", lambda e: self.select(str(e.args["name"]), e.args["values"]))
        self.bar.on("time", lambda e: self.set_time(str(e.args["from"]), str(e.args["to"])))
        self.bar.on("interval", lambda e: self.set_refresh(str(e.args)))
        self.bar.on("refresh", lambda _: self.refresh(everything=True))
        self.bar.on("visible", lambda e: self.set_visible(visible=bool(e.args)))

    # --- what the page shows ---

    def open(self, target: str) -> None:
        """Show a page of the viewer."""
        before, self.url = self.url, urlsplit(target)
        self.dashboard = self.context.dashboards.get(self.url.path.removeprefix("/d/"))
        if self.dashboard:
            self.state = page_state(self.dashboard, self.url.query)
        if self.dashboard is None or before.path != self.url.path:
            self.page.clear()
            with self.page:
                self.content = self._new_content()
        self.refresh(everything=True)

    def _new_content(self) -> PageContent:
        if self.dashboard:
            return DashboardPage(self.context, self.dashboard, self.set_time)
        if self.url.path == "/alerts":
            return AlertsPage(self.context, parse_qs(self.url.query).get("open", [""])[0])
        return SlowRequestsPage(self.context)

    def bar_state(self) -> dict[str, Any]:
        """What the bar shows."""
        dashboard, state, path = self.dashboard, self.state, self.url.path
        title = dashboard.short_title if dashboard else PAGES.get(path, "")
        options = self.content.options if isinstance(self.content, DashboardPage) else {}
        settings = self.context.settings
        server = settings.sidecar if path == "/slow" else settings.metrics_url
        return {
            "title": f"{title} · Sidelight" if title else "Sidelight",
            "url": address(dashboard.uid, state) if dashboard else self.url.geturl(),
            "pages": pages(self.context, path, state, self.firing),
            "variables": variables(dashboard, state, options) if dashboard else [],
            "hasTimeRange": dashboard is not None,
            "from": state.time_from,
            "to": state.time_to,
            "refresh": state.refresh,
            "loading": self.loads > 0,
            "source": server.split("://", 1)[1],
            "problem": self.problem,
        }

    # --- what the reader does ---

    def select(self, name: str, values: list[str]) -> None:
        """Set the values of a variable."""
        selected = {**self.state.values, name: normalized([str(value) for value in values])}
        self.state = replace(self.state, values=selected)
        self.refresh(everything=True)

    def set_time(self, time_from: str, time_to: str) -> None:
        """Set the time range."""
        self.state = replace(self.state, time_from=time_from, time_to=time_to)
        self.refresh(everything=True)

    def set_refresh(self, text: str) -> None:
        """Set the interval of refreshes."""
        self.state = replace(self.state, refresh=text)
        self.bar.show(self.bar_state())
        self.wake_up.set()

    def set_visible(self, *, visible: bool) -> None:
        """Stop the refreshes of a page in the background; refresh it once it is visible again."""
        self.visible = visible
        if visible and self.interval:
            self.refresh(everything=False)

    # --- refreshes ---

    @property
    def interval(self) -> float | None:
        """Seconds between refreshes; None if there are none."""
        try:
            seconds = to_seconds(self.state.refresh)
        except ValueError:
            return None
        return max(seconds, MIN_REFRESH_INTERVAL) if seconds else None

    async def refresh_forever(self) -> None:
        """Refresh the page at each interval."""
        while True:
            self.wake_up.clear()
            try:
                await asyncio.wait_for(self.wake_up.wait(), self.interval)
            except TimeoutError:
                if self.visible and not self.loads:
                    self.refresh(everything=False)

    def refresh(self, *, everything: bool) -> None:
        """Load what is visible, or everything."""
        if self.content:
            background_tasks.create(self._load(self.content, everything=everything), name="load")
        self.wake_up.set()

    async def _load(self, content: PageContent, *, everything: bool) -> None:
        self.loads += 1
        self.bar.show(self.bar_state())
        try:
            both = content.load(self.state, everything=everything), self._count_firing()
            self.problem = _problem(await asyncio.gather(*both, return_exceptions=True))
        finally:
            self.loads -= 1
            self.bar.show(self.bar_state())

    async def _count_firing(self) -> None:
        """Count the firing alerts. Raises `DataSourceError`."""
        alerts = await self.context.prometheus.alerts()
        self.firing = sum(alert.state == "firing" for alert in alerts)


def _problem(results: Iterable[BaseException | None]) -> str:
    """The first error that concerns the reader. Any other error is a fault, and is raised."""
    errors = [error for error in results if error is not None]
    for error in errors:
        if not isinstance(error, DataSourceError | ValueError):
            raise error
    return str(errors[0]) if errors else ""


def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
