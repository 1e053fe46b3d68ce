"""What a Prometheus has of the recorded shapes: counts and percentiles, by either histogram."""

from typing import NamedTuple

from sidelight.contract import DURATION
from tests.live.prometheus_api import vector
from tests.live.shaped import WORKERS
from tests.live.shapes import EDGES, REQUESTS, SHAPES

NAME = DURATION.name
RECORDED = dict.fromkeys(SHAPES, REQUESTS) | dict.fromkeys(EDGES, WORKERS)
"""The requests of each route."""


class Job(NamedTuple):
    """What a Prometheus has of the recorded routes by one of its jobs."""

    port: int
    name: str

    def newest(self, name: str) -> str:
        """Series as they were in the last scrape that came, by a regular expression."""
        routes = "|".join(RECORDED)
        selected = f'__name__=~"{name}",job="{self.name}",http_route=~"/({routes})"'
        return f"last_over_time({{{selected}}}[5m])"

    def by_route(self, expression: str) -> dict[str, float]:
        """The values of a query."""
        found = vector(self.port, expression)
        return {dict(labels)["http_route"][1:]: number for labels, number in found.items()}

    @property
    def classic_count(self) -> dict[str, float]:
        return self.by_route(f"sum by (http_route) ({self.newest(f'{NAME}_count')})")

    @property
    def native_count(self) -> dict[str, float]:
        return self.by_route(f"sum by (http_route) (histogram_count({self.newest(NAME)}))")

    @property
    def series_of_each(self) -> dict[str, float]:
        """The number of series."""
        every = self.newest(f"{NAME}(_.*)?")
        return self.by_route(f"count by (http_route) ({every})")

    def classic(self, share: float) -> dict[str, float]:
        """Percentiles of the classic histograms."""
        summed = f"sum by (http_route, le) ({self.newest(f'{NAME}_bucket')})"
        return self.by_route(f"histogram_quantile({share}, {summed})")

    def native(self, share: float) -> dict[str, float]:
        """Percentiles of the native histograms."""
        summed = f"sum by (http_route) ({self.newest(NAME)})"
        return self.by_route(f"histogram_quantile({share}, {summed})")

    @property
    def series(self) -> dict[tuple[tuple[str, str], ...], float]:
        """The classic series of all routes, without what distinguishes jobs."""
        found = vector(self.port, f'{{__name__=~"{NAME}_(bucket|count|sum)",job="{self.name}"}}')
        return {
            tuple(pair for pair in labels if pair[0] not in {"job", "instance"}): number
            for labels, number in found.items()
        }

    @property
    def resets(self) -> list[float]:
        """How often a native histogram, a bucket, a count or a sum fell."""
        selected = f'{{job="{self.name}"}}[1h]'
        parts = ("", "_bucket", "_count", "_sum")
        found = (vector(self.port, f"sum(resets({NAME}{part}{selected}))") for part in parts)
        return [number for one in found for number in one.values()]
