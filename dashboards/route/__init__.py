"""What is wrong with this route."""

from typing import Any

from dashboards import frame
from dashboards.layout import Section
from dashboards.route import causes, felt, numbers, refused, sockets


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __name__,
        "One route, or those chosen together: how much, how well, how fast, and where its time "
        "goes.",
        ("job", "instance", "route", "method"),
        [
            Section("", numbers.lines()),
            Section("Requests and how long they take", felt.lines()),
            Section("Where the time goes", causes.lines()),
            Section("What it refuses, loses and moves", refused.lines()),
            Section("WebSockets", sockets.lines()),
        ],
    )
