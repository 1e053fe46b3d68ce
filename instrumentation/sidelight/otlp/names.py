"""OpenTelemetry's names for the contract's metrics and labels.

Every name comes back as the contract's where OTLP is translated for Prometheus
(https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/): dots
become underscores, the unit a suffix, and a monotonic sum ends in ``_total``. A unit in braces
only says what is counted. A gauge of unit "1" would end in ``_ratio``, so no unit is "1".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sidelight.contract import ERROR, METHOD, PORT, ROUTE, SCHEME, SERVER, STATUS, Metric
from sidelight.text_format import encodable

UNITS: Final = {"seconds": "s", "bytes": "By"}
"""UCUM's symbols for the words that end a Prometheus name."""


class OtelName(NamedTuple):
    """A metric's name and unit; ``up_down`` where the conventions have a sum that may fall."""

    name: str
    unit: str
    up_down: bool = False


CONVENTIONS: Final = {
    "http_server_request_duration_seconds": OtelName("http.server.request.duration", "s"),
    "http_server_active_requests": OtelName(
        "http.server.active_requests", "{request}", up_down=True
    ),
    "http_server_request_body_size_bytes": OtelName("http.server.request.body.size", "By"),
    "http_server_response_body_size_bytes": OtelName("http.server.response.body.size", "By"),
    "http_client_request_duration_seconds": OtelName("http.client.request.duration", "s"),
    "db_client_connection_count": OtelName(
        "db.client.connection.count", "{connection}", up_down=True
    ),
    "db_client_connection_max": OtelName("db.client.connection.max", "{connection}", up_down=True),
    "db_client_connection_pending_requests": OtelName(
        "db.client.connection.pending_requests", "{request}", up_down=True
    ),
    "db_client_connection_wait_time_seconds": OtelName("db.client.connection.wait_time", "s"),
    "db_client_connection_use_time_seconds": OtelName("db.client.connection.use_time", "s"),
    "db_client_connection_timeouts_total": OtelName("db.client.connection.timeouts", "{timeout}"),
}
"""What the semantic conventions name (https://opentelemetry.io/docs/specs/semconv/)."""

ATTRIBUTES: Final = {
    METHOD: "http.request.method",
    ROUTE: "http.route",
    STATUS: "http.response.status_code",
    ERROR: "error.type",
    SCHEME: "url.scheme",
    SERVER: "server.address",
    PORT: "server.port",
    "db_client_connection_pool_name": "db.client.connection.pool.name",
    "db_client_connection_state": "db.client.connection.state",
}
"""Labels that the conventions name; every other is an attribute of its own name."""

INTEGERS: Final = {STATUS: re.compile("[1-9][0-9]{2}"), PORT: re.compile("[1-9][0-9]{0,4}")}
"""Labels that the conventions have as integers, and the values that are."""


def otel_name(metric: Metric) -> OtelName:
    """The name of the conventions, or else the contract's, whose first word becomes a namespace."""
    return CONVENTIONS.get(metric.name) or _by_rule(metric)


def _by_rule(metric: Metric) -> OtelName:
    base = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    stem = base.removesuffix("_" + metric.unit)
    if metric.unit in UNITS and stem != base:
        return OtelName(_spaced(stem), UNITS[metric.unit])
    return OtelName(_spaced(base), _counted(base))


def _spaced(name: str) -> str:
    return name.replace("_", ".", 1)


def _counted(name: str) -> str:
    """What a name counts, as a unit: the last of its words in the plural."""
    for word in reversed(name.split("_")[1:]):
        if word == "series":
            return "{series}"
        if word.endswith("ies"):
            return f"{{{word[:-3]}y}}"
        if word.endswith("s") and not word.endswith("ss"):
            return f"{{{word[:-1]}}}"
    return ""


def attributes(names: Iterable[str], values: Iterable[str]) -> Mapping[str, str | int]:
    """The attributes of a series. An empty label is left out, as in Prometheus.

    A status code and a port are integers, as the conventions require.
    """
    return {
        ATTRIBUTES.get(name, name): _value(name, value)
        for name, value in zip(names, values, strict=False)
        if value
    }


def _value(name: str, value: str) -> str | int:
    if name in INTEGERS and INTEGERS[name].fullmatch(value):
        return int(value)
    return encodable(value)
