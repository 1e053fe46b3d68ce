"""Whether it is idle, or what measures it is broken."""

from typing import Any

from dashboards import frame
from dashboards.layout import Section
from dashboards.telemetry_health import inside, numbers, scrapes


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __name__,
        "Whether an empty panel means that nobody asks, or that nobody counts.",
        ("job", "instance"),
        [
            Section("", numbers.lines()),
            Section("From the service to Prometheus", scrapes.lines()),
            Section("Inside Sidelight", inside.lines()),
        ],
    )
