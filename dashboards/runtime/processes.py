"""Processes: CPU, memory, files, ends, versions."""

from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import RATE, over, rate, raw, total

EXITS: Final = "sidelight_worker_exits_total"
PLACE = ("job", "instance")
MEMORY = total(raw("process_resident_memory_bytes"), *PLACE)
VIRTUAL = total(raw("process_virtual_memory_bytes"), *PLACE)
LIMIT = f"max by (job, instance) ({raw('sidelight_memory_limit_bytes')})"
FILES = f"max by (job, instance) ({raw('process_open_fds')} / {raw('process_max_fds')})"
CORES = total(rate("process_cpu_seconds_total"), *PLACE)
AGE = f"time() - max by (job, instance) ({raw('process_start_time_seconds')})"
TOP = f"and on (job, instance) topk(30, {CORES})"
COLLECTED = total(rate("python_gc_objects_collected_total"), "generation")
STUCK = total(rate("python_gc_objects_uncollectable_total"))


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(10, [_instances()]),
        Line(7, [_workers_that_ended(), _garbage_collections(), _objects_collected()]),
        Line(6, [_versions_in_use()]),
    ]


def _instances() -> Shown:
    return rows(
        "Instances",
        "The 30 that use most CPU, all workers of each together; files are those of "
        "the worker that is nearest its limit.",
        [Key("job", "Service"), Key("instance", "Instance")],
        [
            Column(f"topk(30, {CORES})", "Cores", "short", decimals=2),
            Column(f"{MEMORY} {TOP}", "Memory", "bytes"),
            Column(
                f"{over(MEMORY, LIMIT)} {TOP}",
                "Of its limit",
                "percentunit",
                ((None, colours.PLAIN), (0.8, colours.WARN), (0.9, colours.BAD)),
            ),
            Column(f"{VIRTUAL} {TOP}", "Virtual", "bytes"),
            Column(
                f"{FILES} {TOP}",
                "Files",
                "percentunit",
                ((None, colours.PLAIN), (0.8, colours.BAD)),
            ),
            Column(f"{AGE} {TOP}", "Newest worker's age", "s"),
        ],
        sort="Cores",
        empty=silence.ONLY_SIDELIGHT,
    )


def _workers_that_ended() -> Shown:
    return graph(
        "Workers that ended",
        "Clean, or died: killed, crashed, or without a lifespan.",
        "short",
        [Query(f"sum by (how) (increase({raw(EXITS)}[{RATE}]))", "{{how}}")],
        empty=silence.NONE_SO_FAR,
        colours={"died": colours.BAD, "clean": colours.GOOD},
    )


def _garbage_collections() -> Shown:
    return graph(
        "Garbage collections",
        "Collections a second by generation.",
        "cps",
        [
            Query(
                total(rate("python_gc_collections_total"), "generation"),
                "generation {{generation}}",
            )
        ],
        empty=silence.ONLY_SIDELIGHT,
    )


def _objects_collected() -> Shown:
    return graph(
        "Objects collected",
        "By generation; uncollectable ones are a leak.",
        "cps",
        [Query(COLLECTED, "generation {{generation}}"), Query(STUCK, "uncollectable")],
        empty=silence.ONLY_SIDELIGHT,
        colours={"uncollectable": colours.BAD},
    )


def _versions_in_use() -> Shown:
    return rows(
        "Versions in use",
        "Two rows for a service: a release is under way, or stuck.",
        [
            Key("job", "Service"),
            Key("version", "Sidelight"),
            Key("fastapi_version", "FastAPI"),
            Key("python_version", "Python"),
            Key("server", "Server"),
        ],
        [
            Column(
                "topk(50, count by (job, version, fastapi_version, python_version, "
                f"server) ({raw('sidelight_build_info')}))",
                "Instances",
                "short",
                decimals=0,
            )
        ],
        sort="Instances",
        empty=silence.ONLY_SIDELIGHT,
    )
