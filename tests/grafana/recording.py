"""What services export while they are in every kind of trouble, as Prometheus scraped it."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.dashboards.querying import get
from tests.dashboards.world import servers
from tests.live.prometheus import query
from tests.live.servers import eventually

UNUSED, TROUBLED, AFTER = 12, 30, 60
"""Seconds before the first request, of load before the faults, and of load from them on."""
SECONDS = UNUSED + TROUBLED + AFTER
SCRAPED = '{job=~".+",__name__!~"ALERTS.*|.*:.*"}'


class Recording(NamedTuple):
    """Scraped series and exemplars as Prometheus answers, and the type of each family."""

    series: Sequence[Mapping[str, Any]]
    exemplars: Sequence[Mapping[str, Any]]
    types: Mapping[str, str]
    until: float

    def of(self, jobs: Collection[str], routes: Collection[str]) -> "Recording":
        """The series of some jobs and routes."""
        return self._replace(
            series=[
                row
                for row in self.series
                if row["metric"]["job"] in jobs and row["metric"].get("http_route", "") in routes
            ]
        )


def recording(where: Path) -> Recording:
    """The shop, a faulty service and one without Sidelight; a target that is down."""
    with servers(where) as found:
        eventually(lambda: query(found.port, 'count(up{job!="prometheus"}) == 5'))
        time.sleep(UNUSED)
        with found.load():
            time.sleep(TROUBLED)
            found.harm()
            time.sleep(AFTER)
            return _of(found.port, time.time())


def _of(port: int, until: float) -> Recording:
    now = {"time": str(until)}
    series = get(port, "query", query=f"{SCRAPED}[{2 * SECONDS}s]", **now)["data"]["result"]
    exemplars = get(
        port,
        "query_exemplars",
        query='{__name__=~".+_bucket"}',
        start=str(until - 2 * SECONDS),
        end=str(until),
    )["data"]
    metadata = get(port, "metadata")["data"]
    return Recording(
        series, exemplars, {name: one[0]["type"] for name, one in metadata.items()}, until
    )
