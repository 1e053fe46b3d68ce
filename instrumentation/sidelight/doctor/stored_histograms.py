"""Which kinds of histograms of a service a Prometheus has, by its series."""

from collections.abc import Iterable, Mapping
from math import isclose, isfinite, log2
from typing import Any, Final

from sidelight.doctor.prometheus import query
from sidelight.doctor.scrape_options import Kind

DURATION: Final = "http_server_request_duration_seconds"
CLASSIC: Final = f"count by (job) ({DURATION}_bucket)"
NATIVE: Final = f"sum by (job) ({DURATION})"
"""Only native histograms have samples without a suffix."""
SERVED: Final = "count by (job) (fastapi_slow_requests_total)"
"""These counters begin with the first request, as the histograms do."""
FINEST: Final = 2**8
"""Each boundary of an exponential histogram is a power of two to a multiple of 1/256."""


def stored_kinds(url: str) -> dict[str, set[Kind]]:
    """The kinds of each job that has any. Raises as `query` does."""
    found: dict[str, set[Kind]] = {job: {"classic"} for job in jobs_of(url, CLASSIC)}
    for series in query(url, NATIVE):
        if "histogram" in series:
            job = series["metric"].get("job", "")
            found.setdefault(job, set()).add(_kind(series["histogram"][1]))
    return found


def jobs_of(url: str, expression: str) -> set[str]:
    """The labels ``job`` of a query's result."""
    return {series["metric"].get("job", "") for series in query(url, expression)}


def _kind(histogram: Mapping[str, Any]) -> Kind:
    """Native, or native with custom buckets: those of Sidelight are no powers of two."""
    buckets: Iterable[tuple[int, str, str, str]] = histogram.get("buckets", ())
    ends = (float(end) for _, *both, _ in buckets for end in both)
    return "native" if all(map(_is_exponential, ends)) else "NHCB"


def _is_exponential(end: float) -> bool:
    if end <= 0 or not isfinite(end):
        return True
    steps = log2(end) * FINEST
    return isclose(steps, round(steps), abs_tol=1e-6)
