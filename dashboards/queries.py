"""Queries of panels, and the PromQL expressions that several dashboards share."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import common

from sidelight.contract import POOL
from sidelight.slo import names
from sidelight.slo.recording import BROKEN, COUNTED, FAILED
from sidelight.slo.windows import INTERVAL, seconds

DATASOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
LOGS: Final = common.DataSourceRef(type_val="loki", uid="${logs}")
RECORDED_STEP: Final = INTERVAL
"""The evaluation interval of the rules; a finer step would draw stairs."""
SECONDS: Final = seconds(INTERVAL, Fraction(1))
TRACES: Final = "Traces"
"""The reference id of a query for exemplars."""

RATE: Final = "$__rate_interval"
JOB: Final = 'job=~"$job"'
SELECTED: Final = f'{JOB},instance=~"$instance"'
ROUTE: Final = 'http_route=~"$route"'
ROUTE_AND_METHOD: Final = f'{ROUTE},http_request_method=~"$method"'
SERVICE_WIDE: Final = 'http_route=""'
ROUTE_LABELS: Final = ("job", "http_request_method", "http_route")
INSTANCE_LABELS: Final = ("job", "instance")


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and the legend of its series; ``recorded`` if a rule made the series."""

    expr: str
    legend: str
    recorded: bool = False
    exemplar: bool = False


def targets(queries: Sequence[Query]) -> list[prometheus.Dataquery]:
    """Range queries with the reference ids A, B, C and so on, after those for exemplars.

    Grafana sends no query for exemplars of a histogram that an earlier query names.
    """
    traces = [target(query, TRACES).range() for query in queries if query.exemplar]
    others = (query for query in queries if not query.exemplar)
    return traces + [target(one, chr(ord("A") + place)).range() for place, one in enumerate(others)]


def target(query: Query, ref_id: str) -> prometheus.Dataquery:
    """One query. It has no step of its own, so that it follows the data source's."""
    made = prometheus.Dataquery().ref_id(ref_id).expr(query.expr).legend_format(query.legend)
    return made.datasource(DATASOURCE).exemplar(query.exemplar)


def raw(metric: str, *matchers: str) -> str:
    """Scraped series of the selected jobs and instances."""
    return f"{metric}{{{selected(matchers)}}}"


def selected(matchers: Sequence[str]) -> str:
    """Matchers of the selected jobs and instances, and more."""
    return ",".join((SELECTED, *matchers))


def recorded(metric: str, *matchers: str) -> str:
    """Series of a recording rule, which have the label ``job`` and no ``instance``."""
    return f"{metric}{{{','.join((JOB, *matchers))}}}"


def rate(metric: str, *matchers: str, offset: str = "") -> str:
    """The increase of a counter per second."""
    return f"rate({raw(metric, *matchers)}[{RATE}]{offset})"


def increase(metric: str, *by: str, window: str = RATE) -> str:
    """The increase of a counter in a window, summed."""
    return total(f"increase({raw(metric)}[{window}])", *by)


def in_range(series: str, *by: str) -> str:
    """The number of requests in the selected time range, from a recorded rate of requests.

    A minute's rate counts once, however often the rules are evaluated.
    """
    return f"{total(f'sum_over_time({series}[$__range:{INTERVAL}])', *by)} * {SECONDS}"


def total(expression: str, *by: str) -> str:
    """The sum of an expression by these labels."""
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def ratio(part: str, whole: str) -> str:
    """A ratio that has no value, rather than NaN, where the whole is zero."""
    return f"{part} / ({whole} > 0)"


def burn_rate(window: str, *matchers: str) -> str:
    """The bad requests of a window as a multiple of what each error budget allows."""
    return f"{recorded(names.ratio(window), *matchers)} / {recorded(names.BUDGET, *matchers)}"


def level(value: str, of: str) -> str:
    """A horizontal line at a value, shown only where ``of`` has series."""
    return f"0 * max({of}) + {value}"


def waited(*matchers: str) -> str:
    """Seconds per second for which requests waited for event loops, as recorded.

    It is subtracted from recorded time, so both have the same window.
    """
    return total(recorded(names.ROUTE_WAITED, *matchers))


def failed(*by: str, matchers: tuple[str, ...] = ()) -> str:
    """Recorded failures per second: 5xx and broken responses, without client disconnects."""
    parts = (FAILED, COUNTED, *matchers), (BROKEN, *matchers)
    return total(" or ".join(recorded(names.ROUTE_CLASS, *part) for part in parts), *by)


def countable(*by: str, matchers: tuple[str, ...] = ()) -> str:
    """Recorded requests per second that count towards the error ratio."""
    return total(recorded(names.ROUTE_CLASS, COUNTED, *matchers), *by)


def error_ratio(*by: str, matchers: tuple[str, ...] = ()) -> str:
    """Failed requests per request; 0 where there were requests and none failed."""
    requests = countable(*by, matchers=matchers)
    return ratio(f"({failed(*by, matchers=matchers)} or 0 * {requests})", requests)


def spaced(expression: str, *labels: str) -> str:
    """Labels ``shown_…`` for legends: a space and the label's value, or nothing without one."""
    for label in labels:
        expression = f'label_replace({expression}, "shown_{label}", " $1", "{label}", "(.+)")'
    return expression


def or_text(expression: str, value: int, text: str) -> str:
    """Series whose label ``shown`` is their name, or one with a text where there are none.

    Grafana shows no text for no data where it shows names in place of values.
    """
    return f'{expression} or on () label_replace(vector({value}), "shown", "{text}", "job", "")'


def in_top(expression: str, most: int, *by: str) -> str:
    """A filter for the series with these labels that have the highest values."""
    return f"and on ({', '.join(by)}) topk({most}, {expression})"


POOL_USAGE: Final = ratio(
    total(raw("db_client_connection_count", 'db_client_connection_state="used"'), POOL),
    total(raw("db_client_connection_max"), POOL),
)
