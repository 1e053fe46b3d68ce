"""What the bar at the top of a page shows: links to all pages, and the variables."""

from collections.abc import Mapping
from typing import Any, Final

from sidelight.embedded.viewer.clients import ViewerContext
from sidelight.embedded.viewer.dashboard import Dashboard
from sidelight.embedded.viewer.variables import DATA_SOURCE, PageState, dashboard_link

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
