"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards.promql import DURATION, WHERE, rate, total
from dashboards.promql import recorded as of
from sidelight.slo import names

SOME: Final = 'http_route!=""'
ROUTE: Final = 'http_route=~"$route"'
FAILED: Final = 'http_response_status_code=~"5.."'


def buckets(family: str = DURATION) -> str:
    """Observations a second in each bucket."""
    return total(rate(f"{family}_bucket", WHERE), "le")


def good() -> str:
    """Good responses a second in each bucket, as recorded; for All, raw ones are far too many."""
    return total(of(names.ROUTE_LE, WHERE), "le")
