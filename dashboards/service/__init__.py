"""Whether a service is well as its users feel it; and if not, which route, and what is full."""

from typing import Any

from dashboards import frame
from dashboards.layout import Section
from dashboards.service import felt, full, instances, numbers, routes


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __name__,
        "What the users of a service feel, then its routes, then what is full, then its instances.",
        ("job", "instance"),
        [
            Section("", numbers.lines()),
            Section("What users feel", felt.lines()),
            Section("Routes", routes.lines()),
            Section("What is full", full.lines()),
            Section("Instances", instances.lines()),
        ],
    )
