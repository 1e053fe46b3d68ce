"""The sidecar's slow requests as a table."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sidelight.embedded.viewer.tables import NOTHING
from sidelight.embedded.viewer.units import shown
from sidelight.embedded.viewer.variables import ALL, Chosen, queryparam, time_range

SHORT: Final = 0.001
"""Seconds: a phase that is shorter explains no slow request."""
Json = dict[str, Any]
COLUMNS: Final = (
    ("When", False), ("Took", True), ("Method", False), ("Route", False), ("Status", True),
    ("First byte", True), ("Loop held", True), ("Threads waiting", True), ("Where it went", False),
    ("Trace", False),
)  # fmt: skip
FAILED: Final = 500
HELD: Final = 0.1
"""Seconds of a held loop from which on it is coloured: it explains the wait."""


def table(records: Iterable[Mapping[str, Any]]) -> Json:
    """Columns and rows, the newest first; what isn't known is a dash, times are the browser's."""
    rows = sorted(map(_row, records), key=lambda row: row[0][0], reverse=True)
    return {
        "kind": "table",
        "columns": [
            {"name": name, "number": number, "time": name == "When"} for name, number in COLUMNS
        ],
        "rows": rows,
        "sort": {"column": 0, "descending": True},
    }


def _row(one: Mapping[str, Any]) -> list[Any]:
    when, route, trace = one["when"], one.get("route"), one.get("trace_id")
    held, status = one.get("loop_blocked"), one.get("status")
    return [
        [when, "", "", ""],
        _duration(one["seconds"]),
        [one["method"], one["method"], "", ""],
        [route, one.get("path") or route or "(no route)", "", _route(route)],
        [status, str(status or NOTHING), "#d1413a" if (status or 0) >= FAILED else "", ""],
        _duration(one.get("first_byte")),
        _duration(held, "#e5a72e" if (held or 0) >= HELD else ""),
        _count(one.get("threads_waiting")),
        [None, _phases(one.get("phases") or {}), "", ""],
        [trace, trace or NOTHING, "", ""],
    ]


def _duration(seconds: float | None, colour: str = "") -> list[Any]:
    return [seconds, NOTHING if seconds is None else shown(seconds, "s"), colour, ""]


def _count(number: int | None) -> list[Any]:
    return [number, NOTHING if number is None else str(number), "#e5a72e" if number else "", ""]


def _phases(phases: Mapping[str, float]) -> str:
    largest = sorted(phases.items(), key=lambda one: -one[1])
    largest = [one for one in largest if one[1] >= SHORT] or largest[:1]
    return ", ".join(f"{name} {shown(value, 's')}" for name, value in largest) or NOTHING


def _route(route: str | None) -> str:
    if not route:
        return ""
    chosen = Chosen({"job": (ALL,), "route": (route,)}, "now-1h", "now")
    return f"/d/sidelight-route?{time_range(chosen)}&{queryparam('route', (route,))}"
