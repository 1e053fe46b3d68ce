"""Parts of PromQL that every dashboard writes alike: who is meant, and what no traffic is."""

from typing import Final

from sidelight.slo.names import BUDGET, ROUTE_CLASS, ratio
from sidelight.slo.recording import BROKEN, COUNTED, FAILED

RATE: Final = "$__rate_interval"
JOB: Final = 'job=~"$job"'
WHO: Final = f'{JOB},instance=~"$instance"'
WHERE: Final = 'http_route=~"$route",http_request_method=~"$method"'
DURATION: Final = "http_server_request_duration_seconds"


def raw(metric: str, *more: str) -> str:
    """Series as they are scraped, of the chosen instances."""
    return f"{metric}{{{','.join((WHO, *more))}}}"


def recorded(metric: str, *more: str) -> str:
    """Series of a rule: they have ``job`` and no ``instance``."""
    return f"{metric}{{{','.join((JOB, *more))}}}"


def rate(metric: str, *more: str) -> str:
    """What a counter gains a second."""
    return f"rate({raw(metric, *more)}[{RATE}])"


def total(expression: str, *by: str) -> str:
    """A sum, by these labels."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def over(part: str, whole: str) -> str:
    """A ratio that is nothing, not NaN, where there is no traffic."""
    return f"{part} / ({whole} > 0)"


def quantile(share: str, buckets: str) -> str:
    """A quantile that is nothing, not NaN, where there is no traffic."""
    return f"histogram_quantile({share}, {buckets}) >= 0"


def burn(window: str, *more: str) -> str:
    """How many times as fast as allowed each budget is spent."""
    return f"{recorded(ratio(window), *more)} / {recorded(BUDGET, *more)}"


def limit(at: str, of: str) -> str:
    """A level line, where there is anything that it is the limit of."""
    return f"0 * max({of}) + {at}"


def mean(family: str, *by: str, where: tuple[str, ...] = ()) -> str:
    """What a histogram or a summary says on average."""
    parts = (total(rate(f"{family}_{part}", *where), *by) for part in ("sum", "count"))
    return over(*parts)


def traces(*more: str) -> str:
    """A query for exemplars alone: it looks ten years back, where there are no samples."""
    buckets = f"rate({raw(f'{DURATION}_bucket', *more)}[{RATE}] offset 520w)"
    return quantile("0.99", total(buckets, "le"))


def failed(*by: str, more: tuple[str, ...] = ()) -> str:
    """Failed requests a second, as recorded: 5xx and broken off, not those whose client left."""
    parts = (FAILED, COUNTED, *more), (BROKEN, *more)
    return total(" or ".join(recorded(ROUTE_CLASS, *part) for part in parts), *by)


def countable(*by: str, more: tuple[str, ...] = ()) -> str:
    """Requests a second that could fail, as recorded."""
    return total(recorded(ROUTE_CLASS, COUNTED, *more), *by)


def error_ratio(*by: str, more: tuple[str, ...] = ()) -> str:
    """Failed requests per request; 0 where there were requests and none failed."""
    requests = countable(*by, more=more)
    return over(f"({failed(*by, more=more)} or 0 * {requests})", requests)
