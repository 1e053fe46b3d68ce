"""The panel on top of the dashboard Service: what is wrong now, as `sidelight why` says it."""

import asyncio
import time
from typing import Any, Final

from sidelight.embedded.viewer.clients import ViewerContext
from sidelight.embedded.viewer.elements import PanelElement
from sidelight.embedded.viewer.variables import ALL, PageState
from sidelight.why.diagnosis import diagnose
from sidelight.why.http_source import HTTPPrometheus
from sidelight.why.report import Report
from sidelight.why.scope import scope
from sidelight.why.text import screen

WINDOW: Final = "5m"
INTERVAL: Final = 30.0
"""Seconds between two diagnoses of a page that refreshes itself."""
COLORS: Final = {"critical": "#d1413a", "warning": "#e5a72e"}
Json = dict[str, Any]


class WhyPanel:
    """The sentences of the report, each with its query. It is of now, whatever the time range."""

    def __init__(self, context: ViewerContext) -> None:
        settings = context.settings
        url = settings.metrics_url
        self._source = HTTPPrometheus(url, settings.token, settings.logins.get(url))
        description = "What `sidelight why` says: the alerts, the cause, and since when."
        head = {"title": "What is wrong now", "description": description}
        self._panel = PanelElement(head, (1, 1, 24, 1))
        self._latest = -INTERVAL

    async def load(self, state: PageState, *, everything: bool) -> None:
        """Ask again, unless a refresh has done so a short time ago."""
        if not everything and time.monotonic() - self._latest < INTERVAL:
            return
        self._latest = time.monotonic()
        asked = scope(job_of(state), WINDOW, time.time())
        self._panel.show(content(await asyncio.to_thread(diagnose, self._source, asked)))


def job_of(state: PageState) -> str:
    """The job that is selected; empty for several or all."""
    jobs = state.values.get("job", ())
    return jobs[0] if len(jobs) == 1 and jobs[0] != ALL else ""


def content(report: Report) -> Json:
    """A table of the sentences, in their order, the first one in the color of the state."""
    rows = [
        [[n, text, "" if n else COLORS.get(report.state, ""), ""], [query, query, "", ""]]
        for n, (text, query) in enumerate(screen(report))
    ]
    columns = [{"name": name, "number": False, "time": False} for name in ("Answer", "Query")]
    order = {"column": 0, "descending": False}
    return {"kind": "table", "columns": columns, "rows": rows, "sort": order}
