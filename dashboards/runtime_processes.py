"""Panels of the Runtime dashboard: instances, worker processes and versions."""

from typing import Final

from dashboards.colours import BAD, GOOD, WARN
from dashboards.panels import NO_DATA, SIDELIGHT_ONLY, time_series
from dashboards.queries import INSTANCE_LABELS, Query, in_top, increase, rate, ratio, raw, total
from dashboards.tables import SERVICE, Column, Key, coloured_column, table

CORES: Final = total(rate("process_cpu_seconds_total"), *INSTANCE_LABELS)
TOP: Final = in_top(CORES, 30, *INSTANCE_LABELS)
MEMORY: Final = total(raw("process_resident_memory_bytes"), *INSTANCE_LABELS)
VIRTUAL: Final = total(raw("process_virtual_memory_bytes"), *INSTANCE_LABELS)
MEMORY_LIMIT: Final = f"max by (job, instance) ({raw('sidelight_memory_limit_bytes')})"
FILES: Final = f"max by (job, instance) ({raw('process_open_fds')} / {raw('process_max_fds')})"
STARTED: Final = f"max by (job, instance) ({raw('process_start_time_seconds')})"
INSTANCES: Final = table(
    "Instances",
    "The 30 instances that use the most CPU. Values are sums over the workers of an instance; "
    "Files is the worker that is nearest to its limit.",
    [SERVICE, Key("instance", "Instance")],
    Column(f"topk(30, {CORES})", "Cores", "short", decimals=2),
    Column(f"{MEMORY} {TOP}", "Memory", "bytes"),
    coloured_column(
        f"{ratio(MEMORY, MEMORY_LIMIT)} {TOP}",
        "Share of memory limit",
        "percentunit",
        (0.8, WARN),
        (0.9, BAD),
    ),
    Column(f"{VIRTUAL} {TOP}", "Virtual memory", "bytes"),
    coloured_column(f"{FILES} {TOP}", "Files", "percentunit", (0.8, BAD)),
    Column(f"time() - {STARTED} {TOP}", "Newest worker's age", "s"),
    sort="Cores",
    empty=SIDELIGHT_ONLY,
)
COLLECTIONS: Final = total(rate("python_gc_collections_total"), "generation")
COLLECTED: Final = total(rate("python_gc_objects_collected_total"), "generation")
UNCOLLECTABLE: Final = total(rate("python_gc_objects_uncollectable_total"))
PROCESSES: Final = [
    time_series(
        "Worker exits",
        "Clean exits, and workers that died: killed, crashed, or without a lifespan.",
        "short",
        Query(increase("sidelight_worker_exits_total", "how"), "{{how}}"),
        empty=NO_DATA,
        colours={"died": BAD, "clean": GOOD},
    ),
    time_series(
        "Garbage collections",
        "Collections per second by generation.",
        "cps",
        Query(COLLECTIONS, "generation {{generation}}"),
        empty=SIDELIGHT_ONLY,
    ),
    time_series(
        "Objects collected",
        "Objects per second by generation. Uncollectable objects are a leak.",
        "cps",
        Query(COLLECTED, "generation {{generation}}"),
        Query(UNCOLLECTABLE, "uncollectable"),
        empty=SIDELIGHT_ONLY,
        colours={"uncollectable": BAD},
    ),
]
BUILD: Final = {
    "version": "Sidelight",
    "fastapi_version": "FastAPI",
    "python_version": "Python",
    "server": "Server",
    "fast_path": "Fast path",
}
BUILDS: Final = f"count by (job, {', '.join(BUILD)}) ({raw('sidelight_build_info')})"
VERSIONS: Final = table(
    "Versions",
    "Two rows for one service mean that a release is in progress, or stuck.",
    [SERVICE, *(Key(label, name) for label, name in BUILD.items())],
    Column(f"topk(50, {BUILDS})", "Instances", "short", decimals=0),
    sort="Instances",
    empty=SIDELIGHT_ONLY,
)
