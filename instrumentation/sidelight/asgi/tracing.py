"""The recording span of this request, if OpenTelemetry has one."""

import sys
from typing import Any


def active() -> bool:
    """Whether any tracer provider was set, so that looking for a span is worth its time."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return False
    provider = trace.get_tracer_provider()
    return type(provider).__name__ not in {"ProxyTracerProvider", "NoOpTracerProvider"}


def current() -> tuple[bytes, bytes] | None:
    """Trace id (16 bytes) and span id (8 bytes) of the current span, if it is recording."""
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return None
    span = trace.get_current_span()
    if not span.is_recording():
        return None
    context = span.get_span_context()
    return context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")
