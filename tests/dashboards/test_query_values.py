"""What queries of the dashboards return for small sets of samples."""

import pytest

from tests.dashboards.reading import dashboards, queries, sent
from tests.embedded.promql.series_notation import WrittenSeries, instant

QUERIES = {str(query): query for board in dashboards() for query in queries(board)}

BUDGETS = """
slo:error_budget_left:ratio{job="over",slo="availability"} -0.6
slo:error_budget_left:ratio{job="quiet",slo="availability"} 0.8
slo:error_budget_left:ratio{job="half",slo="availability"} 0.5
slo:bad_requests_per_requests:ratio_rate6h{job="quiet",slo="availability"} 0
slo:bad_requests_per_requests:ratio_rate6h{job="half",slo="availability"} 0.1
slo:error_budget:ratio{job="over",slo="availability"} 0.1
slo:error_budget:ratio{job="quiet",slo="availability"} 0.1
slo:error_budget:ratio{job="half",slo="availability"} 0.1
slo:window:seconds{job="over",slo="availability"} 2592000
slo:window:seconds{job="quiet",slo="availability"} 2592000
slo:window:seconds{job="half",slo="availability"} 2592000
"""
WHOLE = 'shown_http_request_method="all",shown_http_route="whole service",slo="availability"'
CLASSES = "route_class:http_server_requests:rate5m"
OF_500 = 'http_request_method="GET",status_class="5xx",error_type="500"'
FAILURES = f"""
{CLASSES}{{job="busy",http_route="/a",{OF_500}}} 9
{CLASSES}{{job="idle",http_route="/b",{OF_500}}} 1
"""
TARGETS = """
up{job="shop",instance="a"} 1
up{job="shop",instance="b"} 1
up{job="shop",instance="c"} 0
"""
NATIVE = """
http_server_active_requests{job="shop",instance="a",http_request_method="GET"} 3x6
"""
BLOCKED = """
asyncio_event_loop_blocked_seconds_total{job="shop",instance="a",http_route="/slow"} 0+8x6
asyncio_event_loop_blocked_seconds_total{job="shop",instance="a",http_route=""} 0+2x6
asyncio_event_loop_blocked_seconds_total{job="shop",instance="a",http_route="/never"} 0x6
asyncio_event_loop_blocks_total{job="shop",instance="a",http_route="/slow"} 0+10x6
asyncio_event_loop_blocks_total{job="shop",instance="a",http_route=""} 0+20x6
asyncio_event_loop_blocks_total{job="shop",instance="a",http_route="/never"} 0+5x6
sidelight_workers{job="shop",instance="a",state="running"} 2x6
"""
ALERTS = """
ALERTS{alertname="TargetsDown",alertstate="firing",severity="warning",job="shop"} 1x6
ALERTS_FOR_STATE{alertname="TargetsDown",severity="warning",job="shop"} 20x6
ALERTS{alertname="WorkerBlocked",alertstate="pending",severity="critical",job="shop"} 1x6
ALERTS_FOR_STATE{alertname="WorkerBlocked",severity="critical",job="shop"} 50x6
"""
STATUSES = "route_status:http_server_requests:rate5m"
CODES = f"""
{STATUSES}{{http_response_status_code="500",error_type="500",job="shop"}} 1
{STATUSES}{{http_response_status_code="404",job="shop"}} 2
{STATUSES}{{http_response_status_code="500",error_type="incomplete_response",job="shop"}} 3
"""
OF_A = 'job="shop",http_request_method="GET",http_route="/a"'
WAITED = f"""
route:http_server_request_duration_seconds_sum:rate5m{{{OF_A}}} 2x6
route:http_server_requests:rate5m{{{OF_A}}} 4x6
route:fastapi_request_queue_seconds_sum:rate5m{{{OF_A}}} 0.5x6
fastapi_request_queue_seconds_sum{{instance="a",{OF_A}}} 0x5 300
"""
"""Of the last minutes a quarter is waits. In the last seconds, there are more than of all else."""
PER_MINUTE = f'{CLASSES}{{job="shop",status_class="2xx"}} 2x6'


