"""Panels of Route: the servers that its requests call, and the connections that they have."""

from typing import Final

from dashboards.panels import NOTHING_WATCHED, time_series
from dashboards.queries import ROUTE, Query, raw, total
from dashboards.upstreams import upstreams
from sidelight.contract import POOL

IN_USE: Final = total(raw("db_client_connection_in_use_by_route", ROUTE), POOL)
PANELS: Final = [
    upstreams(
        "Upstreams of route $route",
        "The servers that requests of the route call, by watched HTTP clients",
        ROUTE,
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
