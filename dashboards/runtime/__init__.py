"""What is full, stuck or restarted in the processes, and who holds the event loop."""

from typing import Any

from dashboards import frame
from dashboards.layout import Section
from dashboards.runtime import loops, numbers, pools, processes, threads


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __name__,
        "Event loops, threads, executors, pools and processes. All of it needs Sidelight.",
        ("job", "instance"),
        [
            Section("", numbers.lines()),
            Section("Event loops", loops.lines()),
            Section("Threads and executors", threads.lines()),
            Section("Pools, dependencies and neighbours", pools.lines()),
            Section("Processes", processes.lines()),
        ],
    )
