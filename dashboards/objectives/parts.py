"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards.promql import burn
from dashboards.promql import recorded as of
from sidelight.slo import names

NO_OBJECTIVE: Final = "No objective, no traffic, or rules not loaded: see Telemetry health"
BY: Final = ("job", "slo", "http_request_method", "http_route")


def ends() -> str:
    """Seconds until nothing is left, if the burn of 6 hours goes on; whatever their windows."""
    return f"({of(names.BUDGET_LEFT)} > 0) / ({burn('6h')} > 0) * {of(names.WINDOW)}"
