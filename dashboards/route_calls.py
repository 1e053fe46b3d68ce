"""Panels of Route: the servers that its requests call, and the connections that they have."""

from typing import Final

from dashboards.colours import BAD
from dashboards.panels import NOTHING_WATCHED, time_series
from dashboards.queries import ROUTE, Query, in_top, mean, rate, ratio, raw, total
from dashboards.tables import Column, Key, coloured_column, table
from sidelight.contract import POOL, PORT, SERVER
from sidelight.slo.calls import FAILED

CLIENT: Final = "http_client_request_duration_seconds"
UPSTREAM: Final = (SERVER, PORT)
CALLS: Final = total(rate(f"{CLIENT}_count", ROUTE), *UPSTREAM)
FAILED_CALLS: Final = total(rate(f"{CLIENT}_count", ROUTE, FAILED), *UPSTREAM)
MOST_CALLED: Final = in_top(CALLS, 20, *UPSTREAM)
IN_USE: Final = total(raw("db_client_connection_in_use_by_route", ROUTE), POOL)
PANELS: Final = [
    table(
        "Upstreams of route $route",
        "The servers that requests of the route call, by watched HTTP clients; the 20 with the "
        "most calls. Errors are exceptions and 5xx responses.",
        [Key(SERVER, "Server"), Key(PORT, "Port")],
        Column(f"topk(20, {CALLS})", "Requests/s", "reqps"),
        Column(f"{mean(CLIENT, *UPSTREAM, where=(ROUTE,))} {MOST_CALLED}", "Mean time", "s"),
        coloured_column(
            f"{ratio(f'({FAILED_CALLS} or 0 * {CALLS})', CALLS)} {MOST_CALLED}",
            "Errors",
            "percentunit",
            (0.01, BAD),
        ),
        sort="Requests/s",
        empty=NOTHING_WATCHED,
    ),
    time_series(
        "Connections in use by route $route",
        "Connections of watched pools that requests of the route have taken and not given back; "
        "the ten pools with the most.",
        "short",
        Query(f"topk(10, {IN_USE})", f"{{{{{POOL}}}}}"),
        empty=NOTHING_WATCHED,
    ),
]
