"""What it refuses, loses and moves."""

from dashboards.layout import Line
from dashboards.panels import colours
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import WHERE, mean, rate, raw, total
from dashboards.route.parts import ROUTE

FIELDS = ("http_route", "location", "type")
INVALID = f"increase({raw('fastapi_validation_errors_total', ROUTE)}[$__range])"


def lines() -> list[Line]:
    """The lines of this section."""
    return [Line(8, [_validation_errors_by_field(), _lost_left_and_misfit(), _size_of_bodies()])]


def _validation_errors_by_field() -> Shown:
    return rows(
        "Validation errors by field",
        "What was wrong in requests answered by 422, in the time chosen above; the 30 "
        "most frequent.",
        [Key("http_route", "Route"), Key("location", "Field"), Key("type", "What is wrong")],
        [Column(f"topk(30, {total(INVALID, *FIELDS)})", "Errors", "short", decimals=0)],
        sort="Errors",
        empty="None so far, or needs Sidelight",
    )


def _lost_left_and_misfit() -> Shown:
    return graph(
        "Lost, left and misfit",
        "Clients that left before the last byte, requests that died with their "
        "worker, and responses that didn't fit their model.",
        "cps",
        [
            Query(total(rate("fastapi_client_disconnects_total", WHERE)), "client left"),
            Query(total(rate("fastapi_requests_lost_total", ROUTE)), "lost"),
            Query(total(rate("fastapi_response_validation_errors_total", ROUTE)), "misfit"),
        ],
        empty="None so far, or needs Sidelight",
        colours={"client left": colours.REFUSED, "lost": colours.BAD, "misfit": colours.WARN},
    )


def _size_of_bodies() -> Shown:
    return graph(
        "Size of bodies",
        "Mean size of request and response bodies.",
        "bytes",
        [
            Query(mean("http_server_request_body_size_bytes", where=(WHERE,)), "in"),
            Query(mean("http_server_response_body_size_bytes", where=(WHERE,)), "out"),
        ],
        empty="No bodies, or not reported",
    )
