"""Checks of an application: that it is measured, once, and by the outermost middleware."""

from collections.abc import Iterator
from typing import Any

from sidelight.asgi import builtin_telemetry, otel_instrumentation
from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.asgi.routes import RouteTable
from sidelight.asgi.unknown_routes import unknown_routes
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.doctor.registries import check_registries
from sidelight.doctor.wrappers import is_application, path_to
from sidelight.runtime.about import version
from sidelight.settings import Settings
from sidelight.store.service_info import TELEMETRY_FIX

OTHERS = {
    "PrometheusInstrumentatorMiddleware": "prometheus-fastapi-instrumentator",
    "PrometheusMiddleware": "a Prometheus middleware",
    "OpenTelemetryMiddleware": "OpenTelemetry's instrumentation",
}


def check_application(app: Any) -> Iterator[Finding]:
    """Findings from the attributes of an application, and of what wraps it."""
    path = _path(app)
    if not path:
        yield fail("the application is not measured", "app.add_middleware(SidelightMiddleware)")
        return
    middlewares = middleware_of(app)
    for middleware in middlewares:
        yield from _settings(middleware)
    found = [middleware.lifecycle.settings for middleware in middlewares]
    if not any(middleware.lifecycle.problem for middleware in middlewares):
        yield from check_registries([one.registry for one in found if one is not None])
    classes = [cls for one in path for cls in _classes(one)]
    if classes.count(SidelightMiddleware) > 1:
        yield warn("SidelightMiddleware is added twice; one of the two does nothing", "add it once")
    yield from _outside(path)
    yield from _others(classes)
    yield from _telemetry(path[-1])


def middleware_of(app: Any) -> list[SidelightMiddleware]:
    """What measures an application: what is around it, and what it adds when it starts."""
    found = []
    for one in _path(app):
        if isinstance(one, SidelightMiddleware):
            found.append(one)
        added = getattr(one, "user_middleware", ())
        kwargs = [entry.kwargs for entry in added if entry.cls is SidelightMiddleware]
        found += [SidelightMiddleware(one, **each) for each in kwargs]
    return found


def _path(app: Any) -> list[Any]:
    """From what is outermost, by the first that is measured, to the application; [] without."""
    path = path_to(app, lambda one: SidelightMiddleware in _classes(one))
    return path + path_to(path[-1], is_application)[1:] if path else []


def _classes(app: Any) -> list[Any]:
    """The middleware of an application; of a wrapper, its class."""
    if is_application(app):
        return [entry.cls for entry in app.user_middleware]
    return [type(app)]


def _outside(path: list[Any]) -> Iterator[Finding]:
    """What each request goes through before it comes to Sidelight."""
    for one in path:
        classes = _classes(one)
        if SidelightMiddleware in classes:
            names = [cls.__name__ for cls in classes[: classes.index(SidelightMiddleware)]]
            fix = "call app.add_middleware(SidelightMiddleware) last"
        else:
            names = [getattr(one, "__qualname__", type(one).__name__)]
            fix = f"SidelightMiddleware({names[0]}(...)), if its requests are to be measured too"
        if names:
            what = "is outside of SidelightMiddleware: what it answers itself is not measured"
            yield warn(f"{', '.join(names)} {what}", fix)
        if SidelightMiddleware in classes:
            return


def _settings(middleware: SidelightMiddleware) -> Iterator[Finding]:
    middleware.lifecycle.prepare()
    settings = middleware.lifecycle.settings
    if middleware.lifecycle.problem:
        yield fail(middleware.lifecycle.problem, "correct the option where the middleware is added")
    elif settings is not None:  # it is where SIDELIGHT_DISABLED turns everything off
        yield ok("the application is measured")
        yield from _routes(settings, middleware.app)
        if settings.phase_sample_interval:
            yield from _phases()


def _routes(settings: Settings, app: Any) -> Iterator[Finding]:
    """Names of routes in the settings that the application does not have."""
    inner = path_to(app, is_application)
    for unknown in unknown_routes(settings, RouteTable(inner[-1:])):
        near = unknown.nearest or "METHOD /template"
        yield warn(
            f"{unknown.key} names {unknown.name!r}, which is no route of the application",
            f"write {near!r}, as the route is declared",
        )
    for path in settings.exclude:
        if "{" in path:
            what = f"exclude names {path!r}, and a path is compared as it is, without parameters"
            yield warn(what, f"exclude {path.partition('{')[0] + '*'!r}")


def _phases() -> Iterator[Finding]:
    """Whether this FastAPI reports the phases of a request."""
    if version("fastapi") and not builtin_telemetry.reports_operations():
        fix = "phase_sample_interval=0 turns them off"
        if not builtin_telemetry.KNOWN:
            fix = f"pip install 'fastapi>={builtin_telemetry.FIRST}', or {fix}"
        yield warn(f"FastAPI {version('fastapi')} does not report the phases of a request", fix)


def _others(classes: list[Any]) -> Iterator[Finding]:
    for cls in classes:
        if cls.__name__ in OTHERS:
            yield warn(
                f"{OTHERS[cls.__name__]} ({cls.__module__}) measures the same requests",
                f"remove add_middleware({cls.__name__}), or see docs/migrate.md to run both",
            )


def _telemetry(app: Any) -> Iterator[Finding]:
    """FastAPI's own metrics (0.142 and later), which have the same names, or OpenTelemetry's."""
    if builtin_telemetry.sends_metrics(app):
        yield warn(
            "FastAPI's own telemetry sends http.server.request.duration for the same requests",
            TELEMETRY_FIX,
        )
    if otel_instrumentation.sends_metrics(app):
        yield warn(
            "OpenTelemetry's instrumentation (instrument_app) measures the same requests",
            "FastAPIInstrumentor.instrument_app(app, meter_provider=NoOpMeterProvider())",
        )
