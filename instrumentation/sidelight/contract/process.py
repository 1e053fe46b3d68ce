"""Metrics of a worker's process, its garbage collector and its control group."""

from typing import Final

from sidelight.contract.labels import WORKER
from sidelight.contract.metric import Metric

METRICS: Final = (
    Metric(
        "process_cpu_seconds_total",
        "counter",
        "seconds",
        (WORKER,),
        "User and system CPU time spent, by worker number.",
    ),
    Metric("process_resident_memory_bytes", "gauge", "bytes", (WORKER,), "Resident memory."),
    Metric("process_virtual_memory_bytes", "gauge", "bytes", (WORKER,), "Virtual memory."),
    Metric("process_open_fds", "gauge", "", (WORKER,), "Open file descriptors."),
    Metric("process_max_fds", "gauge", "", (WORKER,), "Maximum number of open file descriptors."),
    Metric(
        "process_start_time_seconds",
        "gauge",
        "seconds",
        (WORKER,),
        "When the process started, in seconds since the epoch.",
    ),
    Metric(
        "python_gc_objects_collected_total",
        "counter",
        "",
        (WORKER, "generation"),
        "Objects collected by the garbage collector.",
    ),
    Metric(
        "python_gc_objects_uncollectable_total",
        "counter",
        "",
        (WORKER, "generation"),
        "Uncollectable objects found by the garbage collector.",
    ),
    Metric(
        "python_gc_collections_total",
        "counter",
        "",
        (WORKER, "generation"),
        "Collections of each generation.",
    ),
    Metric(
        "sidelight_memory_limit_bytes",
        "gauge",
        "bytes",
        (WORKER,),
        "Memory the worker's control group may use, where it has a limit.",
    ),
    Metric(
        "sidelight_cpu_throttled_seconds_total",
        "counter",
        "seconds",
        (),
        "Time that the CPU quota of the workers' control group kept it from running, added up over "
        "processors.",
    ),
    Metric(
        "sidelight_cpu_throttled_periods_total",
        "counter",
        "",
        (),
        "Periods, mostly of 100 ms, in which the workers' control group used up its CPU quota.",
    ),
    Metric(
        "sidelight_cpu_wait_seconds_total",
        "counter",
        "seconds",
        (WORKER,),
        "Time that the thread of the event loop was ready to run and had no processor.",
    ),
    Metric(
        "sidelight_gil_wait_seconds_total",
        "counter",
        "seconds",
        (WORKER,),
        "Estimated time that the thread of the event loop waited for the GIL.",
    ),
)
