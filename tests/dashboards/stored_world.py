"""Every histogram of a service as Prometheus may store it, and what the rules record of it."""

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from sidelight.contract import METRICS
from sidelight.embedded.promql.engine import Vector, instant_query
from sidelight.embedded.promql.float_histogram import FloatHistogram
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.script import Load
from tests.embedded.promql.conformance.series_line import series_line
from tests.embedded.promql.shipped_queries import RULES, rules_of
from tests.slo.stored_histograms import Counts, Storage, stored

MINUTE: Final = 60_000
NOW: Final = 10
"""Minutes of samples."""
RESPONSES: Final[Counts] = (50, 40, 2)
"""What a series counts in a minute: p50 is fast, p95 in the middle, p99 slow."""
LABELS: Final = {
    "http_request_method": "GET",
    "http_route": "/",
    "http_response_status_code": "200",
    "error_type": "",
}
POOL: Final = 'job="shop",db_client_connection_pool_name="x"'
GAUGES: Final = (
    'sidelight_workers{job="shop"',
    f"db_client_connection_max{{{POOL}",
    f'db_client_connection_count{{{POOL},db_client_connection_state="used"',
)
"""Without the instance."""
Sample = float | FloatHistogram
Stored = tuple[Storage, ...]
"""How each instance is stored."""


def service(storages: Stored) -> LoadedSeries:
    """The samples of an instance for each storage, and what the default rules record of them."""
    found = LoadedSeries()
    for instance, storage in zip("ab", storages, strict=False):
        lines = map(series_line, _scraped(instance, storage))
        found.add(Load(MINUTE, list(lines), native_histograms=False))
    for rule in recording_rules():
        own = {**rule.get("labels", {}), "__name__": rule["record"]}
        for labels, value in evaluated(rule["expr"], found).items():
            every = dict(labels) | own
            found.samples[tuple(sorted(every.items()))] = {NOW * MINUTE: value}
        found._source = None
    return found


@cache
def recording_rules() -> list[dict[str, Any]]:
    return [rule for rule in rules_of(RULES[0]) if "record" in rule]


def evaluated(text: str, samples: LoadedSeries) -> dict[frozenset[tuple[str, str]], Sample]:
    """The values of a query at the end, by their labels."""
    found = instant_query(text, samples, NOW * MINUTE)
    if not isinstance(found, Vector):
        return {}
    rows = [None] * len(found.labels) if found.histograms is None else found.histograms
    values = found.values.tolist()
    return {
        frozenset(labels.items()): value if histogram is None else histogram
        for labels, value, histogram in zip(map(dict, found.labels), values, rows, strict=True)
    }


def _scraped(instance: str, storage: Storage) -> Iterator[str]:
    for one in GAUGES:
        yield f'{one},instance="{instance}"}} 1x{NOW}'
    for family, metric in METRICS.items():
        if metric.kind in {"histogram", "summary"}:
            # A summary is no histogram: Prometheus has one way to store it.
            kind = "no buckets" if metric.kind == "summary" else storage
            own = {name: LABELS.get(name, "x") for name in metric.labels}
            of = {"job": "shop", "instance": instance, **own}
            labels = ",".join(f'{name}="{value}"' for name, value in of.items())
            for name, value in stored(kind, family, labels):
                yield f"{name} {value((0, 0, 0))}+{value(RESPONSES)}x{NOW}"
