"""The routes that spend most."""

from typing import Final

from dashboards import frame
from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.gauges import bars
from dashboards.panels.queries import Query, Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import countable, failed, over

ROUTES: Final = ("job", "http_request_method", "http_route")
BAD, REQUESTS = failed(*ROUTES), countable(*ROUTES)
WORST = f"topk(30, {BAD} > 0)"
SHARE = f"({BAD}) / on (job) group_left () ({failed('job')} > 0)"
KEEP = f"and on ({', '.join(ROUTES)}) {WORST}"
TO = frame.to(
    "route",
    "var-job=${__data.fields.Service}",
    "var-route=${__data.fields.Route}",
    "var-method=${__data.fields.Method}",
)
ONE = frame.to(
    "route",
    "var-job=${__field.labels.job}",
    "var-route=${__field.labels.http_route}",
    "var-method=${__field.labels.http_request_method}",
)


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(10, [_routes_that_spend_the_most_availability(), _spent_by()], (16, 8))]


def _routes_that_spend_the_most_availability() -> Shown:
    return rows(
        "Routes that spend the most availability",
        "The 30 with most failed requests a second, over 5 minutes.",
        [
            Key("job", "Service"),
            Key("http_request_method", "Method"),
            Key("http_route", "Route", TO),
        ],
        [
            Column(WORST, "Failed/s", "reqps"),
            Column(
                f"{SHARE} {KEEP}",
                "Share of all",
                "percentunit",
            ),
            Column(f"{over(BAD, REQUESTS)} {KEEP}", "Errors", "percentunit"),
            Column(f"{REQUESTS} {KEEP}", "Requests/s", "reqps"),
        ],
        sort="Failed/s",
        empty=silence.NO_RULES + "; or none fails",
    )


def _spent_by() -> Shown:
    return bars(
        "Who spends it",
        "The share of its service's failed requests that each route has; the ten largest.",
        "percentunit",
        Query(
            f"topk(10, {SHARE} > 0)",
            "{{job}} {{http_request_method}} {{http_route}}",
            recorded=True,
        ),
        empty=silence.NONE_SO_FAR,
        colour=colours.BAD,
        link=ONE,
    )
