"""WebSockets."""

from dashboards.layout import Line
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import quantile, rate, raw, total
from dashboards.route.parts import ROUTE

ENDED = total(rate("fastapi_websocket_duration_seconds_count", ROUTE), "close_code")


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(7, [_open(), _ended_by_close_code(), _how_long_they_lived()])]


def _open() -> Shown:
    return graph(
        "Open",
        "WebSocket connections open.",
        "short",
        [Query(f"sum({raw('fastapi_websocket_active', ROUTE)})", "open")],
        empty="No WebSocket, or needs Sidelight",
    )


def _ended_by_close_code() -> Shown:
    return graph(
        "Ended, by close code",
        "Connections that ended a second; 1000 and 1001 are as they should be.",
        "cps",
        [Query(ENDED, "{{close_code}}")],
        empty="No WebSocket, or needs Sidelight",
    )


def _how_long_they_lived() -> Shown:
    return graph(
        "How long they lived",
        "Median life of the connections that ended.",
        "s",
        [
            Query(
                quantile(
                    "0.5", total(rate("fastapi_websocket_duration_seconds_bucket", ROUTE), "le")
                ),
                "median",
            )
        ],
        empty="No WebSocket, or needs Sidelight",
    )
