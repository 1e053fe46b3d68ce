"""What is full."""

from dashboards.layout import Line
from dashboards.panels import silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import rate, raw, total
from dashboards.saturation import FULL_POOLS, loop_lag, threads
from dashboards.service.parts import band
from sidelight.contract import POOL

MEMORY = total(raw("process_resident_memory_bytes"), "instance")
LIMIT = f"max by (instance) ({raw('sidelight_memory_limit_bytes')})"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(
            7, [loop_lag("Event loop lag"), threads("Threads in use"), _fullest_connection_pools()]
        ),
        Line(7, [_cpu(), _memory()]),
    ]


def _fullest_connection_pools() -> Shown:
    return graph(
        "Fullest connection pools",
        "Connections in use of those a pool may open; the five fullest.",
        "percentunit",
        [Query(f"topk(5, {FULL_POOLS})", f"{{{{{POOL}}}}}")],
        empty=silence.NOTHING_WATCHED,
    )


def _cpu() -> Shown:
    return graph(
        "CPU",
        "Cores used by the workers of an instance.",
        "short",
        band(total(rate("process_cpu_seconds_total"), "instance")),
        empty=silence.ONLY_SIDELIGHT,
    )


def _memory() -> Shown:
    return graph(
        "Memory",
        "Resident memory of the workers of an instance, and the least limit of any.",
        "bytes",
        [*band(MEMORY), Query(f"min({LIMIT})", "Limit: control group")],
        empty=silence.ONLY_SIDELIGHT,
    )
