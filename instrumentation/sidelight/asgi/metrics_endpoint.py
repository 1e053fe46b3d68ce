"""``GET /metrics`` of a worker: who may read it, and what the response contains."""

import time
from collections.abc import Generator

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sidelight import bearer_token
from sidelight.asgi.recorder import Recorder
from sidelight.cooperative import holding, in_thread, run_in_turns
from sidelight.export.collector import Collector
from sidelight.export.negotiation import wanted_format
from sidelight.export.response import metrics_response, rendered
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.runtime import process
from sidelight.runtime.faults import guarded
from sidelight.store.schema import StoredFamily
from sidelight.store.stopped_workers import merge_stopped_workers

INTERNAL_ERRORS = StoredFamily("sidelight_internal_errors_total", "counter", ())


class MetricsEndpoint:
    """The metrics of one application, and of all workers it shares a directory with."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._store = recorder.store
        self._collector: Collector | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET or HEAD."""
        answer = refusal(self._recorder.settings.metrics_token, scope)
        if answer is None:
            answer = PlainTextResponse("the metrics can't be read; the log says why\n", 500)
            with guarded("endpoint", self._recorder.faults):
                settings = self._recorder.settings
                answer = await metrics_response(Headers(scope=scope), self.snapshot, settings)
        await answer(scope, receive, send)

    async def snapshot(self) -> Snapshot:
        """All metrics of this moment. Raises whatever goes wrong."""
        began = time.perf_counter_ns()
        heartbeat = self._recorder.heartbeat
        if time.monotonic_ns() > heartbeat.due:  # a worker that answers is not blocked
            self._recorder.wake()
        async with holding(self._store.reading):
            if self._collector is None:
                self._collector = Collector(self._store.reader, self._recorder.file)
            app_metrics = await self._app_metrics()
            await in_thread(self._update)
            heartbeat.chores.renew_file()
            found = await in_thread(run_in_turns, self._collect(self._collector, app_metrics))
            self._collector.add_target_info(found, self._recorder.about)
            self._collector.add_duration(found, time.perf_counter_ns() - began)
        return found

    def _update(self) -> None:
        """Bring this worker's own file up to date."""
        process.publish(self._store.file)
        self._recorder.heartbeat.files.look_for_file()

    def _collect(self, collector: Collector, app_metrics: bytes) -> Generator[None, None, Snapshot]:
        """Merge stopped workers, and take a snapshot of all."""
        store = self._store
        if store.directory is not None:
            with guarded("fold", self._recorder.faults):
                store.directory.mark_scraped()
                yield from merge_stopped_workers(store.reader)
        return (yield from collector.collect(app_metrics))

    async def _app_metrics(self) -> bytes:
        """The application's own metrics, as they are now; the last snapshot if that fails."""
        publisher = self._recorder.heartbeat.app_metrics
        with guarded("registry", self._recorder.faults):
            return await publisher.collect()
        return publisher.latest


def refusal(token: str | None, scope: Scope) -> Response | None:
    """The response to a client without the right token; None for one with it."""
    if token is None:
        return None
    given = bearer_token.presented(Headers(scope=scope).get("authorization", ""))
    if bearer_token.matches(given, token):
        return None
    return PlainTextResponse(
        "a bearer token is needed\n", 401, headers={"www-authenticate": "Bearer"}
    )


def unmeasured_response(where: str, scope: Scope) -> Response:
    """The one metric of a process that has no store: ``where`` says why."""
    wanted = wanted_format(Headers(scope=scope))
    only = Snapshot({SeriesKey(INTERNAL_ERRORS, (where,)): (1,)})
    body = b"".join(rendered(only, wanted))
    return Response(body, headers={"content-type": wanted.content_type})
