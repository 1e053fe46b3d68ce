"""Checks of an application: that it is measured, once, and by the outermost middleware."""

import importlib
import sys
from collections.abc import Iterator
from typing import Any

from sidelight.asgi import builtin_telemetry
from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SidelightError
from sidelight.runtime.about import version
from sidelight.store.service_info import TELEMETRY_FIX

OTHERS = {
    "PrometheusInstrumentatorMiddleware": "prometheus-fastapi-instrumentator",
    "PrometheusMiddleware": "a Prometheus middleware",
    "OpenTelemetryMiddleware": "OpenTelemetry's instrumentation",
}


def find(name: str) -> Any:
    """Import ``module:attribute``. Raises `SidelightError`, with an example."""
    module, colon, attribute = name.partition(":")
    if not colon:
        raise SidelightError(f"{name!r}: an application is MODULE:ATTRIBUTE, as in shop.app:app")
    sys.path.insert(0, "")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise SidelightError(f"{name} can't be imported: {error!r}") from error
    finally:
        sys.path.remove("")


def check_application(app: Any) -> Iterator[Finding]:
    """Findings from the attributes of an application."""
    if isinstance(app, SidelightMiddleware):
        yield from _settings(app)
        app = app.app
        classes: list[Any] = [SidelightMiddleware]
    else:
        stack = list(getattr(app, "user_middleware", ()))
        classes = [entry.cls for entry in stack]
        for entry in stack:
            if entry.cls is SidelightMiddleware:
                yield from _settings(SidelightMiddleware(app, **entry.kwargs))
    if SidelightMiddleware not in classes:
        yield fail("the application is not measured", "app.add_middleware(SidelightMiddleware)")
        return
    yield from _order(classes)
    yield from _others(classes)
    yield from _native(app)


def _settings(middleware: SidelightMiddleware) -> Iterator[Finding]:
    middleware.lifecycle.prepare()
    if middleware.lifecycle.problem:
        yield fail(middleware.lifecycle.problem, "correct the option where the middleware is added")
    else:
        yield ok("the application is measured")
        settings = middleware.lifecycle.settings
        if settings is not None and settings.phase_sample_interval:
            yield from _phases()


def _phases() -> Iterator[Finding]:
    """Whether this FastAPI reports the phases of a request."""
    if version("fastapi") and not builtin_telemetry.reports_operations():
        fix = "phase_sample_interval=0 turns them off"
        if not builtin_telemetry.KNOWN:
            fix = f"pip install 'fastapi>={builtin_telemetry.FIRST}', or {fix}"
        yield warn(f"FastAPI {version('fastapi')} does not report the phases of a request", fix)


def _order(classes: list[Any]) -> Iterator[Finding]:
    outside = [cls.__name__ for cls in classes[: classes.index(SidelightMiddleware)]]
    if classes.count(SidelightMiddleware) > 1:
        yield warn("SidelightMiddleware is added twice; one of the two does nothing", "add it once")
    if outside:
        yield warn(
            f"{', '.join(outside)} is outside of SidelightMiddleware: what it answers itself is "
            "not measured",
            "call app.add_middleware(SidelightMiddleware) last",
        )


def _others(classes: list[Any]) -> Iterator[Finding]:
    for cls in classes:
        if cls.__name__ in OTHERS:
            yield warn(
                f"{OTHERS[cls.__name__]} ({cls.__module__}) measures the same requests",
                f"remove add_middleware({cls.__name__}), or see docs/migrate.md to run both",
            )


def _native(app: Any) -> Iterator[Finding]:
    """FastAPI's own metrics (0.142 and later), which have the same names."""
    if builtin_telemetry.sends_metrics(app):
        yield warn(
            "FastAPI's own telemetry sends http.server.request.duration for the same requests",
            TELEMETRY_FIX,
        )