def values(name: str, samples: str, at: int = 60) -> dict[str, float]:
    """The value of each series that a query returns."""
    found = instant(sent(QUERIES[name].expr), WrittenSeries(samples), at)
    return {has: round(value, 6) for has, value in found.items()}


CASES = {
    "an overspent objective is exhausted in no time": (
        "sidelight-objectives: Soonest exhausted A",
        BUDGETS,
        {"": 0.0},
    ),
    "one that is not spent has no time": (
        "sidelight-objectives: Objectives G",
        BUDGETS,
        {f'{{job="{job}",{WHOLE}}}': time for job, time in (("over", 0.0), ("half", 1296000.0))},
    ),
    "shares are of all failures": (
        "sidelight-objectives: Share of failed requests A",
        FAILURES,
        {
            '{http_request_method="GET",http_route="/a",job="busy",shown_http_route=" /a"}': 0.9,
            '{http_request_method="GET",http_route="/b",job="idle",shown_http_route=" /b"}': 0.1,
        },
    ),
    "instances are up of how many": (
        "sidelight-service: Instances up A",
        TARGETS,
        {'{all="3",shown="2 of 3",up="2"}': 0.666667},
    ),
    "a service without a target has a name that says so": (
        "sidelight-service: Instances up A",
        NATIVE,
        {'{shown="No target"}': -1.0},
    ),
    "a service is measured by a version of Sidelight": (
        "sidelight-service: Measured by A",
        f'{NATIVE}sidelight_build_info{{job="shop",instance="a",version="0.1.0"}} 1x6',
        {'{shown="Sidelight 0.1.0",version="0.1.0"}': 1.0},
    ),
    "a service is measured without Sidelight": (
        "sidelight-service: Measured by A",
        NATIVE,
        {'{shown="OpenTelemetry only"}': 0.0},
    ),
    "a service is not measured": (
        "sidelight-service: Measured by A",
        TARGETS,
        {'{shown="Not measured"}': 0.0},
    ),
    "a table's other column has the same rows": (
        "sidelight-runtime: Routes that block event loops C",
        BLOCKED,
        {
            '{http_route="/slow",job="shop",shown_http_route="/slow"}': 1.0,
            '{job="shop",shown_http_route="outside any request"}': 2.0,
        },
    ),
    "blocked loops are a share of all": (
        "sidelight-runtime: Routes that block event loops B",
        BLOCKED,
        {
            '{http_route="/slow",job="shop",shown_http_route="/slow"}': 0.4,
            '{job="shop",shown_http_route="outside any request"}': 0.1,
        },
    ),
    "only firing alerts, with their time": (
        "sidelight-fleet: Firing alerts A",
        ALERTS,
        {'{alertname="TargetsDown",job="shop",severity="warning"}': 40.0},
    ),
    "a code that is its own type is shown once": (
        "sidelight-route: 4xx and 5xx of route $route, method $method A",
        CODES,
        {
            '{error_type="500",http_response_status_code="500"}': 1.0,
            '{http_response_status_code="404"}': 2.0,
            '{error_type="incomplete_response",http_response_status_code="500",'
            'other_type=" incomplete_response"}': 3.0,
        },
    ),
    "waits are a share of the same minutes": (
        "sidelight-service: Waiting for the event loop A",
        WAITED,
        {"": 0.25},
    ),
    "a request's own time is not below zero": (
        "sidelight-route: Own time and waits for the event loop A",
        WAITED,
        {"": 0.375},
    ),
    "a total has the rate of each minute once": (
        "sidelight-service: Total of requests A",
        PER_MINUTE,
        {"": 240.0},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_queries_return_what_their_panels_claim(case: str) -> None:
    """The query of a panel returns these series of these samples."""
    name, samples, expected = CASES[case]
    assert values(name, samples) == expected
