"""Which of all services needs a look."""

from typing import Any

from dashboards import frame
from dashboards.fleet import services, trends
from dashboards.layout import Section


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __name__,
        "A row a service, the worst first. Whatever measures them: Sidelight, FastAPI's own "
        "telemetry or OpenTelemetry's instrumentation.",
        ("job", "instance"),
        [Section("", services.lines()), Section("All together", trends.lines())],
    )
