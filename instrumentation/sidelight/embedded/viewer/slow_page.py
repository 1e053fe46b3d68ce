"""The page of the slow requests that the sidecar keeps."""

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sidelight.embedded.viewer.clients import ViewerContext
from sidelight.embedded.viewer.elements import PanelElement
from sidelight.embedded.viewer.query_result import DataSourceError
from sidelight.embedded.viewer.units import format_value
from sidelight.embedded.viewer.variables import (
    ALL,
    PageState,
    time_parameters,
    variable_parameters,
)

NO_VALUE: Final = "-"
MIN_PHASE: Final = 0.001
"""Seconds: a phase that is shorter does not explain a slow request."""
MIN_BLOCKED: Final = 0.1
"""Seconds: a block of the event loop of this length or more is colored."""
SERVER_ERROR: Final = 500
RED: Final = "#d1413a"
YELLOW: Final = "#e5a72e"
Json = dict[str, Any]
COLUMNS: Final = (
    ("When", False), ("Duration", True), ("Method", False), ("Route", False), ("Status", True),
    ("First byte", True), ("Queued", True), ("Loop blocked", True), ("Threads waiting", True),
    ("Time by phase", False), ("Waited", True), ("Waited at", False), ("Blocked by", False),
    ("Trace", False),
)  # fmt: skip
"""The names of the columns, and whether they contain numbers."""
CAUSES: Final = (
    ("Requests", True), ("Mean", True), ("Longest", True), ("Routes", False), ("Cause", False),
)  # fmt: skip


class SlowRequestsPage:
    """The latest slow requests."""

    def __init__(self, context: ViewerContext) -> None:
        self._sidecar = context.sidecar
        description = "The latest requests that took longer than the threshold of their route."
        together = "What several slow requests have in common, and below it causes of one request."
        self._causes = PanelElement({"title": "Causes", "description": together}, (1, 1, 24, 1))
        self._panel = PanelElement(
            {"title": "Slow requests", "description": description}, (2, 1, 24, 1)
        )

    async def load(self, _: PageState, *, everything: bool) -> None:  # noqa: ARG002 one panel
        """Load all of them."""
        try:
            found = await self._sidecar.slow_requests()
            now = [*map(blocked_now, found.blocked), *map(in_flight_now, found.in_flight)]
            content = table([*now, *found.slow])
            causes = causes_table(found.causes)
        except DataSourceError as error:
            content = causes = {"kind": "error", "text": str(error)}
        for panel, shown in ((self._causes, causes), (self._panel, content)):
            nothing = {"kind": "empty", "parts": [{"text": "No slow requests"}]}
            panel.show(nothing if shown.get("rows") == [] else shown)


def table(records: Iterable[Mapping[str, Any]]) -> Json:
    """Columns and rows, the newest first. The browser formats the times."""
    rows = sorted(map(_row, records), key=lambda row: row[0][0], reverse=True)
    return _table(COLUMNS, rows, sorted_by=0)


def causes_table(causes: Iterable[Mapping[str, Any]]) -> Json:
    """A row for each cause, in the order of the sidecar."""
    return _table(CAUSES, [_cause(cause) for cause in causes])


def _table(columns: Iterable[tuple[str, bool]], rows: list[list[Any]], sorted_by: int = -1) -> Json:
    return {
        "kind": "table",
        "columns": [
            {"name": name, "number": number, "time": name == "When"} for name, number in columns
        ],
        "rows": rows,
        "sort": {"column": sorted_by, "descending": True},
    }


def _cause(cause: Mapping[str, Any]) -> list[Any]:
    more = cause["route_count"] - len(cause["routes"])
    routes = ", ".join(cause["routes"]) + (f" and {more} more" if more else "")
    return [
        [cause["count"], str(cause["count"]), "", ""],
        _duration(cause["mean"]),
        _duration(cause["longest"]),
        _text(routes),
        _text(cause["cause"] or "not known"),
    ]


def _row(record: Mapping[str, Any]) -> list[Any]:
    route, trace, method = record.get("route"), record.get("trace_id"), record["method"]
    blocked, status = record.get("loop_blocked"), record.get("status")
    return [
        [record["when"], "", "", ""],
        _duration(record.get("seconds")),
        [method, method, "", ""],
        [route, record.get("path") or route or "(no route)", "", _route_link(route)],
        [status, str(status or NO_VALUE), RED if (status or 0) >= SERVER_ERROR else "", ""],
        _duration(record.get("first_byte")),
        _duration(record.get("queued"), YELLOW if record.get("queued") else ""),
        _duration(blocked, YELLOW if (blocked or 0) >= MIN_BLOCKED else ""),
        _count(record.get("threads_waiting")),
        [None, _phases(record.get("phases") or {}), "", ""],
        _duration(record.get("waited")),
        _text(record.get("waited_at")),
        _text(record.get("blocked_by")),
        _text(trace),
    ]


def blocked_now(loop: Mapping[str, Any]) -> Json:
    """A row for an event loop that is blocked now, whose requests have not ended."""
    blocked = {"loop_blocked": loop["seconds"], "blocked_by": loop["blocked_by"]}
    return {
        "when": time.time(),
        "method": NO_VALUE,
        "path": f"(worker {loop['worker']} is blocked)",
        **blocked,
    }


def in_flight_now(request: Mapping[str, Any]) -> Json:
    """A row for the oldest request in flight of a route, which may never end."""
    return {
        "when": time.time(),
        "seconds": request["seconds"],
        "method": NO_VALUE,
        "route": request["route"],
        "path": f"{request['route'] or '(no route)'} (in flight in worker {request['worker']})",
        "waited_at": request["waits_at"],
    }


def _text(text: str | None) -> list[Any]:
    return [text, text or NO_VALUE, "", ""]


def _duration(seconds: float | None, color: str = "") -> list[Any]:
    return [seconds, NO_VALUE if seconds is None else format_value(seconds, "s"), color, ""]


def _count(number: int | None) -> list[Any]:
    return [number, NO_VALUE if number is None else str(number), YELLOW if number else "", ""]


def _phases(phases: Mapping[str, float]) -> str:
    longest = sorted(phases.items(), key=lambda phase: -phase[1])
    longest = [phase for phase in longest if phase[1] >= MIN_PHASE] or longest[:1]
    return ", ".join(f"{name} {format_value(value, 's')}" for name, value in longest) or NO_VALUE


def _route_link(route: str | None) -> str:
    if not route:
        return ""
    state = PageState({"job": (ALL,), "route": (route,)}, "now-1h", "now")
    return f"/d/sidelight-route?{time_parameters(state)}&{variable_parameters('route', (route,))}"
