"""What measures an application while its store is open, and what is checked when it opens."""

import logging
from typing import NamedTuple

from starlette.types import ASGIApp, Scope

from sidelight import default_log
from sidelight.asgi import background_tasks, builtin_telemetry, busy_time
from sidelight.asgi.exception_handlers import watch
from sidelight.asgi.exclusions import Exclusions
from sidelight.asgi.metrics_endpoint import MetricsEndpoint
from sidelight.asgi.mounted_exporter import MetricsPath, leave_metrics_path
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.request_keys import RequestKeys
from sidelight.asgi.request_waits import RequestWaits
from sidelight.asgi.route_objects import router_below
from sidelight.asgi.routes import RouteTable
from sidelight.asgi.unknown_routes import route_names, unknown_routes
from sidelight.runtime.clock_start import untold
from sidelight.runtime.faults import guarded
from sidelight.settings import Settings
from sidelight.store import supervisor
from sidelight.store.process_store import open_store

logger = logging.getLogger("sidelight")


class OpenStore(NamedTuple):
    """What there is while a store is open: where requests are recorded, looked up and read."""

    recorder: Recorder
    keys: RequestKeys
    exclusions: Exclusions
    endpoint: MetricsPath


def measure(app: ASGIApp, settings: Settings, exclusions: Exclusions, scope: Scope) -> OpenStore:
    """Open the store of an application, and what writes to it. Raises `StoreError`."""
    store = open_store(settings)
    router = router_below(scope, app)
    twice = builtin_telemetry.sends_metrics(scope.get("app"))
    recorder = Recorder(settings, store, router, "metrics" if twice else "")
    with guarded("settings", recorder.faults):
        check_routes(settings, exclusions, recorder.labels.table)
    _watch(app, router, recorder)
    _log_start(settings)
    keys = RequestKeys(recorder, exclusions)
    endpoint = MetricsPath(app, MetricsEndpoint(recorder), recorder, exclusions)
    return OpenStore(recorder, keys, exclusions, endpoint)


def _watch(app: ASGIApp, router: object, recorder: Recorder) -> None:
    """Watch what an application does beside its responses."""
    with guarded("validation", recorder.faults):
        watch(app)
    with guarded("background", recorder.faults):
        background_tasks.watch()
    with guarded("busy", recorder.faults):
        busy_time.clock(router)
    with guarded("waits", recorder.faults):
        recorder.heartbeat.waits = recorder.heartbeat.waits or RequestWaits(recorder)


def _log_start(settings: Settings) -> None:
    why = "" if settings.queue_header else untold(supervisor.server())
    start = f" from the call of the application on, since {why}" if why else ""
    default_log.started("requests are measured%s; settings file: %s", start, settings.file)


def check_routes(settings: Settings, exclusions: Exclusions, table: RouteTable) -> None:
    """Log what in the settings doesn't fit the application's routes."""
    for unknown in unknown_routes(settings, table):
        logger.warning("%s", unknown)
    path = settings.metrics_path
    if route_names(table) & {f"GET {path}", f"* {path}", f"* {path}/{{path}}"}:
        leave_metrics_path(exclusions, path)
