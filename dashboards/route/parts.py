"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards.promql import DURATION, WHERE, rate, total

SOME: Final = 'http_route!=""'
ROUTE: Final = 'http_route=~"$route"'
COUNT: Final = f"{DURATION}_count"


def buckets(family: str = DURATION) -> str:
    """Observations a second in each bucket."""
    return total(rate(f"{family}_bucket", WHERE), "le")
