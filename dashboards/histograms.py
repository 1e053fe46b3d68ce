"""Queries of histograms, the same for each way in which Prometheus may store them.

Native histograms and NHCB are one series without a suffix, classic ones `_bucket`, `_count` and
`_sum`; see `sidelight.histogram_queries`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from dashboards.queries import RATE, Query, rate, ratio, raw, recorded, selected, total
from sidelight import histogram_queries
from sidelight.contract import METRICS
from sidelight.histogram_queries import DURATION
from sidelight.slo import names

RECORDED: Final = {
    "service": (names.SERVICE_DURATIONS, names.SERVICE_LE),
    "route": (names.ROUTE_DURATIONS, names.ROUTE_LE),
}
"""Recorded native histograms, and recorded buckets."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Rates of observations, summed: native histograms, and buckets of classic ones.

    Prometheus may have one or both. Its functions of both kinds exist in every engine.
    """

    native: str
    classic: str


def histogram(family: str, *matchers: str, offset: str = "") -> Histogram:
    """A scraped histogram of the selected jobs and instances."""
    native, classic = (
        rate(name, *matchers, offset=offset) for name in (family, f"{family}_bucket")
    )
    return Histogram(total(native), total(classic, "le"))


def durations(
    level: Literal["service", "route"], *matchers: str, by: Sequence[str] = (), more: str = ""
) -> Histogram:
    """Recorded durations of good responses; ``more`` is an offset or a filter."""
    native, classic = (f"{recorded(name, *matchers)}{more}" for name in RECORDED[level])
    return Histogram(total(native, *by), total(classic, *by, "le"))


def quantile(share: str, of: Histogram) -> str:
    """A quantile that has no value, rather than NaN, where there is no traffic.

    That of native histograms is the better one.
    """
    parts = (f"histogram_quantile({share}, {one}) >= 0" for one in (of.native, of.classic))
    return " or ".join(parts)


def quantiles(of: Histogram, *shares: str) -> list[Query]:
    """One recorded query for each quantile, such as ``p95``."""
    return [Query(quantile(f"0.{one[1:]}", of), one, recorded=True) for one in shares]


def distribution(of: Histogram) -> str:
    """A histogram to draw: the native one where it is there, else the buckets."""
    return f"{of.native} or on () {of.classic}"


def mean(family: str, *by: str, where: tuple[str, ...] = ()) -> str:
    """The mean observation of a histogram or summary."""
    parts = (total(part(family, *where), *by) for part in (summed, counted))
    return ratio(*parts)


def counted(family: str, *matchers: str) -> str:
    """Observations of a histogram or summary per second, however it is stored."""
    return _whole(family, histogram_queries.count(family, selected(matchers), over=f"[{RATE}]"))


def summed(family: str, *matchers: str) -> str:
    """The sum of the observations of a histogram or summary per second, however it is stored."""
    return _whole(family, histogram_queries.total(family, selected(matchers), over=f"[{RATE}]"))


def stored(family: str, *matchers: str) -> str:
    """One series for each label set of a histogram, however it is stored."""
    return " or ".join(raw(name, *matchers) for name in (f"{family}_count", family))


def _whole(family: str, query: str) -> str:
    """A summary is never native. `sidelight dashboards export` cuts out what some engines lack."""
    return histogram_queries.for_engine(query, native=METRICS[family].kind == "histogram")


def exemplars(*matchers: str) -> Query:
    """A query that returns traces only: its offset of ten years leaves no samples."""
    nothing = histogram(DURATION, *matchers, offset=" offset 520w")
    return Query(quantile("0.99", nothing), "traces", exemplar=True)


LOOP_LAG: Final = histogram("asyncio_event_loop_lag_seconds")
