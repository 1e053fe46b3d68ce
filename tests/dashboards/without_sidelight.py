"""What the dashboards show of a service that has FastAPI's own telemetry and no Sidelight."""

MUST = {
    "sidelight-fleet": {
        *(f"Services {letter}" for letter in "ABCDEFGH"),
        "Without Sidelight A",
        "Services with the most requests A",
        "Services with the most errors A",
    },
    "sidelight-service": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Budget left A",
        "Instances up A",
        "Measured by A",
        "Requests by status A",
        "Errors B",
        "Latency A",
        "Latency C",
        "Latency distribution A",
        *(f"Routes by share of time {letter}" for letter in "ABCD"),
        *(f"Requests per instance {letter}" for letter in "ABC"),
        *(f"Mean latency per instance {letter}" for letter in "ABC"),
        *(f"Instances furthest from the median {letter}" for letter in "ABCD"),
    },
    "sidelight-route": {
        "Requests A",
        "Errors A",
        "p95 A",
        "Requests of route $route, method $method A",
        "4xx and 5xx of route $route, method $method A",
        "Latency of route $route, method $method A",
        "Latency of route $route, method $method C",
        "Latency distribution of route $route, method $method A",
        "Requests: now and before A",
        "p95: now and before A",
        "Duration of 5xx responses A",
    },
    "sidelight-objectives": {
        "Least budget left A",
        "Highest burn rate, 1 h A",
        *(f"Objectives {letter}" for letter in "ABCDEF"),
        "Burn rate over 1h and 5m A",
        "Budget left over time A",
        "All requests and bad requests A",
        *(f"Routes with the most failed requests {letter}" for letter in "ABCD"),
        "Share of failed requests A",
    },
}
"""Queries that must have data."""
SIDELIGHT_ONLY = {
    "sidelight-service": {
        "Event loop lag A": "requires Sidelight",
        "AnyIO threads A": "requires Sidelight",
    },
    "sidelight-route": {
        "In flight A": "requires Sidelight",
        "Oldest in flight A": "requires Sidelight",
        "Exceptions of route $route, method $method A": "requires Sidelight",
        "Time by phase A": "requires Sidelight",
        "First byte and last byte A": "requires Sidelight",
        "Validation errors by field A": "requires Sidelight",
        "Open connections A": "requires Sidelight",
    },
}
"""Queries that only Sidelight can answer, and the text of their panels without data."""
