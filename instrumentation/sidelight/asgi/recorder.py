"""What the requests of one application are recorded with, in this process."""

from collections.abc import Callable
from contextlib import suppress

from starlette.types import Scope

from sidelight import latency_objectives
from sidelight.asgi import tracing
from sidelight.asgi.cancellation import server_stops
from sidelight.asgi.labels import Labels, RouteLabel
from sidelight.asgi.loop_blocks import LoopBlockAttribution
from sidelight.asgi.phases import PhaseSampler
from sidelight.asgi.queue_header import QueueHeader
from sidelight.asgi.series import RouteSeries, SeriesWriter
from sidelight.asgi.slow_log import SlowLog
from sidelight.asgi.validation import Validation
from sidelight.cardinality import CardinalityLimiter
from sidelight.contract import NANOSECONDS, SLOW, UNKNOWN
from sidelight.extension import WAY
from sidelight.runtime import process
from sidelight.runtime.about import about
from sidelight.runtime.faults import guarded
from sidelight.runtime.heartbeat import heartbeat
from sidelight.settings import Settings
from sidelight.store.layout import STATE, BlockKind, WorkerState
from sidelight.store.mapped_file import StoreFull
from sidelight.store.process_store import Store
from sidelight.store.service_info import encode
from sidelight.store.slow_requests import SlowRequest

MOST_CLASSES = 64
MOST_CODES = 32


class Recorder:
    """One application's labels and limits, on the file and the heartbeat of this process."""

    def __init__(
        self, settings: Settings, store: Store, router: object, telemetry: str = ""
    ) -> None:
        self.settings = settings
        self.store = store
        self.file = store.file
        self.writer = SeriesWriter(store.file)
        self.heartbeat = heartbeat(store)
        self.heartbeat.app_metrics.add_registry(settings.registry)
        self.faults = self.heartbeat.faults
        self.tracing = tracing.active()
        self.class_names = CardinalityLimiter(MOST_CLASSES)
        self.close_codes = CardinalityLimiter(MOST_CODES)
        self.about = about(settings, store.instance, fast_path=WAY, telemetry=telemetry)
        self._slow_log = SlowLog()
        self._routes: dict[tuple[str, str, str], RouteSeries] = {}
        self._on_renewal: list[Callable[[], None]] = []
        self._on_change: list[Callable[[], None]] = []
        with suppress(StoreFull):  # a store this small still counts
            if objectives := latency_objectives.encode(settings.latency_objectives):
                self.file.append_block(BlockKind.LATENCY_OBJECTIVES, objectives)
            self.file.append_block(BlockKind.SERVICE_INFO, encode(self.about))
        self.labels = Labels(settings, self.file, router, self._forget)
        self.sampler = PhaseSampler(settings.phase_sample_interval)
        name = settings.queue_header
        self.queue_header = None if name is None else QueueHeader(name, store.file, self.faults)
        self.validation = Validation(self.labels, self.writer.increment)
        self._loop_blocks = LoopBlockAttribution(self.labels, self.file)
        self.resume()

    def on_renewal(self, call: Callable[[], None]) -> None:
        """Call this once a second, after the file may have become another."""
        self._on_renewal.append(call)

    def on_change(self, call: Callable[[], None]) -> None:
        """Call this when what was learned of routes may be wrong."""
        self._on_change.append(call)

    def _renew(self) -> None:
        if self.tracing != tracing.active():
            self.tracing = not self.tracing
            self._forget()
        self.labels.refresh({})
        for call in self._on_renewal:
            call()

    def _forget(self) -> None:
        for call in self._on_change:
            call()

    def wake(self) -> None:
        """Start the heartbeat on the running loop, after the present request's turn."""
        with guarded("heartbeat", self.faults):
            self.heartbeat.wake(soon=True)

    def stops(self) -> bool:
        """Whether the application or its server is told to stop."""
        return self.file.words[STATE] != WorkerState.SERVING or server_stops()

    async def collect_app_metrics(self) -> None:
        """Record the application's own metrics once more, for the workers that go on."""
        if self.store.directory is not None:
            with guarded("registry", self.faults):
                await self.heartbeat.app_metrics.collect()

    def resume(self) -> None:
        """Serve, for the first time or after `close` in a process that is alone."""
        self.file.words[STATE] = WorkerState.SERVING
        self.heartbeat.add_application(
            self._renew, self._loop_blocks, self.settings.loop_block_threshold
        )

    def close(self) -> None:
        """Record the process once more, and close the store."""
        self.heartbeat.remove_application(self._renew, self._loop_blocks)
        try:
            with guarded("process", self.faults):
                if self.store.directory is not None:
                    process.publish(self.file)
        finally:
            self.store.close()

    def route_of(self, scope: Scope, status: int) -> RouteLabel:
        """The label ``http_route`` of a request that has been routed; never raises."""
        with guarded("route", self.faults):
            return self.labels.route(scope, status)
        return RouteLabel(UNKNOWN)

    def route_series(self, method: str, route: str, scheme: str, scope: Scope) -> RouteSeries:
        """The series of a method and route, in front of which the ``root_path`` may be."""
        name = (method, route, scheme)
        found = self._routes.get(name)
        if found is None:
            root = self.labels.root_paths.label(scope) or ""
            threshold = self.labels.threshold(method, route.removeprefix(root))
            found = RouteSeries(self.writer, *name, round(threshold * NANOSECONDS))
            found.first_byte = f"{method} {route.removeprefix(root)}" in self.settings.first_byte
            if len(self._routes) < 2 * self.settings.max_series:
                self._routes[name] = found
        return found

    def slow(self, series: RouteSeries, record: SlowRequest) -> None:
        """Count, remember and log one slow request."""
        counter = self.writer.increment(SLOW, (series.method, series.route))
        span = tracing.current()
        if span is not None:
            self.file.set_exemplar(counter, 0, *span, 1.0)
        self.file.add_slow_request(record)
        self._slow_log.write(record)
