"""OpenTelemetry's instrumentation (opentelemetry-instrumentation-fastapi), where it is in use."""

from contextlib import suppress
from typing import Any

MAX_MIDDLEWARES = 1000


def in_stack_of(app: Any) -> Any:
    """Its middleware among those that an application builds; None without."""
    part = app.middleware_stack or app.build_middleware_stack()
    for _ in range(MAX_MIDDLEWARES):
        kind = type(part)
        if (kind.__module__, kind.__name__) == (
            "opentelemetry.instrumentation.asgi",
            "OpenTelemetryMiddleware",
        ):
            return part
        part = getattr(part, "app", None)
    return None


def sends_metrics(app: Any) -> bool:
    """Whether `instrument_app` was called, and a MeterProvider receives what it measures."""
    if not getattr(app, "_is_instrumented_by_opentelemetry", False):
        return False
    with suppress(Exception):  # a middleware of the application's may not be made outside of it
        meter = getattr(in_stack_of(app), "meter", None)
        meter = getattr(meter, "_real_meter", meter)  # of a proxy, until there is a provider: None
        return meter is not None and type(meter).__name__ != "NoOpMeter"
    return False
