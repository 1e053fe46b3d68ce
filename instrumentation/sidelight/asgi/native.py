"""FastAPI's own telemetry (0.142 and later), which sends metrics under the names we use."""

from typing import Any

MEND = 'FastAPI(telemetry={"metrics": False})'
"""The line that leaves the metrics to Sidelight."""


def sends_metrics(app: Any) -> bool:
    """Whether an application of FastAPI's sends request metrics of its own."""
    telemetry = getattr(app, "_native_telemetry", None)
    config = getattr(app, "_telemetry", None) or {}
    return telemetry is not None and bool(config.get("metrics")) and bool(telemetry.enabled())
