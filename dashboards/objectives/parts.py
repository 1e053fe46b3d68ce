"""What several sections of this dashboard say alike."""

from typing import Final

from dashboards import recorded
from dashboards.promql import recorded as of

NO_OBJECTIVE: Final = "No objective, no traffic, or rules not loaded: see Telemetry health"
BY: Final = ("job", "slo", "http_request_method", "http_route")
ON: Final = f"on ({', '.join(BY)})"


def burn(window: str) -> str:
    """How many times as fast as allowed each budget is spent."""
    return f"{of(recorded.burnt(window))} / {ON} {of(recorded.BUDGET)}"


def ends() -> str:
    """Seconds until nothing is left, if the burn of 6 hours goes on; whatever their windows."""
    return (
        f"(({of(recorded.BUDGET_LEFT)} > 0) / {ON} ({burn('6h')} > 0)) * {ON} {of(recorded.WINDOW)}"
    )
