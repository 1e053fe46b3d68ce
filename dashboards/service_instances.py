"""Panels of Service: what its instances use, and how they differ."""

from typing import Final

from dashboards import shared
from dashboards.colours import BAD
from dashboards.panels import (
    NO_DATA,
    NOTHING_WATCHED,
    SIDELIGHT_ONLY,
    time_series,
)
from dashboards.queries import (
    INSTANCE_LABELS,
    POOL_USAGE,
    Query,
    in_top,
    rate,
    ratio,
    raw,
    total,
)
from dashboards.tables import SERVICE, Column, Key, coloured_column, table
from sidelight.contract import POOL
from sidelight.slo import names


def _spread(expr: str, *, by_rule: bool = False) -> list[Query]:
    """The highest, median and lowest instance, in place of one line for each."""
    aggregations = {"highest": "max(", "median": "quantile(0.5, ", "lowest": "min("}
    return [Query(f"{how}{expr})", name, by_rule) for name, how in aggregations.items()]


MEMORY: Final = total(raw("process_resident_memory_bytes"), "instance")
MEMORY_LIMIT: Final = f"max by (instance) ({raw('sidelight_memory_limit_bytes')})"
SATURATION: Final = [
    shared.loop_lag(),
    shared.threads(),
    time_series(
        "Connection pool usage",
        "Connections in use as a share of those that the pool may open; the five fullest pools.",
        "percentunit",
        Query(f"topk(5, {POOL_USAGE})", f"{{{{{POOL}}}}}"),
        empty=NOTHING_WATCHED,
    ),
]
RESOURCES: Final = [
    time_series(
        "CPU",
        "Cores used by the workers of an instance.",
        "short",
        *_spread(total(rate("process_cpu_seconds_total"), "instance")),
        empty=SIDELIGHT_ONLY,
    ),
    time_series(
        "Memory",
        "Resident memory of the workers of an instance, and the lowest memory limit.",
        "bytes",
        *_spread(MEMORY),
        Query(f"min({MEMORY_LIMIT})", "Limit: control group"),
        empty=SIDELIGHT_ONLY,
    ),
]


REQUESTS: Final = total(raw(names.INSTANCE_STATUS), *INSTANCE_LABELS)
FAILED: Final = total(
    raw(names.INSTANCE_STATUS, 'http_response_status_code=~"5.."'), *INSTANCE_LABELS
)
MEAN: Final = ratio(total(raw(names.INSTANCE_TIME), *INSTANCE_LABELS), REQUESTS)
DISTANCE: Final = f"abs(({MEAN}) - scalar(quantile(0.5, {MEAN})))"
FURTHEST: Final = in_top(DISTANCE, 20, *INSTANCE_LABELS)
CORES: Final = total(rate("process_cpu_seconds_total"), *INSTANCE_LABELS)
SPREAD: Final = [
    time_series(
        "Requests per instance",
        "Shows whether the load is balanced.",
        "reqps",
        *_spread(REQUESTS, by_rule=True),
    ),
    time_series(
        "Mean latency per instance",
        "A wide band means that some instances are slower than others.",
        "s",
        *_spread(MEAN, by_rule=True),
    ),
]
INSTANCES: Final = table(
    "Instances furthest from the median",
    "The 20 instances whose mean latency is furthest from the median of all instances.",
    [SERVICE, Key("instance", "Instance", shared.TO_INSTANCE)],
    Column(f"topk(20, {DISTANCE})", "Off the median", "s"),
    Column(f"{MEAN} {FURTHEST}", "Mean latency", "s"),
    Column(f"{REQUESTS} {FURTHEST}", "Requests/s", "reqps"),
    coloured_column(
        f"{ratio(f'({FAILED} or 0 * {REQUESTS})', REQUESTS)} {FURTHEST}",
        "5xx",
        "percentunit",
        (0.01, BAD),
    ),
    Column(f"{CORES} {FURTHEST}", "Cores", "short", decimals=2),
    sort="Off the median",
    empty=NO_DATA,
)
