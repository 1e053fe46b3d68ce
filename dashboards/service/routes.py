"""The table of routes."""

from dashboards import frame
from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.queries import Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import error_ratio, quantile, total
from dashboards.promql import recorded as of
from sidelight.slo import names

BY = ("job", "http_request_method", "http_route")
KEYS = ", ".join(BY)
SPENT = total(of(names.ROUTE_TIME), *BY)
WORST = f"and on ({KEYS}) topk(30, {SPENT})"
BY_BUCKET = total(of(names.ROUTE_LE), *BY, "le")
EACH = total(of(names.ROUTE), *BY)
SLOW = total(of(names.ROUTE_SLOW), *BY)
HERE = frame.to(
    "route",
    "var-job=${__data.fields.Service}",
    "var-route=${__data.fields.Route}",
    "var-method=${__data.fields.Method}",
    "${instance:queryparam}",
)
SHARE = f"topk(30, {SPENT}) / on () group_left () (sum({of(names.ROUTE_TIME)}) > 0)"


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(12, [_routes_by_share_of_the_time()])]


def _routes_by_share_of_the_time() -> Shown:
    return rows(
        "Routes, by share of the time",
        "The 30 routes that the service spends most of its time in: requests times how "
        "long they take. An empty route is a request outside of any route.",
        [
            Key("job", "Service"),
            Key("http_request_method", "Method"),
            Key("http_route", "Route", HERE),
        ],
        [
            Column(SHARE, "Share of time", "percentunit", decimals=1),
            Column(f"{EACH} {WORST}", "Requests/s", "reqps"),
            Column(
                f"({error_ratio(*BY)}) {WORST}",
                "Errors",
                "percentunit",
                ((None, colours.PLAIN), (0.001, colours.WARN), (0.01, colours.BAD)),
            ),
            Column(f"({quantile('0.95', BY_BUCKET)}) {WORST}", "p95", "s"),
            Column(
                f"{SLOW} {WORST}", "Slow/s", "reqps", ((None, colours.PLAIN), (0.01, colours.WARN))
            ),
        ],
        sort="Share of time",
        empty=silence.NO_RULES,
    )
