"""Event loops, and who holds them."""

from dashboards import frame
from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import density, graph
from dashboards.panels.queries import Query, Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import rate, raw, total
from dashboards.saturation import LATE, loop_lag

HELD = total(rate("asyncio_event_loop_blocked_seconds_total"), "job", "http_route")
HOLDS = total(rate("asyncio_event_loop_blocks_total"), "job", "http_route")
WORST = f"and on (job, http_route) topk(20, {HELD})"
TO = frame.to("route", "var-job=${__data.fields.Service}", "var-route=${__data.fields.Route}")


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(9, [_event_loop_lag(), _who_holds_event_loops()]),
        Line(7, [loop_lag("Lag over time"), _requests_in_flight(), _longest_since_a_heartbeat()]),
    ]


def _event_loop_lag() -> Shown:
    return density(
        "Event loop lag",
        "How late heartbeats of the event loops ran; dark at the bottom is well.",
        Query(LATE, "{{le}}"),
        empty=silence.ONLY_SIDELIGHT,
    )


def _who_holds_event_loops() -> Shown:
    return rows(
        "Who holds event loops",
        "How long a route held loops, and how often; the 20 worst. 200 % is two loops all the "
        "time. An empty route is a timer or a task; _UNKNOWN a C extension that kept the GIL.",
        [Key("job", "Service"), Key("http_route", "Route", TO)],
        [
            Column(f"topk(20, {HELD} > 0)", "Held", "percentunit", decimals=2),
            Column(f"{HOLDS} {WORST}", "Holds/s", "cps"),
        ],
        sort="Held",
        empty="Nobody, or needs Sidelight",
    )


def _requests_in_flight() -> Shown:
    return graph(
        "Requests in flight",
        "By method.",
        "short",
        [
            Query(
                total(raw("http_server_active_requests"), "http_request_method"),
                "{{http_request_method}}",
            )
        ],
        empty="None, or not reported",
        stacked=True,
    )


def _longest_since_a_heartbeat() -> Shown:
    return graph(
        "Longest since a heartbeat",
        "Of the workers that are chosen, the one whose loop ran longest ago.",
        "s",
        [Query(f"max({raw('sidelight_worker_heartbeat_age_seconds')})", "longest")],
        empty=silence.ONLY_SIDELIGHT,
        colours={"longest": colours.WARN},
    )
